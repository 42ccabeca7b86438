/**
 * Knows when nothing real is under way: simulated time may go on only when every query to Postgres was answered and
 * everything that the answer set in motion has come to a halt at a simulated wait.
 */
export class RealIo {
  #pending = 0;
  #onIdle: (() => void) | undefined;

  /** Counts a real piece of work until it has ended. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#pending += 1;
    const end = (): void => {
      this.#pending -= 1;
      if (this.#pending === 0) this.#onIdle?.();
    };
    work.then(end, end);
    return work;
  }

  /** Resolves when no real work is pending and the queues of microtasks and ticks have drained. */
  async settled(): Promise<void> {
    await turn();
    while (this.#pending > 0) {
      await new Promise<void>((resolve) => { this.#onIdle = resolve; });
      this.#onIdle = undefined;
      await turn();
    }
  }
}

/** One turn of the event loop: all microtasks and ticks have run when it is over. */
function turn(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve); });
}
