/**
 * The four servers of an embedded stack and the order of their start: Postgres, Kafka and Redis at once,
 * the registry as soon as Postgres answers, because its schemas live there.
 */
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artifacts, ensureArtifacts } from './artifacts.ts';
import { prepareKafka } from './kafka.ts';
import type { Part, PartName } from './part.ts';
import { freePorts } from './ports.ts';
import { DATABASE_USER, ensureDatabase, postgresUrl, preparePostgres, type PreparedPostgres } from './postgres.ts';
import { prepareRedis } from './redis.ts';
import { prepareRegistry, registryUrl } from './registry.ts';
import type { StackUrls } from './stack.ts';
import type { Timings } from './supervisor-protocol.ts';

const REGISTRY_DATABASE = 'schema_registry';
const SYNC_DATABASE = 'bevatel_sync';

type EmbeddedPartsOptions = {
  readonly dataDir: string;
  readonly artifactsDir: string;
  readonly ephemeral: boolean;
  readonly log: (line: string) => void;
  /** Told each process id before its part is ready. */
  readonly started: (part: PartName, pid: number) => Promise<void>;
};

type Ports = { broker: number; controller: number; postgres: number; redis: number; registry: number };

export class EmbeddedParts {
  readonly #options: EmbeddedPartsOptions;
  readonly #parts = new Map<PartName, Part>();
  readonly #partsMs: Partial<Record<PartName, number>> = {};
  #stopped = false;

  constructor(options: EmbeddedPartsOptions) {
    this.#options = options;
  }

  part(name: PartName): Part | undefined {
    return this.#parts.get(name);
  }

  /** Resolves when every part answered a real request. On failure the parts that run are left to `stop`. */
  async start(): Promise<{ urls: StackUrls; timings: Timings }> {
    const begun = performance.now();
    const { dataDir, artifactsDir, log } = this.#options;
    await mkdir(join(dataDir, 'logs'), { recursive: true });
    const initialised = await access(this.#folder('postgres.password')).then(() => true, () => false);
    const ports = await choosePorts();
    const artifacts = ensureArtifacts(artifactsDir, log);
    const postgres = this.#startPostgres(ports);
    const outcomes = await Promise.allSettled([
      postgres,
      artifacts.then((found) => this.#startKafka(ports, found)),
      artifacts.then((found) => this.#startRedis(ports, found)),
      Promise.all([artifacts, postgres]).then(([found, { password }]) => this.#startRegistry(ports, found, password)),
    ]);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const { downloaded } = await artifacts;
    const timings = {
      warm: initialised && !downloaded, totalMs: Math.round(performance.now() - begun), partsMs: this.#partsMs,
    };
    return { urls: urlsOf(ports, (await postgres).password), timings };
  }

  /** Ends all parts; the registry before the database that it writes to. */
  async stop({ discard }: { discard: boolean }): Promise<void> {
    this.#stopped = true;
    const end = (name: PartName): Promise<void> | undefined => {
      const part = this.#parts.get(name);
      return discard ? part?.discard() : part?.stop();
    };
    await Promise.all([end('kafka'), end('redis'), (async () => { await end('registry'); await end('postgres'); })()]);
  }

  async #startPostgres(ports: Ports): Promise<PreparedPostgres> {
    const prepared = await preparePostgres({ ...this.#places('postgres'), port: ports.postgres, throwaway: this.#options.ephemeral });
    await this.#run(prepared.part);
    const url = postgresUrl(ports.postgres, prepared.password);
    await ensureDatabase(url, REGISTRY_DATABASE);
    await ensureDatabase(url, SYNC_DATABASE);
    return prepared;
  }

  async #startKafka(ports: Ports, { kafkaJars }: Artifacts): Promise<void> {
    await this.#run(await prepareKafka({
      ...this.#places('kafka'), jars: kafkaJars, brokerPort: ports.broker, controllerPort: ports.controller,
    }));
  }

  async #startRedis(ports: Ports, { redisServer }: Artifacts): Promise<void> {
    await this.#run(await prepareRedis({ ...this.#places('redis'), server: redisServer, port: ports.redis }));
  }

  async #startRegistry(ports: Ports, { registryJar }: Artifacts, password: string): Promise<void> {
    await this.#run(await prepareRegistry({
      ...this.#places('registry'), jar: registryJar, port: ports.registry,
      database: { host: '127.0.0.1', port: ports.postgres, name: REGISTRY_DATABASE, user: DATABASE_USER, password },
    }));
  }

  async #run(part: Part): Promise<void> {
    if (this.#stopped) throw new Error('the stack was stopped while it started');
    const begun = performance.now();
    this.#parts.set(part.name, part);
    await part.start((pid) => this.#options.started(part.name, pid));
    this.#partsMs[part.name] = Math.round(performance.now() - begun);
    this.#options.log(`${part.name} answers after ${this.#partsMs[part.name]} ms`);
  }

  #places(name: PartName): { dataDir: string; logFile: string } {
    return { dataDir: this.#folder(name), logFile: this.#folder(`logs/${name}.log`) };
  }

  #folder(name: string): string {
    return join(this.#options.dataDir, name);
  }
}

async function choosePorts(): Promise<Ports> {
  const [broker = 0, controller = 0, postgres = 0, redis = 0, registry = 0] = await freePorts(5);
  return { broker, controller, postgres, redis, registry };
}

function urlsOf(ports: Ports, password: string): StackUrls {
  return {
    kafkaBrokers: [`127.0.0.1:${ports.broker}`],
    schemaRegistryUrl: registryUrl(ports.registry),
    databaseUrl: postgresUrl(ports.postgres, password, SYNC_DATABASE),
    redisUrl: `redis://127.0.0.1:${ports.redis}`,
  };
}
