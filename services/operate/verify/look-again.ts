/** Settling: a page of doubts is looked at again; a repair mends what is still there. In rounds, until nothing is in doubt or the time is over. */
import { counted } from '../../../domain/tally.ts';
import type { Examined } from '../../../domain/tally.ts';
import { isDoubtful } from '../../../domain/verify.ts';
import { insertAudit } from '../../../store/audit.ts';
import { hasOpenDoubts, pageDoubts } from '../../../store/doubts.ts';
import type { Doubt } from '../../../store/doubts.ts';
import type { Run } from '../../../store/verifications.ts';
import { digestOf } from './digest.ts';
import { examineSubjects } from './examine.ts';
import { mend } from './mend.ts';
import { goOn, PAGE } from './step.ts';
import type { Step, StepOutcome } from './step.ts';

const FIRST_LOOK_AGAIN_MS = 500;
const LAST_LOOK_AGAIN_MS = 5_000;

type Settling = NonNullable<Run['settling']>;

export async function lookAgain(step: Step, settling: Settling): Promise<StepOutcome> {
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

