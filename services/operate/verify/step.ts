/** What a step of a run works with, and how it is stored: by compare-and-set, with its doubts, in one transaction. */
import type { Pool } from 'pg';
import type { LinkContext } from '../../../domain/context.ts';
import type { Tally } from '../../../domain/tally.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Wake } from '../../../runtime/deps.ts';
import { closeDoubts, deleteDoubts, saveDoubts } from '../../../store/doubts.ts';
import type { Doubt } from '../../../store/doubts.ts';
import type { StoredIntegration } from '../../../store/integrations.ts';
import { advanceRun } from '../../../store/verifications.ts';
import type { Run, RunProgress } from '../../../store/verifications.ts';
import type { Examining } from './examine.ts';
import type { SideReaders } from '../plan/side-reader.ts';

export interface StepDeps {
  readonly pool: Pool;
  readonly wake: Pick<Wake, 'notify'>;
  readonly clock: () => number;
  readonly newId: () => string;
}

/** The systems of an integration, called in the background. */
export interface Connection {
  readonly readers: SideReaders;
  /** How long the rate limits let nothing through, as far as known (ms). */
  readonly waitMs: () => number;
}

/** A run in the hands of this process. */
export interface Work extends Connection {
  readonly run: Run;
  readonly integration: StoredIntegration;
  readonly context: LinkContext;
  /** Calls and time that no stored step has counted yet, those of failed steps included. */
  readonly uncounted: { list: number; read: number; workedMs: number };
}

/** `appliedAt`: of the integration as the step saw it, null when it is gone. `ripe`: nothing is left but the certificate. */
export type StepOutcome =
  | { readonly kind: 'went_on'; readonly run: Run; readonly appliedAt: number | null; readonly afterMs: number }
  | { readonly kind: 'ripe' }
  | { readonly kind: 'not_ours' };

/** One page: what a step looks at. */
export const PAGE = 100;
const HOUR_MS = 3_600_000;

export interface Step extends StepDeps, Work {
  readonly examining: Examining;
}

export interface Changes {
  /** Records that the step cost of a sweep's budget. */
  readonly records: number;
  readonly saved?: readonly Doubt[];
  readonly removed?: readonly Doubt[];
  readonly closes?: boolean;
}

/** Ends a step: what it found and where the run goes on. */
export async function goOn(step: Step, progress: Omit<RunProgress, 'nextAt'>, changes: Changes, afterMs = 0): Promise<StepOutcome> {
  const { run, pool, clock, uncounted } = step;
  const now = clock();
  const calls = { list: progress.tally.calls.list + uncounted.list, read: progress.tally.calls.read + uncounted.read };
  const tally: Tally = { ...progress.tally, calls, workedMs: progress.tally.workedMs + uncounted.workedMs };
  const next: RunProgress = { ...progress, tally, nextAt: nextAt(step, changes.records, now) };
  const outcome = await inTransaction(pool, async (transaction) => {
    const advanced = await advanceRun(transaction, run, next, now);
    if (advanced.kind === 'NOT_OURS') return advanced;
    saveDoubts(transaction, run, changes.saved ?? []);
    deleteDoubts(transaction, run, changes.removed ?? []);
    if (changes.closes) closeDoubts(transaction, run);
    return advanced;
  });
  if (outcome.kind === 'NOT_OURS') return { kind: 'not_ours' };
  Object.assign(uncounted, { list: 0, read: 0, workedMs: 0 });
  return { kind: 'went_on', run: { ...run, ...next, step: run.step + 1, waiting: null, updatedAt: now }, appliedAt: outcome.appliedAt, afterMs };
}

/** A sweep pays for each record from its budget before it goes on. */
function nextAt({ run, integration }: Step, records: number, now: number): number {
  const { recordsPerHour } = integration.config.sweep;
  return run.kind === 'sweep' && recordsPerHour > 0 ? Math.round(Math.max(run.nextAt, now) + (records * HOUR_MS) / recordsPerHour) : run.nextAt;
}
