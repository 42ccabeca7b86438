/** The locks of all processes, as the database keeps them: they end with the connection that holds them. */
import type { Held, Locks } from '../../store/locks.ts';
import type { Incarnation } from './incarnation.ts';

interface Holding {
  readonly by: Incarnation;
  readonly lost: AbortController;
}

export class LockTable {
  readonly #held = new Map<string, Holding>();
  readonly #everHeld: AbortController[] = [];

  of(incarnation: Incarnation): Locks {
    incarnation.onLeaving(() => this.#forget(incarnation));
    return {
      tryHold: (name) => incarnation.passes('database', incarnation.random.int(0, 3), () => this.#tryHold(name, incarnation)),
      close: () => Promise.resolve(this.#forget(incarnation)),
    };
  }

  /** A connection broke: its locks are free at once, and who held them hears of it a little later. */
  lose(random: { pick<T>(items: readonly T[]): T }): boolean {
    if (this.#held.size === 0) return false;
    const [name, holding] = random.pick([...this.#held]);
    this.#held.delete(name);
    holding.by.later(holding.by.random.int(0, 2_000), () => holding.lost.abort());
    return true;
  }

  /** Node keeps a signal that depends on others, and all that listens to it, until one of these ends: at the end of a world all do. */
  end(): void {
    for (const lost of this.#everHeld) lost.abort();
  }

  #tryHold(name: string, by: Incarnation): Held | null {
    if (this.#held.has(name)) return null;
    const holding = { by, lost: new AbortController() };
    this.#held.set(name, holding);
    this.#everHeld.push(holding.lost);
    return {
      signal: holding.lost.signal,
      release: () => by.passes('database', by.random.int(0, 2), () => {
        if (this.#held.get(name) === holding) this.#held.delete(name);
      }),
    };
  }

  #forget(incarnation: Incarnation): void {
    for (const [name, { by }] of this.#held) if (by === incarnation) this.#held.delete(name);
  }
}
