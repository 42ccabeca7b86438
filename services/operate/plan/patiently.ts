/** Calls a system again while it says that it is busy or away (I10): a long comparison must not fail by one 429. */
import type { Sleep } from '../../../runtime/sleep.ts';
import { isSyncError } from '../../../schemas/errors.ts';

export interface Patience {
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

const TRIES = 10;
const FIRST_MS = 500;
const LAST_MS = 30_000;

export async function patiently<T>({ sleep, signal }: Patience, call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isSyncError(error) || error.class !== 'retry' || tries === TRIES || signal.aborted) throw error;
      await sleep(error.facts.retryAfterMs ?? Math.min(LAST_MS, FIRST_MS * 2 ** (tries - 1)), signal);
    }
  }
}
