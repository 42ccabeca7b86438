/**
 * The one consumer loop. Handlers get batches per partition and answer with an outcome; everything else is done here.
 *
 * - Positions come from their authority, not from Kafka (I7): at every assignment the stored position is asked for, the
 *   partition is sought there, and only then read. A position beyond the log's end refuses to start; one below its
 *   start is reported by `onExpired` and reading goes on from the start.
 * - Fetching and heartbeats never wait for a handler. Partitions are worked in parallel, each in order (partition.ts).
 * - At a rebalance the batch at work is finished first; whoever got the partition is told apart by the position.
 * - A reader that crashed or stalled is replaced; work goes on from the positions.
 */
import { SyncError, isSyncError } from '../schemas/errors.ts';
import type { Kafka, Reader, TopicPartition } from './kafka.ts';
import type { Logger } from './logger.ts';
import { createOffsetCommits } from './offset-commits.ts';
import { PartitionWorker } from './partition.ts';
import type { Batch, BatchOutcome } from './partition.ts';
import { sleep as realSleep } from './sleep.ts';
import type { Sleep } from './sleep.ts';
import { beyondLog, createWatchdog, keyOf } from './watchdog.ts';
import type { PartitionLag } from './watchdog.ts';

export type { Batch, BatchOutcome } from './partition.ts';
export type { PartitionLag } from './watchdog.ts';

export type Positions =
  /** The group's committed offset is the position: for work that may be done twice. */
  | { readonly kind: 'group' }
  /** The database is the authority. A throw means that it cannot be asked now; it is asked again with backoff. */
  | {
      readonly kind: 'stored';
      readonly positionOf: (topic: string, partition: number) => Promise<bigint | null>;
      /** The records from `from` up to `to` were deleted by retention before they were read. */
      readonly onExpired: (topic: string, partition: number, from: bigint, to: bigint) => Promise<void>;
    };

export interface ConsumeOptions {
  readonly groupId: string;
  /** Full names. */
  readonly topics: readonly string[];
  readonly positions: Positions;
  readonly onBatch: (batch: Batch) => Promise<BatchOutcome>;
  /** Nothing more will be read: the position lies beyond the log. The consumption has stopped by itself. */
  readonly onFatal: (error: SyncError) => void;
  readonly logger: Logger;
  /** Records per batch (default 1,000). */
  readonly maxBatch?: number;
  readonly maxBufferedBytes?: number;
  readonly lingerMs?: number;
  readonly sessionTimeoutMs?: number;
  readonly maxWaitMs?: number;
  readonly stallMs?: number;
  /** How long `stop` waits for batches at work before it aborts their signal (ms). */
  readonly drainMs?: number;
  readonly clock?: () => number;
  readonly sleep?: Sleep;
}

export interface Consumption {
  lag(): readonly PartitionLag[];
  /** The partitions that are read here now. */
  assigned(): readonly TopicPartition[];
  /** How often the reader was replaced, for a metric. */
  restarts(): number;
  /** Finishes the batches at work, commits their offsets and leaves the group; may be called twice. */
  stop(): Promise<void>;
}

const RETRY_MS = { first: 200, last: 5_000 };
/** What a handler has for its rollback once its signal ended. */
const ABORT_GRACE_MS = 2_000;
const COMMIT_EVERY_MS = { stored: 1_000, group: 100 };

function backoff(failures: number): number {
  return Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** failures);
}

/** Where reading begins, after the rules above. */
async function startOf(kafka: Kafka, { groupId, positions }: ConsumeOptions, at: TopicPartition): Promise<{ position: bigint; end: bigint }> {
  const { topic, partition } = at;
  const stored = positions.kind === 'group' ? await kafka.committed(groupId, at) : await positions.positionOf(topic, partition);
  const range = (await kafka.ranges([topic])).find((entry) => entry.partition === partition);
  if (!range) throw new SyncError('kafka_unavailable', `${topic}/${partition} is not known to the brokers`);
  const position = stored ?? range.low;
  if (position > range.high) throw beyondLog(at, position, range.high);
  if (position >= range.low) return { position, end: range.high };
  if (positions.kind === 'stored') await positions.onExpired(topic, partition, position, range.low);
  return { position: range.low, end: range.high };
}

/** Resolves when the group was joined and its first positions are known; rejects with a SyncError when that cannot be. */
export async function consumeBatches(kafka: Kafka, options: ConsumeOptions): Promise<Consumption> {
  const consumer = new GroupConsumer(kafka, options);
  await consumer.start();
  return consumer;
}

class GroupConsumer implements Consumption {
  readonly #kafka: Kafka;
  readonly #options: ConsumeOptions;
  readonly #sleep: Sleep;
  readonly #stopping = new AbortController();
  readonly #commits;
  readonly #watchdog;
  readonly #started = Promise.withResolvers<void>();
  readonly #retiring = new Set<Promise<void>>();
  #workers = new Map<string, PartitionWorker>();
  #reader: Reader | undefined;
  /** Grows with every assignment and reader; what belongs to an older one is void. */
  #generation = 0;
  #restarts = 0;
  #restarting = false;
  #running = false;
  #failed = false;
  #watching: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(kafka: Kafka, options: ConsumeOptions) {
    this.#kafka = kafka;
    this.#options = options;
    this.#sleep = options.sleep ?? realSleep;
    this.#commits = createOffsetCommits({
      commit: (offsets) => this.#reader?.commit(offsets) ?? Promise.resolve(),
      everyMs: COMMIT_EVERY_MS[options.positions.kind], logger: options.logger, sleep: this.#sleep,
    });
    this.#watchdog = createWatchdog({
      kafka, topics: options.topics, workers: () => this.#workers, stallMs: this.#stallMs, logger: options.logger, clock: options.clock ?? Date.now,
      onStalled: (at) => void this.#restart(`stalled at ${keyOf(at)}`), onFatal: (error) => this.#fail(error),
    });
  }

  get #stallMs(): number {
    return this.#options.stallMs ?? 60_000;
  }

  async start(): Promise<void> {
    try {
      await Promise.all([this.#openFirst(), this.#started.promise]);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#running = true;
    this.#watching = this.#watch();
  }

  lag(): readonly PartitionLag[] {
    return this.#watchdog.lag();
  }

  assigned(): readonly TopicPartition[] {
    return [...this.#workers.values()].map((worker) => worker.state.at);
  }

  restarts(): number {
    return this.#restarts;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    this.#stopping.abort();
    this.#generation += 1;
    const workers = [...this.#workers.values()];
    const drained = Promise.all([...workers.map((worker) => worker.retire()), ...this.#retiring]);
    const waited = new AbortController();
    const tooLate = this.#sleep(this.#options.drainMs ?? 10_000, waited.signal).then(() => {
      for (const worker of workers) worker.abort();
      return this.#sleep(ABORT_GRACE_MS, waited.signal);
    });
    await Promise.race([drained, tooLate]);
    waited.abort();
    await this.#commits.flush();
    await this.#reader?.close();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#sleep(this.#stallMs / 4, this.#stopping.signal);
      await this.#watchdog.look();
    }
  }

  #fail(error: SyncError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.logger.error({ err: error }, 'reading has stopped');
    this.#started.reject(error);
    if (this.#running) void this.stop().then(() => this.#options.onFatal(error));
  }

  /** A broker that does not answer is an error; one that answers and is not ready yet is waited for. */
  async #openFirst(): Promise<void> {
    const crash = await this.#open();
    if (crash) await this.#restart(crash.message);
  }

  /** Resolves with what ended the new reader at once, if anything did; rejects when no broker answers. */
  async #open(): Promise<SyncError | undefined> {
    const { groupId, topics, sessionTimeoutMs, maxWaitMs = 100 } = this.#options;
    let crash: SyncError | undefined;
    let opened = false;
    const reader = this.#kafka.createReader({
      groupId, topics, sessionTimeoutMs, maxWaitMs,
      onAssigned: (partitions) => this.#assign(partitions),
      onRecords: (at, records, highWatermark) => this.#workers.get(keyOf(at))?.accept(records, highWatermark),
      onCrash: (error) => {
        crash = error;
        if (opened) void this.#restart(`crashed: ${error.message}`);
      },
    });
    this.#reader = reader;
    await reader.start();
    opened = true;
    return crash;
  }

  /** Replaces the reader, for as long as it takes. */
  async #restart(reason: string): Promise<void> {
    if (this.#restarting || this.#stopping.signal.aborted) return;
    this.#restarting = true;
    this.#restarts += 1;
    this.#options.logger.warn({ topics: this.#options.topics, reason }, 'the reader is replaced');
    for (let failures = 0; !this.#stopping.signal.aborted; failures += 1) {
      this.#retireAll();
      await this.#reader?.close();
      this.#watchdog.reset();
      const crash = await this.#open().catch((error: unknown) => error);
      if (!crash) break;
      this.#options.logger.warn({ err: crash, failures }, 'the reader could not be replaced yet');
      await this.#sleep(backoff(failures), this.#stopping.signal);
    }
    this.#restarting = false;
    if (this.#stopping.signal.aborted) await this.#reader?.close();
  }

  /** Makes everything void that belongs to the present assignment; the batches at work end by themselves. */
  #retireAll(): ReadonlyMap<string, Promise<void>> {
    this.#generation += 1;
    this.#commits.forget();
    const retired = new Map([...this.#workers].map(([key, worker]) => [key, worker.retire()] as const));
    for (const ended of retired.values()) {
      this.#retiring.add(ended);
      void ended.finally(() => this.#retiring.delete(ended));
    }
    this.#workers = new Map();
    return retired;
  }

  #assign(partitions: readonly TopicPartition[]): void {
    if (this.#stopping.signal.aborted) return;
    const retired = this.#retireAll();
    const generation = this.#generation;
    const placed = partitions.map((at) => this.#place(at, generation, retired.get(keyOf(at))));
    void Promise.all(placed).then(() => {
      if (generation === this.#generation && !this.#failed) this.#started.resolve();
    });
  }

  /** Asks for the position until it is told, and begins there. */
  async #place(at: TopicPartition, generation: number, before: Promise<void> | undefined): Promise<void> {
    await before;
    for (let failures = 0; generation === this.#generation; failures += 1) {
      try {
        const { position, end } = await startOf(this.#kafka, this.#options, at);
        if (generation === this.#generation) this.#begin(at, generation, position, end);
        return;
      } catch (error) {
        if (isSyncError(error) && error.code === 'position_beyond_log') {
          this.#fail(error);
          return;
        }
        this.#options.logger.warn({ ...at, err: error }, 'the position could not be found yet');
        await this.#sleep(backoff(failures), this.#stopping.signal);
      }
    }
  }

  #begin(at: TopicPartition, generation: number, position: bigint, end: bigint): void {
    const { onBatch, logger, maxBatch = 1_000, maxBufferedBytes = 4_194_304, lingerMs = 0 } = this.#options;
    const reader = this.#reader;
    const isCurrent = (): boolean => this.#workers.get(keyOf(at)) === worker;
    const worker: PartitionWorker = new PartitionWorker({
      at, position, onBatch, maxBatch, maxBufferedBytes, lingerMs, logger, sleep: this.#sleep,
      pause: () => { if (isCurrent()) reader?.pause(at); },
      resume: () => { if (isCurrent()) reader?.resume(at); },
      onDone: (next) => { if (isCurrent()) this.#commits.note({ ...at, next }); },
      onGap: (from, to) => void this.#reportGap(at, from, to),
      onReposition: () => {
        if (!isCurrent()) return;
        reader?.pause(at);
        this.#workers.delete(keyOf(at));
        void this.#place(at, generation, worker.retire().then(() => this.#sleep(backoff(0), this.#stopping.signal)));
      },
    });
    worker.noteEnd(end);
    this.#workers.set(keyOf(at), worker);
    reader?.seek(at, position);
    reader?.resume(at);
  }

  /** Transactions leave gaps too; only what lies below the log's start is lost. */
  async #reportGap(at: TopicPartition, from: bigint, to: bigint): Promise<void> {
    const { positions, logger } = this.#options;
    try {
      const low = (await this.#kafka.ranges([at.topic])).find((range) => range.partition === at.partition)?.low ?? 0n;
      if (low > from && positions.kind === 'stored') await positions.onExpired(at.topic, at.partition, from, low < to ? low : to);
    } catch (error) {
      logger.error({ ...at, from: from.toString(), to: to.toString(), err: error }, 'skipped records could not be reported');
    }
  }
}
