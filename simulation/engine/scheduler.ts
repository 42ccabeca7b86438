/**
 * Virtual time: one queue of events in the order of their time, equal times in an order that the seed chooses. After
 * each event the world comes to a halt before the next one is taken, so that one seed is one history.
 */
import type { Random } from './random.ts';
import type { RealIo } from './real-io.ts';

/** Whose event it is: those of the dead never happen, those of the stalled happen when they go on. */
export interface Owner {
  readonly isAlive: boolean;
  readonly stalledUntil: number;
}

interface Event {
  readonly at: number;
  readonly tie: number;
  readonly owner: Owner | null;
  readonly run: () => void;
}

/** The world goes on and on. */
export class NoEnd extends Error {}

/** Several times what any schedule takes that comes to rest. */
const MAX_EVENTS = 60_000;

export class Scheduler {
  readonly #random: Random;
  readonly #io: RealIo;
  /** The next event stands last. */
  readonly #queue: Event[] = [];
  #now: number;
  #events = 0;

  constructor(options: { readonly startAt: number; readonly random: Random; readonly io: RealIo }) {
    this.#now = options.startAt;
    this.#random = options.random;
    this.#io = options.io;
  }

  /** Epoch ms. */
  get now(): number {
    return this.#now;
  }

  get events(): number {
    return this.#events;
  }

  after(ms: number, run: () => void, owner: Owner | null = null): void {
    this.at(this.#now + Math.max(0, ms), run, owner);
  }

  at(at: number, run: () => void, owner: Owner | null = null): void {
    this.#insert({ at: Math.max(at, this.#now), tie: this.#random.next(), owner, run });
  }

  /** Lets everything happen that is due up to and including `until`; throws NoEnd when the world does not come to an end. */
  async runTo(until: number): Promise<void> {
    for (;;) {
      const next = this.#queue.at(-1);
      if (!next || next.at > until) break;
      this.#queue.pop();
      if (next.owner && !next.owner.isAlive) continue;
      if (next.owner && next.owner.stalledUntil > next.at) {
        this.#insert({ ...next, at: next.owner.stalledUntil });
        continue;
      }
      this.#now = next.at;
      this.#events += 1;
      if (this.#events > MAX_EVENTS) throw new NoEnd(`no end after ${MAX_EVENTS} events`);
      next.run();
      await this.#io.settled();
    }
    this.#now = Math.max(this.#now, until);
  }

  #insert(event: Event): void {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#queue[middle] as Event;
      if (other.at > event.at || (other.at === event.at && other.tie > event.tie)) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, event);
  }
}
