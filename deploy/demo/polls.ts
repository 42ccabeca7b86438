/** Knows from outside when the service polls HubSpot: by the searches that HubSpot counts. */
import { POLL_EVERY_MS } from './sync.ts';
import type { Sides } from './sides.ts';

const LOOK_EVERY_MS = 20;
/** Searches closer than this are pages of one poll. */
const ONE_POLL_MS = 1_500;

export class PollWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #clock: () => number;
  #searches = -1;
  #lastAt = 0;

  constructor({ hubspot }: Sides, clock: () => number) {
    this.#clock = clock;
    this.#timer = setInterval(() => this.#look(hubspot.control.counts()['contacts.search'] ?? 0), LOOK_EVERY_MS);
  }

  /** True when a poll has just been and the next one is further away than `ms`. */
  hasRoom(ms: number): boolean {
    const sinceMs = this.#clock() - this.#lastAt;
    return this.#lastAt > 0 && sinceMs > ONE_POLL_MS && sinceMs + ms < POLL_EVERY_MS;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(searches: number): void {
    if (this.#searches >= 0 && searches !== this.#searches) this.#lastAt = this.#clock();
    this.#searches = searches;
  }
}
