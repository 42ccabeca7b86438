/**
 * Kafka in KRaft mode: one process that is broker and controller, formatted once.
 * Replication factors are 1 because there is one node; the rebalance delay is 0 because nobody is waited for.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeCluster } from './kafka-admin.ts';
import { Part } from './part.ts';

const run = promisify(execFile);

export type KafkaOptions = {
  readonly jars: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly brokerPort: number;
  readonly controllerPort: number;
};

/** Prepares the folder (formats it when it is new) and returns the part, not yet started. */
export async function prepareKafka(options: KafkaOptions): Promise<Part> {
  const { dataDir, jars, brokerPort, logFile } = options;
  await mkdir(dataDir, { recursive: true });
  const properties = join(dataDir, 'server.properties');
  const logging = join(dataDir, 'log4j2.properties');
  await writeFile(properties, serverProperties(options));
  await writeFile(logging, LOGGING);
  const java = ['-cp', `${jars}/*`, `-Dlog4j2.configurationFile=${logging}`];
  if (!(await exists(join(dataDir, 'logs', 'meta.properties')))) await format(java, properties);
  return new Part({
    name: 'kafka',
    command: 'java',
    // The machine is small and shared with everything else: no second compiler, no concurrent collector.
    args: ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...java, 'kafka.Kafka', properties],
    cwd: dataDir,
    logFile,
    probe: () => describeCluster([`127.0.0.1:${brokerPort}`]),
    stopSignal: 'SIGTERM',
    discardSignal: 'SIGKILL',
  });
}

async function format(java: readonly string[], properties: string): Promise<void> {
  // A cluster id may not begin with a dash: the tool would take it for an option.
  const clusterId = `K${randomBytes(16).toString('base64url').slice(1)}`;
  await run('java', ['-Xmx128m', '-XX:TieredStopAtLevel=1', ...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties]);
}

function serverProperties({ dataDir, brokerPort, controllerPort }: KafkaOptions): string {
  const settings: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'listeners': `BROKER://127.0.0.1:${brokerPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `BROKER://127.0.0.1:${brokerPort}`,
    'listener.security.protocol.map': 'BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'BROKER',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(dataDir, 'logs'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    'log.segment.delete.delay.ms': 1000,
  };
  return Object.entries(settings).map(([key, value]) => `${key}=${value}\n`).join('');
}

const LOGGING = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`;

function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}
