/**
 * One life of a process. Everything that it waits for goes through here, so that it can be late, stalled, or cut off:
 * after its death nothing that it awaited is ever resolved, and nothing that it still does has an effect.
 */
import type { Sleep } from '../../runtime/sleep.ts';
import type { Random } from './random.ts';
import type { Owner, Scheduler } from './scheduler.ts';

/** What a process was doing when it was cut off. */
export const POINTS = ['database', 'commit', 'call', 'publish', 'kafka', 'sleep'] as const;
export type Point = (typeof POINTS)[number];

export interface IncarnationOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Told at each point before anything is done; true cuts the process off there. */
  readonly isCutOff: (point: Point) => boolean;
  readonly onDeath: (at: Point | null) => void;
}

export class Incarnation implements Owner {
  readonly name: string;
  readonly random: Random;
  isAlive = true;
  stalledUntil = 0;
  readonly #options: IncarnationOptions;
  readonly #leaving = new Set<() => void>();
  #ids = 0;

  constructor(options: IncarnationOptions) {
    this.name = options.name;
    this.random = options.random;
    this.#options = options;
  }

  readonly clock = (): number => this.#options.scheduler.now;

  /** Ascending with time, as UUIDs of version 7 are. */
  readonly newId = (): string => {
    this.#ids += 1;
    return `${this.clock().toString(36)}-${this.name}-${String(this.#ids).padStart(5, '0')}`;
  };

  /** False when the process is dead, or dies here: then the caller does nothing and waits for ever. */
  reaches(point: Point): boolean {
    if (!this.isAlive) return false;
    if (!this.#options.isCutOff(point)) return true;
    this.die(point);
    return false;
  }

  /** An answer of the outside that takes a while; never, when the process dies before it. */
  passes<T>(point: Point, ms: number, answer: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.reaches(point)) return;
      this.later(ms, () => {
        try {
          resolve(answer());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  /** Happens in this process after a while, unless it dies before. */
  later(ms: number, run: () => void): void {
    this.#options.scheduler.after(ms, run, this);
  }

  readonly sleep: Sleep = (ms, signal) => new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    if (!this.reaches('sleep')) return;
    const end = (): void => {
      signal?.removeEventListener('abort', end);
      resolve();
    };
    signal?.addEventListener('abort', end, { once: true });
    if (ms !== Infinity) this.later(Math.max(1, ms), end);
  });

  /** A signal that ends after a while. */
  deadline(ms: number): AbortSignal {
    const ending = new AbortController();
    this.later(ms, () => ending.abort());
    return ending.signal;
  }

  /** Ends what the outside keeps for this process: locks, membership of groups, an open transaction. */
  onLeaving(leave: () => void): () => void {
    this.#leaving.add(leave);
    return () => this.#leaving.delete(leave);
  }

  die(at: Point | null): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const leave of this.#leaving) leave();
    this.#leaving.clear();
    this.#options.onDeath(at);
  }
}
