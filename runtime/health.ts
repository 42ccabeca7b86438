/**
 * Readiness: named checks, each bounded in time and reported by the code of its error.
 *
 * Liveness needs no check: a process that answers is alive, and one that lost its database must not be restarted for it.
 */
import { isSyncError } from '../schemas/errors.ts';

export type Check = () => Promise<unknown>;

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly code: string | null;
}
export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly CheckResult[];
}

const TIMEOUT_MS = 2_000;

async function bounded(check: Check, timeoutMs: number): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'timeout'>((resolve) => { timer = setTimeout(() => resolve('timeout'), timeoutMs); });
  try {
    return (await Promise.race([check(), late])) === 'timeout' ? 'timeout' : null;
  } catch (error) {
    return isSyncError(error) ? error.code : 'failed';
  } finally {
    clearTimeout(timer);
  }
}

/** Runs all checks at once. Without a check a role is ready as soon as it answers. */
export async function readiness(checks: Readonly<Record<string, Check>>, timeoutMs: number = TIMEOUT_MS): Promise<Readiness> {
  const results = await Promise.all(Object.entries(checks).map(async ([name, check]) => {
    const code = await bounded(check, timeoutMs);
    return { name, ok: code === null, code };
  }));
  return { ready: results.every((result) => result.ok), checks: results };
}
