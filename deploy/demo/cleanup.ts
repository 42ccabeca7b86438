/**
 * What was started, to be undone in the opposite order: at the end, on Ctrl-C (SIGINT), SIGTERM or when the terminal
 * is closed (SIGHUP). A second signal ends at once.
 */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Cleanup {
  readonly #steps: { readonly name: string; readonly undo: () => Promise<void> }[] = [];
  readonly #abort = new AbortController();
  #signals = 0;
  #running: Promise<void> | null = null;

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#onSignal);
  }

  /** Aborted by the first signal; what waits for something then stops waiting. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Remembers how to undo what is being made, already while it is; gives it when it is there. */
  async add<T>(name: string, making: Promise<T> | T, undo: (made: T) => Promise<void>): Promise<T> {
    const made = Promise.resolve(making);
    this.#steps.push({ name, undo: () => made.then(undo, () => undefined) });
    return made;
  }

  /** Rejects at the first signal; everything else that goes on is left to end by what is undone beneath it. */
  interrupted(): Promise<never> {
    return new Promise((_resolve, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason as Error), { once: true });
    });
  }

  /** Undoes everything, whatever fails on the way. May be called twice. */
  run(): Promise<void> {
    return (this.#running ??= this.#undoAll());
  }

  async #undoAll(): Promise<void> {
    for (const { name, undo } of this.#steps.toReversed()) {
      await undo().catch((error: unknown) => {
        console.error(`${name} could not be removed: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode ||= 1;
      });
    }
    for (const name of SIGNALS) process.off(name, this.#onSignal);
  }

  #onSignal = (): void => {
    this.#signals += 1;
    this.#abort.abort(new Error('interrupted'));
    if (this.#signals > 1) process.exit(130);
  };
}
