/**
 * Which values come again and again: most edits write a value of their own, and need not be counted in the database. Kept
 * in this process, bounded: what was seen least lately is forgotten first.
 */
import type { RiskLimit } from '../../schemas/integration.ts';

/** A value is counted for real once it was written so often here; the limit is passed that much later at most. */
const FREQUENT_FROM = 10;
const REMEMBERED = 20_000;

export class SameValues {
  #seen = new Map<string, { count: number; until: number }>();

  isFrequent(key: string, limit: RiskLimit, windowMs: number, now: number): boolean {
    const from = limit === 'off' ? Infinity : Math.min(FREQUENT_FROM, Math.ceil(limit.count / 2));
    const known = this.#seen.get(key);
    const count = known && known.until > now ? known.count + 1 : 1;
    this.#seen.delete(key);
    this.#seen.set(key, { count, until: now + windowMs });
    if (this.#seen.size > REMEMBERED) this.#seen.delete(this.#seen.keys().next().value ?? key);
    return count >= from;
  }
}
