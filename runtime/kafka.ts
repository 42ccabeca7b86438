/**
 * Kafka, behind ports of our own. With kafka-producer.ts the only module that imports the Kafka client.
 *
 * - Producing (kafka-producer.ts) is idempotent with acks = all, one send in flight.
 * - Reading (`createReader`) only fetches: each record goes to the listener at once, so that fetching and heartbeats go on
 *   however long the work on a record takes. Order of effects, positions and pauses are runtime/consume.ts.
 * - Every error is a SyncError; the client's own log goes to ours without payloads.
 */
import net from 'node:net';
import tls from 'node:tls';
import kafkajs, { Kafka as KafkaClient, logLevel } from 'kafkajs';
import type { Admin, Consumer, EachBatchPayload, ISocketFactoryArgs, LogEntry } from 'kafkajs';
import { SyncError } from '../schemas/errors.ts';
import { SEGMENT_MS, topicName } from '../schemas/topics.ts';
import type { Topic } from '../schemas/topics.ts';
import { openProducer } from './kafka-producer.ts';
import type { Logger } from './logger.ts';
import { createPublisher } from './publisher.ts';
import { sleep } from './sleep.ts';
import type { Publisher, PublisherOptions } from './publisher.ts';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}
/** How long a record stays at most (ms): by its age, the rest of its segment included; and once a newer one has its key. Null: not bounded in this way. */
export interface TopicKeeping {
  readonly agedMs: number | null;
  readonly compactedMs: number | null;
}
/** The log of a partition: its first offset, and the one that the next record will get. */
export interface PartitionRange extends TopicPartition {
  readonly low: bigint;
  readonly high: bigint;
}
/** The next offset to be read. */
export interface PartitionOffset extends TopicPartition {
  readonly next: bigint;
}
export interface KafkaRecord {
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Epoch ms, as the producer or the broker set it. */
  readonly timestamp: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ReaderListener {
  /** A new assignment. All its partitions are paused until they are sought and resumed. */
  readonly onAssigned: (partitions: readonly TopicPartition[]) => void;
  readonly onRecords: (at: TopicPartition, records: readonly KafkaRecord[], highWatermark: bigint) => void;
  /** The reader is dead and must be replaced. */
  readonly onCrash: (error: SyncError) => void;
}
export interface ReaderOptions extends ReaderListener {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Default: the connection's. */
  readonly sessionTimeoutMs?: number | undefined;
  /** Longest wait of one fetch (ms); a record ends it at once, a resumed partition waits for it. */
  readonly maxWaitMs: number;
}
export interface Reader {
  /** Joins the group; rejects with SyncError `kafka_unavailable` when no broker answers. */
  start(): Promise<void>;
  pause(at: TopicPartition): void;
  resume(at: TopicPartition): void;
  seek(at: TopicPartition, offset: bigint): void;
  /** Stores offsets in the group; a failure is a SyncError `kafka_unavailable`. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  close(): Promise<void>;
}

export interface Kafka {
  /** Creates the topics that are missing; existing ones are left as they are. */
  ensureTopics(prefix: string, topics: readonly Topic[]): Promise<void>;
  deleteTopics(names: readonly string[]): Promise<void>;
  ranges(topics: readonly string[]): Promise<readonly PartitionRange[]>;
  /** For how long records stay, as the topics are set up now. */
  keeping(topics: readonly string[]): Promise<ReadonlyMap<string, TopicKeeping>>;
  /** The offset that the group committed; null when it never did. */
  committed(groupId: string, at: TopicPartition): Promise<bigint | null>;
  publisher(bounds?: Omit<PublisherOptions, 'send'>): Publisher;
  /** Makes a reader that reads nothing before its `start`. */
  createReader(options: ReaderOptions): Reader;
  /** Rejects with SyncError `kafka_unavailable` when no broker answers; for readiness. */
  check(): Promise<void>;
  /** Closes what was opened here: publishers are drained, readers must have been closed before. */
  close(): Promise<void>;
}

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly logger: Logger;
  readonly connectionTimeoutMs?: number;
  /** How long the brokers wait for a word of a member of a group before they give its partitions to another (ms, default 10,000). */
  readonly sessionTimeoutMs?: number;
}

/** Records larger than this are refused by the broker. */
const MAX_MESSAGE_BYTES = 4_194_304;
const CLOSE_TIMEOUT_MS = 5_000;

/** Without delay: small requests must not wait for the acknowledgement of the ones before. */
function connectSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs): net.Socket {
  const servername = net.isIP(host) ? {} : { servername: host };
  const socket = ssl ? tls.connect({ host, port, ...servername, ...ssl }, onConnect) : net.connect({ host, port }, onConnect);
  socket.setKeepAlive(true, 60_000);
  socket.setNoDelay(true);
  return socket;
}

/** The client's own lines: known facts only, its `info` is our `debug`. */
function logCreator(logger: Logger): () => (entry: LogEntry) => void {
  return () => ({ level, namespace, log }) => {
    const { message, groupId, topic, partition, broker, retryCount, retryTime, error } = log;
    const facts = { part: `kafka/${namespace}`, groupId, topic, partition, broker, retryCount, retryTime, reason: typeof error === 'string' ? error : undefined };
    logger[level === logLevel.ERROR ? 'warn' : 'debug'](facts, message);
  };
}

/** The protocol's name of an error; the client's error classes cannot be imported by name in an ES module. */
function typeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'type' in error ? String(error.type) : undefined;
}

function kafkaError(error: unknown, operation: string): SyncError {
  if (error instanceof SyncError) return error;
  const type = typeOf(error);
  if (type === 'MESSAGE_TOO_LARGE') return new SyncError('record_invalid', `${operation}: a record exceeds ${MAX_MESSAGE_BYTES} bytes`, { operation });
  const what = type ?? (error instanceof Error ? error.name : 'unknown error');
  return new SyncError('kafka_unavailable', `${operation}: ${what}`, { operation, cause: error });
}

async function mapped<T>(operation: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw kafkaError(error, operation);
  }
}

/** The client can hang while it leaves a group whose broker is gone. */
async function withinCloseTimeout(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, CLOSE_TIMEOUT_MS); });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}

function toRecords(payload: EachBatchPayload): KafkaRecord[] {
  return payload.batch.messages.map(({ offset, key, value, timestamp, headers }) => ({
    offset: BigInt(offset), key, value, timestamp: Number(timestamp),
    headers: headers ? Object.fromEntries(Object.entries(headers).map(([name, header]) => [name, String(header)])) : {},
  }));
}

function listen(consumer: Consumer, options: ReaderOptions): void {
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const partitions = Object.entries(payload.memberAssignment).flatMap(([topic, list]) => list.map((partition) => ({ topic, partition })));
    consumer.pause(partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })));
    options.onAssigned(partitions);
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => options.onCrash(kafkaError(payload.error, 'consume')));
}

function createReader(client: KafkaClient, options: ReaderOptions, usualSessionTimeoutMs: number): Reader {
  const { sessionTimeoutMs = usualSessionTimeoutMs } = options;
  const consumer = client.consumer({
    groupId: options.groupId, sessionTimeout: sessionTimeoutMs, rebalanceTimeout: sessionTimeoutMs, heartbeatInterval: 1_000,
    maxWaitTimeInMs: options.maxWaitMs, minBytes: 1, allowAutoTopicCreation: false, retry: { restartOnFailure: () => Promise.resolve(false) },
  });
  listen(consumer, options);
  function onBatch(payload: EachBatchPayload): Promise<void> {
    const { topic, partition, messages, highWatermark } = payload.batch;
    const last = messages.at(-1);
    if (!last || payload.isStale() || !payload.isRunning()) return Promise.resolve();
    options.onRecords({ topic, partition }, toRecords(payload), BigInt(highWatermark));
    payload.resolveOffset(last.offset);
    return Promise.resolve();
  }
  async function start(): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: onBatch });
  }
  return {
    start: () => mapped(`consume ${options.topics.join(', ')}`, start()),
    pause: ({ topic, partition }) => consumer.pause([{ topic, partitions: [partition] }]),
    resume: ({ topic, partition }) => consumer.resume([{ topic, partitions: [partition] }]),
    seek: ({ topic, partition }, offset) => consumer.seek({ topic, partition, offset: offset.toString() }),
    commit: (offsets) => mapped('commit', consumer.commitOffsets(offsets.map(({ topic, partition, next }) => ({ topic, partition, offset: next.toString() })))),
    close: () => withinCloseTimeout(consumer.disconnect()),
  };
}

async function ensureTopics(admin: Admin, prefix: string, topics: readonly Topic[]): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const missing = topics.map((topic) => ({ ...topic, name: topicName(prefix, topic.name) })).filter((topic) => !existing.has(topic.name));
  if (missing.length === 0) return;
  await patiently(() => admin.createTopics({
    waitForLeaders: true,
    topics: missing.map((topic) => ({
      topic: topic.name, numPartitions: topic.partitions,
      configEntries: [
        { name: 'cleanup.policy', value: topic.cleanup },
        { name: 'retention.ms', value: String(topic.retentionMs) },
        { name: 'segment.ms', value: String(SEGMENT_MS) },
        ...compactionOf(topic),
        { name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) },
      ],
    })),
  }));
}

function compactionOf({ compactionLagMs: lag, retentionMs }: Topic): { name: string; value: string }[] {
  if (lag === undefined) return [];
  return [
    { name: 'min.compaction.lag.ms', value: String(lag.min) }, { name: 'max.compaction.lag.ms', value: String(lag.max) },
    // A consumer that was away sees the tombstones as long as it would see records.
    { name: 'delete.retention.ms', value: String(retentionMs) },
  ];
}

const SETTINGS = ['cleanup.policy', 'retention.ms', 'segment.ms', 'max.compaction.lag.ms'];

/** As the brokers apply them now, their own defaults included. */
async function keepingOf(admin: Admin, topics: readonly string[]): Promise<ReadonlyMap<string, TopicKeeping>> {
  const described = await admin.describeConfigs({ includeSynonyms: false, resources: topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: SETTINGS })) });
  return new Map(described.resources.map(({ resourceName, configEntries }): [string, TopicKeeping] => {
    const valueOf = (name: string): string => configEntries.find(({ configName }) => configName === name)?.configValue ?? '';
    const isCompacted = valueOf('cleanup.policy').includes('compact');
    const isAged = valueOf('cleanup.policy').includes('delete') && Number(valueOf('retention.ms')) >= 0;
    return [resourceName, {
      agedMs: isAged ? bounded(Number(valueOf('retention.ms')) + Number(valueOf('segment.ms'))) : null,
      compactedMs: isCompacted ? bounded(Number(valueOf('max.compaction.lag.ms'))) : null,
    }];
  }));
}

/** Brokers say "for ever" by the largest number that they have. */
function bounded(ms: number): number | null {
  return Number.isSafeInteger(ms) ? ms : null;
}

const LEADER_TRIES = 5;

/** A topic may be made and its leaders not yet known to the broker that is asked; asking again makes nothing twice. */
async function patiently(create: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await create();
      return;
    } catch (error) {
      const isEarly = typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
      if (!isEarly || tries === LEADER_TRIES) throw error;
      await sleep(200 * tries);
    }
  }
}

async function rangesOf(admin: Admin, topics: readonly string[]): Promise<readonly PartitionRange[]> {
  const perTopic = await Promise.all(topics.map(async (topic) => {
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets.map(({ partition, low, high }) => ({ topic, partition, low: BigInt(low), high: BigInt(high) }));
  }));
  return perTopic.flat();
}

async function committedOf(admin: Admin, groupId: string, { topic, partition }: TopicPartition): Promise<bigint | null> {
  const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const offset = answer?.partitions.find((entry) => entry.partition === partition)?.offset;
  return offset === undefined || offset === '-1' ? null : BigInt(offset);
}

/** Connects, or rejects with SyncError `kafka_unavailable` that names the brokers. */
export async function connectKafka({ brokers, clientId, logger, connectionTimeoutMs = 3_000, sessionTimeoutMs = 10_000 }: KafkaOptions): Promise<Kafka> {
  const common = {
    clientId, brokers: [...brokers], connectionTimeout: connectionTimeoutMs, requestTimeout: 20_000, socketFactory: connectSocket,
    logLevel: logLevel.INFO, logCreator: logCreator(logger),
  };
  const client = new KafkaClient({ ...common, retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8 } });
  const admin = new KafkaClient({ ...common, retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 } }).admin();
  try {
    await admin.connect();
  } catch (error) {
    throw new SyncError('kafka_unavailable', `no Kafka broker answers at ${brokers.join(', ')}`, { operation: 'connect', cause: error });
  }
  const closers: (() => Promise<void>)[] = [];
  return {
    ensureTopics: (prefix, topics) => mapped('create topics', ensureTopics(admin, prefix, topics)),
    deleteTopics: (names) => mapped('delete topics', admin.deleteTopics({ topics: [...names] })),
    ranges: (topics) => mapped('read offsets', rangesOf(admin, topics)),
    keeping: (topics) => mapped('read settings of topics', keepingOf(admin, topics)),
    committed: (groupId, at) => mapped('read committed offsets', committedOf(admin, groupId, at)),
    publisher: (bounds = {}) => {
      const producer = openProducer(client, withinCloseTimeout);
      const publisher = createPublisher({ ...bounds, send: (messages) => mapped('publish', producer.send(messages)) });
      closers.push(async () => { await publisher.close(); await producer.close(); });
      return publisher;
    },
    createReader: (options) => createReader(client, options, sessionTimeoutMs),
    check: async () => { await mapped('describe cluster', admin.describeCluster()); },
    close: async () => {
      await Promise.all(closers.map((close) => close()));
      await withinCloseTimeout(admin.disconnect());
    },
  };
}
