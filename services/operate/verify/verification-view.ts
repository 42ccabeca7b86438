/** Runs as an operator sees them: where they are, what they wait for, and when they are through (I10). */
import { ERRORS } from '../../../schemas/errors.ts';
import type { Certificate, Verification } from '../../../schemas/verification.ts';
import type { RunningVerification, SweepStatus } from '../../../schemas/verification-status.ts';
import type { StoredIntegration } from '../../../store/integrations.ts';
import type { Run } from '../../../store/verifications.ts';

/** So many calls must have been made before their pace says anything. */
const CALLS_FOR_A_PACE = 3;
const HOUR_MS = 3_600_000;
/** Links whose two records are read by one pair of calls, and records on a page of each side. */
const PAGE = { links: 100, bevatel: 200, external: 100 };

export function verificationOf(run: Run, certificate: Certificate | null, now: number): Verification {
  return {
    ...runningOf(run, now), tenant: run.tenantId, integration: run.integrationId, requestedBy: run.order.requestedBy,
    state: run.state, finishedAt: run.finishedAt, error: run.error, certificate,
  };
}

export function runningOf(run: Run, now: number): RunningVerification {
  const { waiting } = run;
  return {
    id: run.runId, kind: run.kind, phase: phaseOf(run), examined: run.tally.examined, total: run.total, startedAt: run.startedAt, etaMs: etaMs(run, now),
    waiting: waiting && { ...waiting, advice: ERRORS[waiting.code].advice },
  };
}

export function sweepStatusOf(stored: StoredIntegration, round: Run | undefined, last: Certificate | undefined, now: number): SweepStatus {
  const { recordsPerHour } = stored.config.sweep;
  return {
    state: recordsPerHour === 0 ? 'off' : stored.paused ? 'paused' : round ? 'sweeping' : 'resting', recordsPerHour,
    round: round ? { ...runningOf(round, now), etaMs: sweepEtaMs(round, recordsPerHour, now), drift: round.tally.drift } : null,
    lastRound: last ? { certificate: last.id, startedAt: last.startedAt, finishedAt: last.finishedAt, drift: last.repair?.drift ?? NO_DRIFT, unexplained: last.unexplained } : null,
  };
}

const NO_DRIFT = { unseen: 0, gone: 0, stray: 0, unlinked: 0, differing: 0 };

function phaseOf({ phase, settling, state }: Run): RunningVerification['phase'] {
  if (state !== 'running') return 'ended';
  return settling || phase === 'end' ? 'settling' : phase;
}

/** At the pace of the calls so far, and not before what is waited for; null while no pace is known. */
function etaMs({ state, settling, phase, tally, order, total, waiting }: Run, now: number): number | null {
  if (state !== 'running') return null;
  const wait = Math.max(0, (waiting?.until ?? now) - now);
  if (phase === 'end') return wait + Math.max(0, (settling?.until ?? now) - now);
  const made = tally.calls.list + tally.calls.read;
  if (made < CALLS_FOR_A_PACE || order.scope.kind !== 'all') return null;
  const listed = Math.ceil(total / PAGE.bevatel) + Math.ceil(total / PAGE.external);
  const left = Math.max(0, listed + 2 * Math.ceil(total / PAGE.links) - made);
  return Math.round(wait + (left * tally.workedMs) / made + order.settleMs);
}

/** Its budget is its pace. */
function sweepEtaMs({ tally, total, nextAt }: Run, recordsPerHour: number, now: number): number | null {
  if (recordsPerHour === 0) return null;
  const done = tally.listed.bevatel + tally.listed.external + tally.examined;
  return Math.round(Math.max(0, nextAt - now) + (Math.max(0, 3 * total - done) * HOUR_MS) / recordsPerHour);
}
