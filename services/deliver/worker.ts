/**
 * One integration's worker: starts a cycle when it is woken, and every 200 ms regardless; a few cycles at once, so that
 * a slow call does not hold back the next edit. Leases keep their links apart.
 */
import type { Logger } from '../../runtime/logger.ts';
import { describeError } from '../../runtime/logger.ts';
import { isSyncError } from '../../schemas/errors.ts';

export interface WorkerOptions {
  readonly integrationId: string;
  /** Resolves with how many links were leased. */
  readonly cycle: () => Promise<number>;
  /** Milliseconds during which no work should be leased (the system is down, or its quota is used up); 0 for none. */
  readonly pauseMs: () => number;
  readonly onFailure: (code: string) => void;
  readonly concurrency: number;
  readonly pollMs: number;
  readonly logger: Logger;
}

export class Worker {
  readonly #options: WorkerOptions;
  readonly #active = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #isWoken = false;
  #isStopped = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#arm(0);
  }

  /** Something may be due. */
  wake(): void {
    if (this.#isStopped) return;
    if (this.#active.size < this.#options.concurrency && this.#options.pauseMs() === 0) this.#begin();
    else this.#isWoken = true;
  }

  /** Takes nothing new and waits for the cycles at work. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#active);
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.wake();
      this.#arm(Math.max(this.#options.pollMs, this.#options.pauseMs()));
    }, ms);
  }

  #begin(): void {
    this.#isWoken = false;
    const cycle = this.#run().then((isMore) => {
      this.#active.delete(cycle);
      if (isMore || this.#isWoken) this.wake();
    });
    this.#active.add(cycle);
  }

  async #run(): Promise<boolean> {
    try {
      return (await this.#options.cycle()) > 0;
    } catch (error) {
      const code = isSyncError(error) ? error.code : 'unforeseen';
      this.#options.onFailure(code);
      this.#options.logger.warn({ integration: this.#options.integrationId, err: describeError(error) }, 'a delivery cycle failed and is tried again');
      return false;
    }
  }
}
