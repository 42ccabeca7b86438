/** How long the next try of an integration's work waits: growing pauses with jitter, or what the system asked for. */
import { isSyncError } from '../../schemas/errors.ts';

export interface PatienceOptions {
  readonly firstMs: number;
  readonly lastMs: number;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
}

export interface Patience {
  /** Notes a failure; whole milliseconds to wait, since times are stored as such. */
  after(error: unknown): number;
  reset(): void;
}

export function createPatience({ firstMs, lastMs, random }: PatienceOptions): Patience {
  let failures = 0;
  return {
    after: (error) => {
      const told = isSyncError(error) ? (error.facts.retryAfterMs ?? 0) : 0;
      const own = Math.min(lastMs, firstMs * 2 ** Math.min(failures, 20)) * (0.5 + random() / 2);
      failures += 1;
      return Math.max(told, Math.round(own));
    },
    reset: () => { failures = 0; },
  };
}
