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
import { counted } from '../../../domain/tally.ts';
import type { Examined } from '../../../domain/tally.ts';
import { isDoubtful } from '../../../domain/verify.ts';
import type { Side } from '../../../schemas/value.ts';
import { findLinksOfContact, pageLinks } from '../../../store/conflicts.ts';
import { pageDoubts } from '../../../store/doubts.ts';
import type { Doubt } from '../../../store/doubts.ts';
import type { RunPhase, RunProgress } from '../../../store/verifications.ts';
import { digestOf } from './digest.ts';
import { examineLinks, examineSubjects, findStray, straysAmong } from './examine.ts';
import { lookAgain } from './look-again.ts';
import { goOn, PAGE } from './step.ts';
import type { Step, StepDeps, StepOutcome, Work } from './step.ts';

/** So many steps of a sweep go by between two looks at its doubts. */
const SWEEP_SECTION = 10;

const NEXT: Readonly<Record<RunPhase, RunPhase>> = { bevatel: 'external', external: 'links', links: 'end', end: 'end' };

/** Throws SyncError of the systems and of the database: then it may be taken again. */
export async function takeStep(deps: StepDeps, work: Work, signal: AbortSignal): Promise<StepOutcome> {
  const { tenantId, integrationId } = work.run;
  const onCall = (kind: 'list' | 'read'): void => { work.uncounted[kind] += 1; };
  const step: Step = { ...deps, ...work, examining: { pool: deps.pool, key: { tenantId, integrationId }, context: work.context, readers: work.readers, signal, onCall } };
  if (step.run.settling) return lookAgain(step, step.run.settling);
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
