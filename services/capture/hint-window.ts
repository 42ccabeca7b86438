/**
 * Which hints of one partition are taken and not yet done. Reads of different records overtake each other; the offset
 * that may be committed is the first one that is not done, so that nothing is lost by a crash (I7).
 */
import type { Sleep } from '../../runtime/sleep.ts';

export class HintWindow {
  /** In the order of the log. */
  readonly #open = new Set<bigint>();
  readonly #waiting = new Set<() => void>();
  #next: bigint;
  #low: bigint;
  #told: bigint;
  readonly #sleep: Sleep;

  constructor(from: bigint, sleep: Sleep) {
    this.#sleep = sleep;
    this.#next = from;
    this.#low = from;
    this.#told = from;
  }

  /** True when this window answers for what begins here: nothing from `first` on was told to be done before. */
  covers(first: bigint): boolean {
    return first >= this.#told;
  }

  /** What may be committed now; the log begins there when it is read again. */
  tell(): bigint {
    this.#told = this.#low;
    return this.#low;
  }

  /** Everything below is done. */
  get low(): bigint {
    return this.#low;
  }

  get idle(): boolean {
    return this.#open.size === 0;
  }

  /** True for an offset that was not taken before. */
  isFresh(offset: bigint): boolean {
    return offset >= this.#next;
  }

  take(offset: bigint): void {
    this.#open.add(offset);
    this.#next = offset + 1n;
  }

  done(offset: bigint): void {
    this.#open.delete(offset);
    const first: bigint = this.#open.values().next().value ?? this.#next;
    if (first === this.#low) return;
    this.#low = first;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when `low` has moved, when everything is done, or after `ms`. */
  async progress(ms: number): Promise<void> {
    if (this.idle) return;
    const moved = new AbortController();
    const wake = (): void => moved.abort();
    this.#waiting.add(wake);
    await this.#sleep(ms, moved.signal);
    this.#waiting.delete(wake);
  }
}
