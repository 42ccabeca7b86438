/**
 * The same four servers as containers, by testcontainers: on free ports of the engine's host, removed at the
 * end (also after a crash, by the library's reaper). Images can be exchanged for a mirror by the options.
 */
import { request } from 'node:http';
import type { StartedNetwork, StartedTestContainer } from 'testcontainers';
import { freePorts } from './ports.ts';
import { type Stack, StackUnavailable } from './stack.ts';

export type Images = { readonly kafka: string; readonly registry: string; readonly postgres: string; readonly redis: string };

export const IMAGES: Images = {
  kafka: 'apache/kafka:4.1.0',
  registry: 'apicurio/apicurio-registry:3.0.9',
  postgres: 'postgres:18',
  redis: 'redis:7',
};

const ENGINE_ANSWER_LIMIT_MS = 2000;
const START_LIMIT_MS = 180_000;
const USER = 'bevatel';
const PASSWORD = 'bevatel';
const REGISTRY_DATABASE = 'schema_registry';
const SYNC_DATABASE = 'bevatel_sync';

type Started = { readonly containers: StartedTestContainer[]; network?: StartedNetwork };

/** Does a Docker engine answer at DOCKER_HOST (unix: or tcp: without TLS) or at the usual socket? */
export function dockerAnswers(environment: NodeJS.ProcessEnv): Promise<boolean> {
  const address = new URL(environment['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock');
  const target = address.protocol === 'unix:'
    ? { socketPath: address.pathname }
    : { host: address.hostname, port: Number(address.port) };
  return new Promise((resolve) => {
    const ask = request({ ...target, path: '/_ping', timeout: ENGINE_ANSWER_LIMIT_MS }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    ask.on('timeout', () => ask.destroy());
    ask.on('error', () => { resolve(false); });
    ask.end();
  });
}

/** @throws StackUnavailable when an image cannot be had or a container does not start; nothing is left behind. */
export async function startDockerStack({ images = IMAGES, log }: { images?: Images; log: (line: string) => void }): Promise<Stack> {
  const started: Started = { containers: [] };
  try {
    const urls = await startContainers(started, images, log);
    return { kind: 'docker', urls, stop: () => stopContainers(started) };
  } catch (cause) {
    await stopContainers(started);
    throw new StackUnavailable(`the Docker engine answers, but the stack does not start: ${String(cause)}`, { cause });
  }
}

async function startContainers(started: Started, images: Images, log: (line: string) => void): Promise<Stack['urls']> {
  const { getContainerRuntimeClient, Network } = await import('testcontainers');
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime;
  started.network = await new Network().start();
  const track = async (name: string, container: Promise<StartedTestContainer>): Promise<StartedTestContainer> => {
    const running = await container;
    started.containers.push(running);
    log(`${name} answers`);
    return running;
  };
  const [kafka, redis, [postgres, registry]] = await settleAll([
    startKafka(images.kafka, host, track),
    startRedis(images.redis, track),
    startPostgresAndRegistry(images, started.network, track),
  ] as const);
  return {
    kafkaBrokers: [kafka],
    schemaRegistryUrl: `http://${host}:${registry.getMappedPort(8080)}/apis/ccompat/v7`,
    databaseUrl: `postgres://${USER}:${PASSWORD}@${host}:${postgres.getMappedPort(5432)}/${SYNC_DATABASE}`,
    redisUrl: `redis://${host}:${redis.getMappedPort(6379)}`,
  };
}

type Track = (name: string, container: Promise<StartedTestContainer>) => Promise<StartedTestContainer>;

/** Kafka tells its clients where it is, so its port on the host is chosen before it starts. */
async function startKafka(image: string, host: string, track: Track): Promise<string> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const [port = 0] = await freePorts(1);
  const container = new GenericContainer(image)
    .withExposedPorts({ container: 9092, host: port })
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENERS: 'CLIENT://0.0.0.0:9092,CONTROLLER://localhost:9093',
      KAFKA_ADVERTISED_LISTENERS: `CLIENT://${host}:${port}`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_INTER_BROKER_LISTENER_NAME: 'CLIENT',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(START_LIMIT_MS);
  await track('kafka', container.start());
  return `${host}:${port}`;
}

async function startRedis(image: string, track: Track): Promise<StartedTestContainer> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = new GenericContainer(image)
    .withExposedPorts(6379)
    .withCommand(['redis-server', '--save', '', '--appendonly', 'no'])
    .withWaitStrategy(Wait.forSuccessfulCommand('redis-cli ping'))
    .withStartupTimeout(START_LIMIT_MS);
  return track('redis', container.start());
}

async function startPostgresAndRegistry(images: Images, network: StartedNetwork, track: Track): Promise<[StartedTestContainer, StartedTestContainer]> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const postgres = await track('postgres', new GenericContainer(images.postgres)
    .withNetwork(network)
    .withNetworkAliases('postgres')
    .withExposedPorts(5432)
    .withEnvironment({ POSTGRES_USER: USER, POSTGRES_PASSWORD: PASSWORD, POSTGRES_DB: SYNC_DATABASE })
    .withCopyContentToContainer([{ content: `CREATE DATABASE ${REGISTRY_DATABASE};`, target: '/docker-entrypoint-initdb.d/registry.sql' }])
    .withCommand(['postgres', '-c', 'wal_level=logical', '-c', 'max_replication_slots=64', '-c', 'max_wal_senders=64', '-c', 'max_connections=300'])
    // The image starts the server once for its own set-up and a second time for good.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .withStartupTimeout(START_LIMIT_MS)
    .start());
  const registry = await track('registry', new GenericContainer(images.registry)
    .withNetwork(network)
    .withExposedPorts(8080)
    .withEnvironment({
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'postgresql',
      APICURIO_DATASOURCE_URL: `jdbc:postgresql://postgres:5432/${REGISTRY_DATABASE}`,
      APICURIO_DATASOURCE_USERNAME: USER,
      APICURIO_DATASOURCE_PASSWORD: PASSWORD,
    })
    .withWaitStrategy(Wait.forHttp('/apis/ccompat/v7/subjects', 8080))
    .withStartupTimeout(START_LIMIT_MS)
    .start());
  return [postgres, registry];
}

/** As Promise.all, but fails only when all have come to an end, so that every container is known to the clean-up. */
async function settleAll<T extends readonly unknown[]>(work: { readonly [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(work);
  return Promise.all(work) as unknown as Promise<T>;
}

async function stopContainers({ containers, network }: Started): Promise<void> {
  await Promise.allSettled(containers.splice(0).map((container) => container.stop()));
  await network?.stop().catch(() => undefined);
}
