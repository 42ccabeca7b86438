/** The Kafka port (runtime/kafka.ts) of one simulated process: late, lossy in its answers, and gone with the process. */
import type { Kafka, PartitionOffset, Reader, ReaderOptions, TopicKeeping, TopicPartition } from '../../runtime/kafka.ts';
import type { Message, Publisher } from '../../runtime/publisher.ts';
import { SyncError } from '../../schemas/errors.ts';
import type { Incarnation } from './incarnation.ts';
import type { KafkaCluster, Member } from './kafka-cluster.ts';
import { keyOf, rebalanceMs, SESSION_MS } from './kafka-cluster.ts';
import type { Owner, Scheduler } from './scheduler.ts';

export interface KafkaFaults {
  isDown(): boolean;
  /** Asked once per send: the brokers have it, but their acknowledgement is lost. */
  losesAcknowledgement(): boolean;
}

export interface KafkaClientOptions {
  readonly cluster: KafkaCluster;
  readonly incarnation: Incarnation;
  readonly scheduler: Scheduler;
  readonly faults: KafkaFaults;
}

/** How long the client tries before it says that no broker answers. */
const GIVES_UP_MS = 3_000;
/** A week, and a day after the tombstone. */
const KEEPING: TopicKeeping = { agedMs: 604_800_000, compactedMs: 86_400_000 };

export function kafkaClient(options: KafkaClientOptions): Kafka {
  const { cluster, incarnation, faults } = options;
  const asks = <T>(answer: () => T): Promise<T> => {
    const isDown = faults.isDown();
    return incarnation.passes('kafka', isDown ? GIVES_UP_MS : incarnation.random.int(1, 8), () => {
      if (isDown) throw unavailable();
      return answer();
    });
  };
  return {
    ensureTopics: () => Promise.resolve(),
    deleteTopics: () => Promise.resolve(),
    ranges: (topics) => asks(() => cluster.ranges(topics)),
    keeping: (topics) => asks(() => new Map(topics.map((topic) => [topic, KEEPING]))),
    committed: (groupId, at) => asks(() => cluster.committed(groupId, at)),
    publisher: () => publisher(options),
    createReader: (reader) => new SimulatedReader(options, reader),
    check: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

function unavailable(): SyncError {
  return new SyncError('kafka_unavailable', 'no broker answers');
}

/** One send at a time, so that order is kept; what the brokers have got stays, whatever becomes of the process. */
function publisher({ cluster, incarnation, scheduler, faults }: KafkaClientOptions): Publisher {
  let last: Promise<void> = Promise.resolve();
  const send = (messages: readonly Message[]): Promise<void> => new Promise((resolve, reject) => {
    if (!incarnation.reaches('publish')) return;
    if (faults.isDown()) return incarnation.later(GIVES_UP_MS, () => reject(unavailable()));
    const isUnacknowledged = faults.losesAcknowledgement();
    scheduler.after(incarnation.random.int(1, 6), () => {
      cluster.append(messages);
      if (isUnacknowledged) incarnation.later(GIVES_UP_MS, () => reject(unavailable()));
      else incarnation.later(incarnation.random.int(1, 6), resolve);
    });
  });
  return {
    publish: (messages) => {
      if (messages.length === 0) return Promise.resolve();
      const sent = last.then(() => send(messages));
      last = sent.catch(() => undefined);
      return sent;
    },
    queued: () => 0,
    close: () => last,
  };
}

interface Fetching {
  position: bigint;
  isPaused: boolean;
  isUnderWay: boolean;
}

class SimulatedReader implements Reader, Member {
  readonly topics: readonly string[];
  readonly #client: KafkaClientOptions;
  readonly #options: ReaderOptions;
  #assigned = new Map<string, Fetching>();
  #isClosed = false;
  /** The newest that the group has settled on, and the one whose partitions it was told. */
  #settled = 0;
  #generation = 0;
  #stay: () => void = () => undefined;

  constructor(client: KafkaClientOptions, options: ReaderOptions) {
    this.#client = client;
    this.#options = options;
    this.topics = options.topics;
  }

  get owner(): Owner {
    return this.#client.incarnation;
  }

  async start(): Promise<void> {
    const { incarnation, faults, scheduler, cluster } = this.#client;
    const isDown = faults.isDown();
    await incarnation.passes('kafka', isDown ? GIVES_UP_MS : incarnation.random.int(1, 30), () => {
      if (isDown) throw unavailable();
      cluster.join(this.#options.groupId, this);
    });
    // The group notices a dead member when its session has timed out.
    this.#stay = incarnation.onLeaving(() => scheduler.after(SESSION_MS, () => cluster.leave(this.#options.groupId, this)));
  }

  expelled(): void {
    const { cluster, incarnation } = this.#client;
    const { groupId } = this.#options;
    if (this.#isClosed || !cluster.isMember(groupId, this)) return;
    cluster.leave(groupId, this);
    incarnation.later(incarnation.random.int(50, 400), () => {
      if (!this.#isClosed && !cluster.isMember(groupId, this)) cluster.join(groupId, this);
    });
  }

  assign(partitions: readonly TopicPartition[], generation: number): void {
    const { incarnation, cluster } = this.#client;
    this.#settled = generation;
    incarnation.later(rebalanceMs(incarnation.random.next()), () => {
      if (this.#isClosed || generation !== this.#settled || !cluster.isMember(this.#options.groupId, this)) return;
      this.#generation = generation;
      this.#assigned = new Map(partitions.map((at) => [keyOf(at), { position: 0n, isPaused: true, isUnderWay: false }]));
      this.#options.onAssigned(partitions);
    });
  }

  appended(at: TopicPartition): void {
    this.#fetch(at);
  }

  pause(at: TopicPartition): void {
    const fetching = this.#assigned.get(keyOf(at));
    if (fetching) fetching.isPaused = true;
  }

  resume(at: TopicPartition): void {
    const fetching = this.#assigned.get(keyOf(at));
    if (!fetching) return;
    fetching.isPaused = false;
    this.#fetch(at);
  }

  seek(at: TopicPartition, offset: bigint): void {
    const fetching = this.#assigned.get(keyOf(at));
    if (fetching) fetching.position = offset;
  }

  commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const { incarnation, faults, cluster } = this.#client;
    return incarnation.passes('kafka', incarnation.random.int(1, 5), () => {
      if (faults.isDown() || !cluster.commit(this.#options.groupId, this, this.#generation, offsets)) throw unavailable();
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#stay();
    this.#client.cluster.leave(this.#options.groupId, this);
    return Promise.resolve();
  }

  /** At most one fetch per partition is under way; it brings a few records of those that are there. */
  #fetch(at: TopicPartition): void {
    const fetching = this.#assigned.get(keyOf(at));
    const { cluster, incarnation, faults } = this.#client;
    if (!fetching || fetching.isPaused || fetching.isUnderWay || this.#isClosed || fetching.position >= BigInt(cluster.log(at).length)) return;
    fetching.isUnderWay = true;
    incarnation.later(faults.isDown() ? GIVES_UP_MS : incarnation.random.int(1, 15), () => {
      fetching.isUnderWay = false;
      if (fetching.isPaused || this.#isClosed || this.#assigned.get(keyOf(at)) !== fetching) return;
      if (faults.isDown()) return this.#fetch(at);
      const log = cluster.log(at);
      const from = Number(fetching.position);
      const records = log.slice(from, from + incarnation.random.int(1, 12));
      fetching.position = BigInt(from + records.length);
      if (records.length > 0) this.#options.onRecords(at, records, BigInt(log.length));
      this.#fetch(at);
    });
  }
}
