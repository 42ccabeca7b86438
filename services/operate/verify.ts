/**
 * One step of a run: compare a page, and store what it showed (I1). A run is what its row says, so that it goes on where
 * it was after a crash, and memory holds one page however many links there are.
 *
 * | phase | a step |
 * |---|---|
 * | `bevatel`, `external` | lists a page of the side and looks for records that no link knows |
 * | `links`    | reads both records of a page of links and examines them; or of a certificate's doubts, or of a contact |
 * | settling   | looks at a page of doubts again (on their way, not captured yet, unexplained); a repair mends what is still there |
 *
 * Settling comes at the end; a sweep does it now and then on its way as well. It goes in rounds until nothing is in
 * doubt or its time is over. What a step found is stored by compare-and-set; of a step that another process or a
 * cancellation overtook, nothing counts.
 */
import type { Pool } from 'pg';
import type { LinkContext } from '../../domain/context.ts';
import { counted } from '../../domain/tally.ts';
import type { Examined, Tally } from '../../domain/tally.ts';
import { isDoubtful } from '../../domain/verify.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Wake } from '../../runtime/deps.ts';
import type { Side } from '../../schemas/value.ts';
import { insertAudit } from '../../store/audit.ts';
import { findLinksOfContact, pageLinks } from '../../store/conflicts.ts';
import { closeDoubts, deleteDoubts, hasOpenDoubts, pageDoubts, saveDoubts } from '../../store/doubts.ts';
import type { Doubt } from '../../store/doubts.ts';
import type { StoredIntegration } from '../../store/integrations.ts';
import { advanceRun } from '../../store/verifications.ts';
import type { Run, RunPhase, RunProgress } from '../../store/verifications.ts';
import { digestOf } from './digest.ts';
import { examineLinks, examineSubjects, findStray, straysAmong } from './examine.ts';
import type { Examining } from './examine.ts';
import { mend } from './mend.ts';
import type { SideReaders } from './side-reader.ts';

export interface StepDeps {
  readonly pool: Pool;
  readonly wake: Pick<Wake, 'notify'>;
  readonly clock: () => number;
  readonly newId: () => string;
}

/** A run in the hands of this process. */
export interface Work {
  readonly run: Run;
  readonly integration: StoredIntegration;
  readonly context: LinkContext;
  readonly readers: SideReaders;
  /** Calls and time that no stored step has counted yet, those of failed steps included. */
  readonly uncounted: { list: number; read: number; workedMs: number };
}

/** `appliedAt`: of the integration as the step saw it, null when it is gone. `ripe`: nothing is left but the certificate. */
export type StepOutcome =
  | { readonly kind: 'went_on'; readonly run: Run; readonly appliedAt: number | null; readonly afterMs: number }
  | { readonly kind: 'ripe' }
  | { readonly kind: 'not_ours' };

const PAGE = 100;
const FIRST_LOOK_AGAIN_MS = 500;
const LAST_LOOK_AGAIN_MS = 5_000;
/** So many steps of a sweep go by between two looks at its doubts. */
const SWEEP_SECTION = 10;
const HOUR_MS = 3_600_000;

const NEXT: Readonly<Record<RunPhase, RunPhase>> = { bevatel: 'external', external: 'links', links: 'end', end: 'end' };

interface Step extends StepDeps, Work {
  readonly examining: Examining;
}

/** Throws SyncError of the systems and of the database: then it may be taken again. */
export async function takeStep(deps: StepDeps, work: Work, signal: AbortSignal): Promise<StepOutcome> {
  const { tenantId, integrationId } = work.run;
  const onCall = (kind: 'list' | 'read'): void => { work.uncounted[kind] += 1; };
  const step: Step = { ...deps, ...work, examining: { pool: deps.pool, key: { tenantId, integrationId }, context: work.context, readers: work.readers, signal, onCall } };
  if (step.run.settling) return settle(step, step.run.settling);
  switch (step.run.phase) {
    case 'bevatel':
    case 'external': return list(step, step.run.phase, signal);
    case 'links': return walk(step);
    case 'end': return { kind: 'ripe' };
    default: return step.run.phase satisfies never;
  }
}

async function list(step: Step, side: Side, signal: AbortSignal): Promise<StepOutcome> {
  const { run, readers, context, examining } = step;
  examining.onCall('list');
  const page = await readers[side].list({ cursor: run.cursor, fields: context.mapping.fields[side].slice(0, 1) }, { signal, lane: 'repair' });
  const strays = await straysAmong(examining, side, page.records.map(({ id }) => id));
  const listed = { ...run.tally.listed, [side]: run.tally.listed[side] + page.records.length };
  return found(step, strays, { phase: page.next === null ? NEXT[side] : side, cursor: page.next, records: page.records.length, tally: { ...run.tally, listed } });
}

async function walk(step: Step): Promise<StepOutcome> {
  const { run, pool, examining } = step;
  const { scope } = run.order;
  switch (scope.kind) {
    case 'all': {
      const links = (await pageLinks(pool, run, run.cursor ?? '', PAGE)).map(({ link }) => link);
      return found(step, await examineLinks(examining, links), { ...at(links.at(-1)?.linkId), records: links.length, tally: run.tally });
    }
    case 'certificate': {
      const doubts = await pageDoubts(pool, { ...run, runId: scope.certificateId }, placeOf(run.cursor), { limit: PAGE, openOnly: false });
      const last = doubts.at(-1);
      return found(step, await examineSubjects(examining, doubts), { ...at(last && JSON.stringify([last.subject, last.id])), records: doubts.length, tally: run.tally });
    }
    case 'contact': {
      const links = (await findLinksOfContact(pool, scope.contactId, run)).map(({ link }) => link);
      const examined = links.length > 0 ? await examineLinks(examining, links) : await findStray(examining, scope.contactId);
      return found(step, examined, { ...at(undefined), records: links.length, tally: run.tally });
    }
    default: return scope satisfies never;
  }
}

/** The place behind a page; behind the last one comes the next phase. */
function at(cursor: string | undefined): Pick<RunProgress, 'phase' | 'cursor'> {
  return cursor === undefined ? { phase: NEXT.links, cursor: null } : { phase: 'links', cursor };
}

function placeOf(cursor: string | null): readonly [string, string] | null {
  return cursor === null ? null : JSON.parse(cursor) as [string, string];
}

interface Found extends Pick<RunProgress, 'phase' | 'cursor' | 'tally'> {
  readonly records: number;
}

function found(step: Step, examined: readonly Examined[], { phase, cursor, records, tally }: Found): Promise<StepOutcome> {
  const doubts = examined.filter(({ findings }) => isDoubtful(findings)).map((one): Doubt => ({ ...one, drift: null, asked: null, deferred: null }));
  const settles = phase === 'end' || (step.run.kind === 'sweep' && step.run.step % SWEEP_SECTION === SWEEP_SECTION - 1);
  return goOn(step, {
    phase, cursor, tally: counted(tally, examined, [], true, digestOf),
    settling: settles ? { until: step.clock() + step.run.order.settleMs, after: null, round: 0, backlog: 0 } : null,
  }, { records, saved: doubts });
}

type Settling = NonNullable<Run['settling']>;

async function settle(step: Step, settling: Settling): Promise<StepOutcome> {
  const { run, pool, clock, examining } = step;
  const before = await pageDoubts(pool, run, settling.after, { limit: PAGE, openOnly: true });
  const last = before.at(-1);
  if (!last) return endRound(step, settling);
  const examined = new Map((await examineSubjects(examining, before)).map((one) => [nameOf(one), one]));
  const looked = before.flatMap((doubt): Doubt[] => {
    const now = examined.get(nameOf(doubt));
    return now ? [{ ...doubt, ...now, deferred: null }] : [];
  });
  const mended = run.kind === 'verify' ? null : await mend({ ...step, ...examining }, looked, run.tally);
  const after = mended?.doubts ?? looked;
  if (mended && mended.reads + mended.decided > 0 && run.kind === 'sweep') await auditMending(step, mended);
  const isAsked = mended !== null && mended.reads + mended.decided > 0;
  return goOn(step, {
    phase: run.phase, cursor: run.cursor, tally: counted(mended?.tally ?? run.tally, after, before, false, digestOf),
    settling: {
      until: isAsked ? clock() + run.order.settleMs : settling.until,
      after: [last.subject, last.id], round: settling.round, backlog: settling.backlog + (mended?.backlog ?? 0),
    },
  }, { records: before.length, saved: after.filter(({ findings }) => isDoubtful(findings)), removed: before.filter((doubt) => !after.some((one) => nameOf(one) === nameOf(doubt) && isDoubtful(one.findings))) });
}

/** Another round, or the end of settling: what is in doubt then is counted as it was seen last. */
async function endRound(step: Step, settling: Settling): Promise<StepOutcome> {
  const { run, pool, clock } = step;
  const left = settling.until - clock();
  const isOver = (left <= 0 && settling.backlog === 0) || !(await hasOpenDoubts(pool, run));
  const { phase, cursor, tally } = run;
  if (isOver) return goOn(step, { phase, cursor, tally, settling: null }, { records: 0, closes: true });
  const pause = Math.min(LAST_LOOK_AGAIN_MS, FIRST_LOOK_AGAIN_MS * 2 ** Math.min(settling.round, 10));
  return goOn(step, { phase, cursor, tally, settling: { ...settling, after: null, round: settling.round + 1, backlog: 0 } }, { records: 0 }, left > 0 ? Math.min(pause, left) : pause);
}

function nameOf({ subject, id }: Pick<Examined, 'subject' | 'id'>): string {
  return `${subject}/${id}`;
}

/** Nobody ordered what a sweep mends. */
async function auditMending({ pool, run, newId, clock }: Step, { reads, decided }: { readonly reads: number; readonly decided: number }): Promise<void> {
  await insertAudit(pool, { tenantId: run.tenantId, auditId: newId(), actor: run.order.requestedBy, action: 'sweep.repair', target: `${run.integrationId} reads:${reads} decided:${decided}`, doneAt: clock() });
}

interface Changes {
  /** Records that the step cost of a sweep's budget. */
  readonly records: number;
  readonly saved?: readonly Doubt[];
  readonly removed?: readonly Doubt[];
  readonly closes?: boolean;
}

async function goOn(step: Step, progress: Omit<RunProgress, 'nextAt'>, changes: Changes, afterMs = 0): Promise<StepOutcome> {
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
