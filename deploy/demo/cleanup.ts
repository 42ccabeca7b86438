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

  /** Remembers how to undo `made`, and gives it back. */
  add<T>(name: string, made: T, undo: (made: T) => Promise<void>): T {
    this.#steps.push({ name, undo: () => undo(made) });
    return made;
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
