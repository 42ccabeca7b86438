/**
 * Keeps the sweep of every integration going: a run that compares both sides within a budget, mends what drifted, ends
 * with a certificate, and is followed by the next. Nothing is swept before the first listings of both sides are stored.
 */
import type { Pool } from 'pg';
import type { Sleep } from '../../../runtime/sleep.ts';
import { listIntegrations } from '../../../store/integrations.ts';
import type { StoredIntegration } from '../../../store/integrations.ts';
import { newRun, SERVICE } from '../../../store/start-run.ts';
import type { StartDeps } from '../../../store/start-run.ts';
import { insertRun, pruneRuns, sweepStarts } from '../../../store/verifications.ts';
import type { RunOrder } from '../../../store/verifications.ts';

export interface SweepOptions extends StartDeps {
  readonly pool: Pool;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

const LOOK_EVERY_MS = 15_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** The budget of the first page is saved up before it is read. */
const FIRST_PAGE = 100;
/** What is in doubt, and what was asked for, is looked at again for so long. */
const ORDER: RunOrder = { scope: { kind: 'all' }, settleMs: MINUTE_MS, dryRun: false, includeGone: false, requestedBy: SERVICE };

/** Until the signal ends. */
export async function keepSweeping(options: SweepOptions): Promise<void> {
  const { sleep, signal, onFailure } = options;
  while (!signal.aborted) {
    await beginRounds(options).catch(onFailure);
    await sleep(LOOK_EVERY_MS, signal);
  }
}

/** Begins a round of each integration whose turn it is; of two processes one does. */
export async function beginRounds(options: StartDeps): Promise<void> {
  const [integrations, starts] = await Promise.all([listIntegrations(options.pool), sweepStarts(options.pool)]);
  const now = options.clock();
  for (const stored of integrations) {
    const last = starts.find((one) => one.tenantId === stored.tenantId && one.integrationId === stored.integrationId);
    if (!isDue(stored, last, now)) continue;
    const run = await newRun(options, stored, 'sweep', ORDER);
    await pruneRuns(options.pool, stored, 'sweep');
    await insertRun(options.pool, { ...run, nextAt: run.startedAt + Math.round((FIRST_PAGE * HOUR_MS) / stored.config.sweep.recordsPerHour) });
  }
}

function isDue({ config, paused, matchedAt }: StoredIntegration, last: { readonly startedAt: number; readonly isRunning: boolean } | undefined, now: number): boolean {
  const { recordsPerHour, everyMinutes } = config.sweep;
  if (recordsPerHour === 0 || paused || matchedAt === null) return false;
  return last === undefined || (!last.isRunning && last.startedAt + everyMinutes * MINUTE_MS <= now);
}
