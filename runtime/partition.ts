/**
 * One partition at work: takes what was fetched, in order, batch by batch, and does what the handler's outcome says.
 *
 * The order of effects (I7), the only one in the product:
 *   1. `onBatch` works and commits position, state and decisions in one database transaction of its own;
 *   2. it answers `done` with the next offset; what lies below is forgotten here;
 *   3. only then the group's offset is committed to Kafka, where it serves nothing but lag monitoring
 *      (or, for consumers without a database position, is the position).
 * A crash between any two repeats the batch, which the database recognises by its position.
 *
 * Fetching goes on meanwhile, up to a bound; beyond it the partition is paused. A handler never throws into the client:
 * a throw is logged by its code and the same batch is tried again with growing pauses.
 */
import type { KafkaRecord, TopicPartition } from './kafka.ts';
import type { Logger } from './logger.ts';
import type { Sleep } from './sleep.ts';

export interface Batch extends TopicPartition {
  readonly records: readonly KafkaRecord[];
  /** Aborted when the process cannot wait any longer for the batch. */
  readonly signal: AbortSignal;
  /** Records on the log behind this batch, as far as known. */
  readonly lagRecords: number;
}

export type BatchOutcome =
  /** Everything below `nextOffset` has its effect committed; it lies above the batch's first offset. */
  | { readonly kind: 'done'; readonly nextOffset: bigint }
  /** Nothing was committed; offer the same records again, perhaps with more of them. */
  | { readonly kind: 'again'; readonly afterMs: number; readonly reason: string }
  /** Another consumer went on: ask the authority for the position and read from there. */
  | { readonly kind: 'reposition' };

export interface PartitionOptions {
  readonly at: TopicPartition;
  readonly position: bigint;
  readonly onBatch: (batch: Batch) => Promise<BatchOutcome>;
  /** Records per batch; four times as many are fetched ahead, twice as many resume a paused partition. */
  readonly maxBatch: number;
  readonly maxBufferedBytes: number;
  /** Wait after a batch's first record for more of them (ms). */
  readonly lingerMs: number;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly onDone: (next: bigint) => void;
  readonly onReposition: () => void;
  /** The log skipped records that were not read yet. */
  readonly onGap: (from: bigint, to: bigint) => void;
  readonly logger: Logger;
  readonly sleep: Sleep;
}

export interface PartitionState {
  readonly at: TopicPartition;
  readonly position: bigint;
  readonly end: bigint;
  readonly busy: boolean;
  /** Timestamp (epoch ms) of the oldest fetched and unfinished record. */
  readonly oldestAt: number | null;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 15_000;

export class PartitionWorker {
  readonly #options: PartitionOptions;
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  #buffer: KafkaRecord[] = [];
  #bufferedBytes = 0;
  #position: bigint;
  #fetched: bigint;
  #end: bigint;
  #paused = false;
  #atWork = false;
  #failures = 0;
  #loop: Promise<void> | undefined;

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.#position = options.position;
    this.#fetched = options.position;
    this.#end = options.position;
  }

  get state(): PartitionState {
    return { at: this.#options.at, position: this.#position, end: this.#end, busy: this.#atWork, oldestAt: this.#buffer[0]?.timestamp ?? null };
  }

  /** Takes what was fetched; what was taken before is dropped. */
  accept(records: readonly KafkaRecord[], highWatermark: bigint): void {
    this.#end = highWatermark;
    if (this.#stopping.signal.aborted) return;
    const fresh = records.filter((record) => record.offset >= this.#fetched);
    const first = fresh[0];
    const last = fresh.at(-1);
    if (!first || !last) return;
    if (first.offset > this.#fetched) this.#options.onGap(this.#fetched, first.offset);
    this.#fetched = last.offset + 1n;
    for (const record of fresh) {
      this.#buffer.push(record);
      this.#bufferedBytes += record.value?.length ?? 0;
    }
    this.#holdBack();
    this.#loop ??= this.#run();
  }

  /** The end of the log as somebody else saw it. */
  noteEnd(end: bigint): void {
    if (end > this.#end) this.#end = end;
  }

  /** Lets the batch at work finish and starts no other. */
  async retire(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  /** Tells the batch at work that nobody waits for it any more. */
  abort(): void {
    this.#stopping.abort();
    this.#aborting.abort();
  }

  #holdBack(): void {
    const { maxBatch, maxBufferedBytes, pause, resume } = this.#options;
    const full = this.#buffer.length >= maxBatch * 4 || this.#bufferedBytes >= maxBufferedBytes;
    const low = this.#buffer.length < maxBatch * 2 && this.#bufferedBytes < maxBufferedBytes / 2;
    if (full && !this.#paused) {
      this.#paused = true;
      pause();
    } else if (low && this.#paused) {
      this.#paused = false;
      resume();
    }
  }

  async #run(): Promise<void> {
    const { lingerMs, sleep } = this.#options;
    this.#atWork = true;
    while (this.#buffer.length > 0 && !this.#stopping.signal.aborted) {
      if (lingerMs > 0 && this.#buffer.length < this.#options.maxBatch) await sleep(lingerMs, this.#stopping.signal);
      if (this.#stopping.signal.aborted) break;
      await this.#apply(await this.#offer());
    }
    this.#atWork = false;
    this.#loop = undefined;
  }

  async #offer(): Promise<BatchOutcome> {
    const { at, onBatch, maxBatch, logger } = this.#options;
    const records = this.#buffer.slice(0, maxBatch);
    const next = (records.at(-1)?.offset ?? this.#position) + 1n;
    try {
      const outcome = await onBatch({ ...at, records, signal: this.#aborting.signal, lagRecords: Math.max(0, Number(this.#end - next)) });
      this.#failures = 0;
      return outcome;
    } catch (error) {
      const afterMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
      this.#failures += 1;
      logger.error({ ...at, offset: records[0]?.offset.toString(), failures: this.#failures, afterMs, err: error }, 'a batch failed and is tried again');
      return { kind: 'again', afterMs, reason: 'failed' };
    }
  }

  async #apply(outcome: BatchOutcome): Promise<void> {
    switch (outcome.kind) {
      case 'done':
        if (outcome.nextOffset > this.#position) this.#advance(outcome.nextOffset);
        else await this.#options.sleep(LAST_RETRY_MS, this.#stopping.signal);
        return;
      case 'again':
        await this.#options.sleep(outcome.afterMs, this.#stopping.signal);
        return;
      case 'reposition':
        this.#stopping.abort();
        this.#options.onReposition();
        return;
      default:
        outcome satisfies never;
    }
  }

  #advance(next: bigint): void {
    this.#position = next;
    const kept = this.#buffer.findIndex((record) => record.offset >= next);
    const done = this.#buffer.splice(0, kept === -1 ? this.#buffer.length : kept);
    for (const record of done) this.#bufferedBytes -= record.value?.length ?? 0;
    this.#holdBack();
    this.#options.onDone(next);
  }
}
