/**
 * The runs that this process carries on (carry-on.ts): it takes up every one that no process works on, whoever started
 * it. One process at a time does a run; its lock ends with the process, and another goes on from the row.
 */
import type { Locks } from '../../../store/locks.ts';
import { runningKeys } from '../../../store/verifications.ts';
import type { RunKey } from '../../../store/verifications.ts';
import { carryOn } from './carry-on.ts';
import type { CarryOnOptions } from './carry-on.ts';

export interface VerificationsOptions extends CarryOnOptions {
  readonly locks: Pick<Locks, 'tryHold'>;
}

export interface Verifications {
  /** Looks for runs at once. */
  poke(): void;
  /** Lets the steps at hand end; the runs go on where they are next time. */
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;

export function createVerifications(options: VerificationsOptions): Verifications {
  const { pool, locks, sleep, onFailure } = options;
  const stopping = new AbortController();
  const here = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>();
  let nudge = new AbortController();

  async function hold(key: RunKey, signal: AbortSignal): Promise<void> {
    const held = await locks.tryHold(`verification ${key.tenantId}/${key.integrationId}/${key.runId}`);
    if (!held) return;
    try {
      await carryOn(options, key, AbortSignal.any([signal, held.signal]));
    } finally {
      await held.release();
    }
  }
  function takeUp(key: RunKey): void {
    const stop = new AbortController();
    const ended = hold(key, AbortSignal.any([stopping.signal, stop.signal])).catch(onFailure).finally(() => here.delete(key.runId));
    here.set(key.runId, { stop, ended });
  }
  async function look(): Promise<void> {
    const running = await runningKeys(pool);
    const known = new Set(running.map(({ runId }) => runId));
    for (const [runId, one] of here) if (!known.has(runId)) one.stop.abort();
    for (const key of running) if (!here.has(key.runId)) takeUp(key);
  }
  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      nudge = new AbortController();
      await look().catch(onFailure);
      await sleep(LOOK_EVERY_MS, AbortSignal.any([stopping.signal, nudge.signal]));
    }
    await Promise.all([...here.values()].map(({ ended }) => ended));
  }
  const watching = watch();
  return {
    poke: () => nudge.abort(),
    stop: () => {
      stopping.abort();
      return watching;
    },
  };
}
