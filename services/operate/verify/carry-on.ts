/**
 * Carries one run on, step after step, until it has ended or is another process's.
 *
 * A system that is away or throttles is waited for as long as it takes, and the row says so (I10). What does not mend by
 * itself ends the run; a sweep waits for that as well.
 */
import type { Pool } from 'pg';
import { buildContext } from '../../../domain/context.ts';
import { samplesOf } from '../../../domain/tally.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Sleep } from '../../../runtime/sleep.ts';
import type { ApiError } from '../../../schemas/api.ts';
import { SyncError, isSyncError } from '../../../schemas/errors.ts';
import { insertCertificate } from '../../../store/certificates.ts';
import { countDeferred, pageDoubts } from '../../../store/doubts.ts';
import { readIntegration } from '../../../store/integrations.ts';
import type { StoredIntegration } from '../../../store/integrations.ts';
import { rulesFingerprint } from '../../../store/rules-fingerprint.ts';
import { endRun, findRun, noteWaiting, stopRun } from '../../../store/verifications.ts';
import type { Run, RunKey, RunKind } from '../../../store/verifications.ts';
import { certificateOf } from './certificate.ts';
import type { Connection, StepDeps, Work } from './step.ts';
import { takeStep } from './verify.ts';

export interface CarryOnOptions extends StepDeps {
  readonly sleep: Sleep;
  /** Throws SyncError `configuration_missing`. */
  readonly connect: (integration: StoredIntegration) => Connection;
  readonly describe: (error: unknown) => ApiError;
  /** Told of what is no fault of a system. */
  readonly onFailure: (error: unknown) => void;
}

const LOOK_EVERY_MS = 1_000;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS: Readonly<Record<RunKind, number>> = { verify: 30_000, repair: 30_000, sweep: 600_000 };
/** A wait for the rate limit is told when it is this long. */
const TOLD_FROM_MS = 2_000;
/** Whether a sweep may go on, and with which budget, is looked up so often. */
const ALLOWED_LOOK_MS = 30_000;
const DOUBTS_SHOWN = 150;

type Options = CarryOnOptions;

/** Until the run has ended, the signal ends, or another process went on. */
export async function carryOn(options: Options, key: RunKey, signal: AbortSignal): Promise<void> {
  const { clock, sleep, onFailure } = options;
  let failures = 0;
  let work: Work | null = null;
  while (!signal.aborted) {
    const from = clock();
    try {
      work ??= await takeUpWork(options, key);
      if (!work) return;
      const went = await stepOn(options, work, signal);
      if (!went) return;
      work = went;
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      const waitMs = pauseAfter(error, work?.run.kind ?? 'verify', failures);
      if (waitMs === null) {
        if (!isSyncError(error)) onFailure(error);
        await stopRun(options.pool, key, { state: 'failed', error: options.describe(error) }, clock());
        return;
      }
      failures += 1;
      await tellWaiting(options, key, error, from, clock() + waitMs);
      await sleep(waitMs, signal);
    } finally {
      if (work) work.uncounted.workedMs += Math.max(0, clock() - from);
    }
  }
}

/** The run as its row says it, with its integration as it is now; null when it has ended. */
async function takeUpWork({ pool, connect }: Options, { runId }: RunKey): Promise<Work | null> {
  const run = await findRun(pool, runId);
  if (!run || run.state !== 'running') return null;
  const integration = await readIntegration(pool, run);
  if (!integration) throw new SyncError('not_found', `there is no integration ${run.tenantId}/${run.integrationId} any more`);
  if (rulesFingerprint(integration.config) !== run.fingerprint) throw new SyncError('state_moved', 'the integration was applied with other rules while both sides were compared; start it anew');
  return { run, integration, context: buildContext(integration.config), ...connect(integration), uncounted: { list: 0, read: 0, workedMs: 0 } };
}

/** Null when there is nothing more to do here. Throws what a step throws. */
async function stepOn(options: Options, work: Work, signal: AbortSignal): Promise<Work | null> {
  const { pool, clock, sleep } = options;
  const ready = work.run.kind === 'sweep' ? await readyToSweep(options, work, signal) : work;
  if (!ready || signal.aborted) return null;
  const outcome = await tellingThrottle(options, ready, takeStep(options, ready, signal));
  switch (outcome.kind) {
    case 'not_ours': return null;
    case 'ripe':
      await certify(pool, ready.run, clock());
      return null;
    case 'went_on': {
      const next = outcome.appliedAt === ready.integration.appliedAt ? ready : await takeUpWork(options, ready.run);
      if (outcome.afterMs > 0) await sleep(outcome.afterMs, signal);
      return next && { ...next, run: outcome.run, uncounted: ready.uncounted };
    }
    default: return outcome satisfies never;
  }
}

/** Waits until the budget allows the next step, and while the integration is paused; null when the sweep was switched off. */
async function readyToSweep(options: Options, work: Work, signal: AbortSignal): Promise<Work | null> {
  const { pool, clock, sleep } = options;
  while (!signal.aborted) {
    const integration = await readIntegration(pool, work.run);
    if (!integration || integration.config.sweep.recordsPerHour === 0) {
      await stopRun(pool, work.run, { state: 'cancelled', error: null }, clock());
      return null;
    }
    const waitMs = integration.paused ? ALLOWED_LOOK_MS : Math.min(ALLOWED_LOOK_MS, work.run.nextAt - clock());
    if (waitMs <= 0) return integration.appliedAt === work.integration.appliedAt ? work : takeUpWork(options, work.run);
    await sleep(waitMs, signal);
  }
  return null;
}

async function certify(pool: Pool, run: Run, now: number): Promise<void> {
  const [doubts, deferred] = await Promise.all([pageDoubts(pool, run, null, { limit: DOUBTS_SHOWN, openOnly: false }), countDeferred(pool, run)]);
  const certificate = certificateOf(run, { finishedAt: now, samples: doubts.flatMap(samplesOf), deferred });
  await inTransaction(pool, async (transaction) => {
    if (await endRun(transaction, run, now) === 'ENDED') insertCertificate(transaction, certificate);
  });
}

/** Milliseconds, growing; null when waiting does not help. */
function pauseAfter(error: unknown, kind: RunKind, failures: number): number | null {
  if (!isSyncError(error) || error.code === 'state_moved' || error.code === 'not_found' || (error.class !== 'retry' && kind !== 'sweep')) return null;
  return Math.max(error.facts.retryAfterMs ?? 0, Math.min(LAST_PAUSE_MS[kind], FIRST_PAUSE_MS * 2 ** Math.min(failures, 20)));
}

async function tellWaiting({ pool, onFailure }: Options, key: RunKey, error: unknown, since: number, until: number): Promise<void> {
  if (isSyncError(error)) await noteWaiting(pool, key, { code: error.code, since, until }).catch(onFailure);
}

/** While a step waits for the rate limit its row says so. */
async function tellingThrottle<T>(options: Options, work: Work, step: Promise<T>): Promise<T> {
  const { clock } = options;
  const since = clock();
  const timer = setInterval(() => {
    const waitMs = work.waitMs();
    if (waitMs >= TOLD_FROM_MS) void tellWaiting(options, work.run, new SyncError('rate_limited', 'the rate limit lets nothing through yet'), since, clock() + waitMs);
  }, LOOK_EVERY_MS);
  try {
    return await step;
  } finally {
    clearInterval(timer);
  }
}
