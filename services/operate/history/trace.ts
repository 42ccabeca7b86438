/**
 * Trace: the chain from an edit to the value that stands in a field now, from the decisions alone. Pure.
 *
 * The newest decision that brought the present pair about ends it; those before it that were about the same edit (held
 * until a person spoke, decided anew, taken back) belong to it. Where Bevatel's value was itself written by another
 * integration of the tenant (hub and spoke), that link's chain stands before.
 */
import { identical } from '../../../domain/compare.ts';
import { isLanding } from '../../../domain/landing.ts';
import type { Landing } from '../../../domain/landing.ts';
import type { Link } from '../../../domain/link.ts';
import { editTime } from '../../../domain/what-if.ts';
import type { ChainStep } from '../../../schemas/api.ts';
import type { ContactDecision, GroupVerdict, Verdict } from '../../../schemas/decision.ts';
import { otherSide } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { valuesOf } from '../conflicts/conflict-view.ts';

/** A link with its decisions, the newest first, and the fields of its lens groups. */
export interface LinkHistory {
  readonly link: Link;
  readonly decisions: readonly ContactDecision[];
  readonly fieldsOf: (group: string) => Readonly<Record<Side, readonly string[]>> | undefined;
}

/** One verdict on the field, with its decision. */
interface Told {
  readonly decision: ContactDecision;
  readonly verdict: GroupVerdict;
}

/** Verdicts that say why the pair is what it is. */
const DECIDES: ReadonlySet<Verdict> = new Set(['propagate', 'filled', 'converged', 'conflict_resolved', 'conflict_held', 'undone']);

/** The oldest first; empty where the decisions are not kept any more. */
export function traceField(history: LinkHistory, group: string, siblings: readonly LinkHistory[]): ChainStep[] {
  const told = toldOf(history, group);
  const newest = told.findLastIndex(decides);
  return newest < 0 ? [] : [...fromSibling(history, group, told, newest, siblings), ...chain(history.link, told, newest)];
}

/** The oldest first. */
function toldOf({ decisions }: LinkHistory, group: string): Told[] {
  return decisions.toReversed().flatMap((decision) => decision.groups.filter((verdict) => verdict.group === group).map((verdict) => ({ decision, verdict })));
}

function decides({ verdict }: Told): boolean {
  return DECIDES.has(verdict.verdict) && !isLanding(verdict) && verdict.rule !== 'written';
}

/** The decision at `end` and those right before it that were about the same edit. */
function chain(link: Link, told: readonly Told[], end: number): ChainStep[] {
  const last = told[end]?.verdict;
  if (!last) return [];
  const steps: ChainStep[] = [];
  let next: GroupVerdict | null = null;
  for (let index = end; index >= 0; index -= 1) {
    const one = told[index];
    if (!one || !decides(one)) continue;
    if (!isSameEdit(one.verdict, last)) break;
    if (next && saysTheSame(one.verdict, next)) steps.shift();
    steps.unshift(stepOf(link, one, landingAfter(told, index)));
    next = one.verdict;
  }
  return steps;
}

/** Said again while it waits: the first time counts. */
function saysTheSame(one: GroupVerdict, next: GroupVerdict): boolean {
  return one.verdict === next.verdict && one.rule === next.rule && one.writeTo === next.writeTo && identical(one.write ?? [], next.write ?? []);
}

/** By the value that was taken; where none was, by both. */
function isSameEdit(one: GroupVerdict, last: GroupVerdict): boolean {
  const same = (side: Side): boolean => one[side] !== undefined && last[side] !== undefined && identical(one[side], last[side]);
  return last.writeTo ? same(otherSide(last.writeTo)) : same('bevatel') && same('external');
}

/** The first write of just this that landed after the decision. */
function landingAfter(told: readonly Told[], index: number): (Told & { readonly verdict: Landing }) | null {
  const { writeTo, write } = told[index]?.verdict ?? {};
  if (!writeTo || !write) return null;
  for (const { decision, verdict } of told.slice(index + 1)) {
    if (isLanding(verdict) && verdict.writeTo === writeTo && identical(verdict.write, write)) return { decision, verdict };
  }
  return null;
}

function stepOf(link: Link, { decision, verdict }: Told, landing: ReturnType<typeof landingAfter>): ChainStep {
  const { writeTo, write } = verdict;
  const isConflict = verdict.verdict === 'conflict_resolved';
  const tookEdit = writeTo !== undefined && verdict.verdict !== 'undone' && verdict.rule !== 'restore' && verdict.rule !== 'constant';
  return {
    integration: link.integrationId, linkId: link.linkId,
    decision: { id: decision.decisionId, at: decision.decidedAt, cause: decision.cause, causeId: decision.causeId, verdict: verdict.verdict, rule: verdict.rule, conflict: verdict.conflict ?? null },
    edit: tookEdit ? editOf(verdict, otherSide(writeTo)) : null,
    overridden: isConflict && writeTo ? editOf(verdict, writeTo) : null,
    write: writeTo && write ? { side: writeTo, values: valuesOf(write), landed: landing && landedOf(landing) } : null,
  };
}

function editOf(verdict: GroupVerdict, side: Side): ChainStep['edit'] {
  const values = verdict[side];
  const { from, to, actor } = editTime(verdict, side);
  return values ? { side, values: valuesOf(values), editedFrom: from, editedTo: to, actor } : null;
}

function landedOf({ decision, verdict }: Told & { readonly verdict: Landing }): NonNullable<ChainStep['write']>['landed'] {
  return { attempt: verdict.attempt, sentAt: verdict.sentAt ?? null, at: decision.decidedAt, how: verdict.rule === 'proven' ? 'proven' : 'answered' };
}

/** Where the chain begins at a value of Bevatel that another integration's write had brought there: how it came to that. */
function fromSibling(history: LinkHistory, group: string, told: readonly Told[], end: number, siblings: readonly LinkHistory[]): ChainStep[] {
  const last = told[end];
  const fields = history.fieldsOf(group)?.bevatel ?? [];
  if (!last || last.verdict.writeTo === 'bevatel' || !last.verdict.bevatel || fields.length === 0) return [];
  const found = siblings.flatMap((sibling) => writesBehind(sibling, fields, last)).sort((a, b) => (b.told[b.index]?.verdict.sentAt ?? 0) - (a.told[a.index]?.verdict.sentAt ?? 0));
  const [newest] = found;
  if (!newest) return [];
  const write = newest.told[newest.index]?.verdict.write ?? [];
  const decided = newest.told.slice(0, newest.index).findLastIndex((one) => decides(one) && one.verdict.writeTo === 'bevatel' && identical(one.verdict.write ?? [], write));
  return decided < 0 ? [] : chain(newest.sibling.link, newest.told, decided);
}

/** The sibling's writes to these fields of Bevatel that left the value which the decision took. */
function writesBehind(sibling: LinkHistory, fields: readonly string[], { decision, verdict }: Told): { sibling: LinkHistory; told: readonly Told[]; index: number }[] {
  const groups = new Set(sibling.decisions.flatMap(({ groups: all }) => all.map((one) => one.group)));
  return [...groups].filter((group) => identical(sibling.fieldsOf(group)?.bevatel ?? [], fields)).flatMap((group) => {
    const told = toldOf(sibling, group);
    return told.flatMap(({ verdict: landing }, index) => (isLanding(landing) && landing.writeTo === 'bevatel' && isBehind(landing, verdict, decision.decidedAt) ? [{ sibling, told, index }] : []));
  });
}

/** Written before, the very value, and with its source's time, which travels with what we write (I5). */
function isBehind(landing: Landing, taken: GroupVerdict, decidedAt: number): boolean {
  const left = landing.base?.[0] ?? landing.write;
  const isSameTime = landing.externalAt == null || taken.bevatelAt == null || landing.externalAt === taken.bevatelAt;
  return (landing.sentAt ?? 0) <= decidedAt && identical(left, taken.bevatel ?? []) && isSameTime;
}
