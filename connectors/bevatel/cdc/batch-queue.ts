/**
 * Between the stream and the caller: collects row events into batches and knows which position may be confirmed.
 *
 * One batch is with the caller at a time, so order is kept. What arrives meanwhile makes the next batch: a batch is
 * as large as the load makes it, and without load an event waits for nobody. A position is confirmed when every event
 * of its transaction, and all before, were acknowledged (at-least-once, I7). A failed batch stops the queue for good.
 */
import type { Lsn } from './lsn.ts';
import type { RowEvent } from './row-event.ts';

export interface BatchQueueOptions {
  /** Larger transactions go in several batches. */
  maxRows: number;
  /** Resolves when the batch is safe. */
  deliver: (events: readonly RowEvent[]) => Promise<void>;
  /** Everything up to and with the transaction of this commit position is safe. */
  confirm: (commit: Lsn) => void;
  /** A batch was not accepted; nothing further will be delivered. */
  fail: (error: unknown) => void;
}

export class BatchQueue {
  readonly #options: BatchQueueOptions;
  #rows: RowEvent[] = [];
  #commits: { pushed: number; commit: Lsn }[] = [];
  #pushed = 0;
  #acknowledged = 0;
  #state: 'idle' | 'scheduled' | 'delivering' | 'failed' = 'idle';
  #progress = Promise.withResolvers<void>();

  constructor(options: BatchQueueOptions) {
    this.#options = options;
  }

  push(event: RowEvent): void {
    this.#rows.push(event);
    this.#pushed += 1;
    if (this.#rows.length >= this.#options.maxRows) this.#schedule();
  }

  /** The transaction of all rows pushed since the last commit is complete. */
  commit(commit: Lsn): void {
    this.#commits.push({ pushed: this.#pushed, commit });
    this.#confirmReached();
    if (this.#rows.length > 0) this.#schedule();
  }

  /** Nothing is pending: every position that the server names now may be confirmed. */
  get idle(): boolean {
    return this.#acknowledged === this.#pushed && this.#commits.length === 0;
  }

  /** True when the caller acknowledges too slowly to take more. */
  get full(): boolean {
    return this.#rows.length >= 2 * this.#options.maxRows;
  }

  /** Resolves when there is room again, or the queue has failed. */
  async room(): Promise<void> {
    while (this.full && this.#state !== 'failed') await this.#progress.promise;
  }

  /** Resolves when all complete transactions were acknowledged, or the queue has failed. */
  async drained(): Promise<void> {
    while (this.#commits.length > 0 && this.#state !== 'failed') await this.#progress.promise;
  }

  /** After the events of the chunk at hand, so that a burst of small transactions makes one batch. */
  #schedule(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'scheduled';
    setImmediate(() => void this.#deliver());
  }

  async #deliver(): Promise<void> {
    this.#state = 'delivering';
    const batch = this.#rows.splice(0, this.#options.maxRows);
    try {
      await this.#options.deliver(batch);
    } catch (error) {
      this.#state = 'failed';
      this.#options.fail(error);
      this.#announce();
      return;
    }
    this.#acknowledged += batch.length;
    this.#state = 'idle';
    this.#confirmReached();
    if (this.#rows.length >= this.#options.maxRows || this.#commits.length > 0) this.#schedule();
    this.#announce();
  }

  #confirmReached(): void {
    const open = this.#commits.findIndex((entry) => entry.pushed > this.#acknowledged);
    const reached = this.#commits.splice(0, open === -1 ? this.#commits.length : open);
    const last = reached.at(-1);
    if (last !== undefined) this.#options.confirm(last.commit);
  }

  #announce(): void {
    const { resolve } = this.#progress;
    this.#progress = Promise.withResolvers<void>();
    resolve();
  }
}
