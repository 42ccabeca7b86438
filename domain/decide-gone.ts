/**
 * Decide a link of which a record is gone (design §5, Deletes). `G` is the side where it is gone, `S` the other.
 *
 * | state of the pair | decision |
 * |---|---|
 * | both gone | a tombstone: nothing is wanted; its images are kept for a restore until `forgetAt` |
 * | an operator restores | what is gone is made again, Bevatel's first |
 * | S was restored after G was removed for it | G is made again (`restore`) |
 * | reported a moment ago | G is read once more after the settle time; until then nothing |
 * | policy `ignore`, now or when it settled | nothing on either side; shown, and mended by a restore |
 * | nobody can say what became of G | never propagated; where S has an edit for it, held as `update_missing` |
 * | S was edited since the last agreement, or merged | `versusEdit`: G is made again, or the deletion goes over, or held |
 * | else | the policy: parted (`unlink`), or S is to be removed |
 */
import type { ConflictType, GroupVerdict, Verdict } from '../schemas/decision.ts';
import { WHOLE_RECORD } from '../schemas/decision.ts';
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { agree, isEmpty, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import type { LinkDecision } from './decide-link.ts';
import { gatesOf } from './filter.ts';
import { DELETE_CONFLICTS, pick, withId } from './link.ts';
import type { DeleteConflict, Gone, GroupState, Link, LinkHold, LinkState } from './link.ts';

/** The pair of a link with one record gone. */
interface Bereft {
  readonly link: Link;
  readonly state: LinkState;
  readonly lost: Side;
  readonly left: Side;
  readonly gone: Gone;
  readonly context: LinkContext;
  readonly now: number;
}

export function decideGone(link: Link, context: LinkContext, now: number): LinkDecision {
  const state = withoutDerived(link.state);
  if (state.attempts.some((attempt) => attempt.status === 'outstanding')) return quiet(link, state, 'in_flight');
  const [lost, alsoLost] = SIDES.filter((side) => state.gone?.[side] !== undefined);
  if (lost === undefined) return quiet(link, state, 'gone');
  if (link.bevatelId === null || link.externalId === null) return tombstone(link, state, context);
  if (state.restoring) return revive(link, state, lost, 'operator');
  if (alsoLost !== undefined) return tombstone(link, state, context);
  return decideBereft({ link, state, lost, left: otherSide(lost), gone: state.gone?.[lost] as Gone, context, now });
}

/** A conflict between a deletion and an edit is decided anew with each image, so that a stale resolution is recognised. */
export function isDeleteHold(hold: LinkHold | undefined): hold is Extract<LinkHold, { kind: DeleteConflict }> {
  return hold !== undefined && (DELETE_CONFLICTS as readonly string[]).includes(hold.kind);
}

function decideBereft(pair: Bereft): LinkDecision {
  const { link, state, lost, left, gone, context } = pair;
  const policy = policyOf(pair);
  if (SIDES.some((side) => state.readDue?.[side]?.blocks === true)) return quiet(link, state, 'in_flight');
  if (gone.revive && (gone.ours || policy !== 'ignore')) return revive(link, state, lost, `restored_in:${left}`, 'restore');
  if (gone.settledAt === undefined) return settling(pair);
  if (policy === 'ignore') return quiet(link, state, 'gone');
  const type = conflictOf(gone);
  if (hasWord(pair)) return gone.word?.stands === 'partner' ? revive(link, state, lost, 'operator', type) : propagate(pair, 'operator', type);
  const isEdited = gone.contested === true || isEditedFor(pair);
  if (type === 'update_missing') return isEdited ? hold(pair, type, 'nobody_knows') : quiet(link, state, 'gone');
  if (!isEdited) return propagate(pair, `deletes:${policy}`);
  switch (context.deletes.versusEdit) {
    case 'edit_wins': return context.creates[lost] ? revive(link, state, lost, 'deletes:edit_wins', type) : hold(pair, type, `create_off:${lost}`);
    case 'delete_wins': return propagate(pair, 'deletes:delete_wins', type);
    case 'manual': return hold(pair, type, 'deletes:manual');
    default: return context.deletes.versusEdit satisfies never;
  }
}

/** A deletion that was ignored when it settled stays so: a policy that is set later does not reach back. What a filter keeps apart is not deleted for each other. */
function policyOf({ state, gone, left, context }: Bereft): LinkContext['deletes']['policy'][Side] {
  const isFiltered = gatesOf(state, context.mapping)?.closed[left] !== undefined;
  return gone.ignored || isFiltered ? 'ignore' : context.deletes.policy[left];
}

/** An id that nobody explains may be a merge or a privacy deletion: nothing follows from it but by an operator's word. */
function conflictOf(gone: Gone): DeleteConflict {
  if (gone.how !== 'deleted') return 'update_missing';
  return gone.metWrite ? 'update_recently_deleted' : 'delete_recently_updated';
}

/** The word is on the partner as it was shown. */
function hasWord({ gone, state, left }: Bereft): boolean {
  return gone.word !== undefined && gone.word.revision === (state.seen[left]?.revision ?? null);
}

function settling({ link, state, lost, gone, context }: Bereft): LinkDecision {
  const readDue = { ...state.readDue, [lost]: { at: gone.at + context.deletes.settleMs, blocks: true } };
  return quiet(link, { ...state, readDue }, 'gone');
}

/** Whether the record that is left says something that the one that is gone did not have yet, and that may go there. */
function isEditedFor({ state, lost, left, context }: Bereft): boolean {
  const seen = { left: state.seen[left], lost: state.seen[lost] };
  return context.mapping.lenses.some(({ lens, direction }) => {
    const mayGo = direction === 'both' || direction === `to_${lost}`;
    const values = mayGo && seen.left && lens.fields[left].length > 0 ? pick(seen.left.values, lens.fields[left]) : null;
    if (!values) return false;
    const base = state.groups[lens.name]?.base;
    if (base) return !sameOn(lens, left, base[left === 'bevatel' ? 0 : 1], values);
    const other = seen.lost ? pick(seen.lost.values, lens.fields[lost]) : null;
    if (!other) return !isEmpty(lens, left, values);
    return left === 'bevatel' ? !agree(lens, values, other) : !agree(lens, other, values);
  });
}

function propagate(pair: Bereft, rule: string, type?: ConflictType): LinkDecision {
  const { link, state, left } = pair;
  const policy = policyOf(pair);
  if (policy === 'unlink') return part(pair, rule, type);
  if (policy === 'ignore') return quiet(link, state, 'gone');
  const isNew = link.state.remove?.side !== left || link.state.remove.way !== policy;
  return said(link, { ...state, remove: { side: left, way: policy }, ...guardOf(link, isNew) }, 'gone', isNew ? [whole(type ? 'conflict_resolved' : 'propagate', rule, type, left)] : []);
}

/** The pair is dissolved: the record that is left stays, gets no new partner made, and may match another record. */
function part({ link, state, lost, left, gone, context, now }: Bereft, rule: string, type?: ConflictType): LinkDecision {
  const id = lost === 'bevatel' ? link.bevatelId : link.externalId;
  const image = state.seen[lost]?.values;
  const seen = state.seen[left];
  const parted = { side: lost, id: id ?? '', at: gone.at, by: rule, ...(image ? { image } : {}) };
  const next: LinkState = {
    seen: seen ? { [left]: { ...seen, reference: null } } : {}, groups: {}, attempts: [],
    apart: [...(state.apart ?? []), parted], alone: { since: now, reason: 'unlinked' }, forgetAt: now + context.deletes.keepMs,
  };
  return said(withId(link, lost, null), next, 'unlinked', [whole('unlinked', rule, type)]);
}

/** The record that is gone is to be made again from what is known of it. */
function revive(link: Link, state: LinkState, side: Side, rule: string, type?: ConflictType): LinkDecision {
  const isNew = link.state.create !== side;
  return said(link, { ...state, create: side, ...guardOf(link, isNew) }, 'created', isNew ? [whole(type ? 'conflict_resolved' : 'propagate', rule, type, side)] : []);
}

/** What waits for an approval goes on waiting for as long as it is wanted. */
function guardOf({ state: { guarded } }: Link, isNew: boolean): Pick<LinkState, 'guarded'> {
  return isNew || guarded === undefined ? {} : { guarded };
}

function hold(pair: Bereft, kind: DeleteConflict, rule: string): LinkDecision {
  const { link, state, lost, left, now } = pair;
  const revision = state.seen[left]?.revision ?? null;
  const before = link.state.hold;
  const isSame = isDeleteHold(before) && before.kind === kind && before.revision === revision;
  const next: LinkHold = isSame ? before : { kind, since: now, detail: lost, revision };
  return said(link, { ...state, hold: next }, 'conflict_held', isSame ? [] : [whole('conflict_held', rule, kind)]);
}

function tombstone(link: Link, state: LinkState, { deletes }: LinkContext): LinkDecision {
  const at = Math.max(...SIDES.map((side) => state.gone?.[side]?.at ?? 0));
  return quiet(link, { ...state, forgetAt: at + deletes.keepMs }, 'gone');
}

/** Facts stay; what was wanted, and holds that are decided here, go. */
function withoutDerived(state: LinkState): LinkState {
  const { create: _create, remove: _remove, referenceDue: _referenceDue, guarded: _guarded, forgetAt, hold, ...facts } = state;
  const groups: Record<string, GroupState> = {};
  for (const name in facts.groups) {
    const { wanted: _wanted, ...group } = facts.groups[name] as GroupState;
    groups[name] = group;
  }
  return { ...facts, groups, ...(hold && !isDeleteHold(hold) ? { hold } : {}), ...(facts.apart && forgetAt !== undefined ? { forgetAt } : {}) };
}

function whole(verdict: Verdict, rule: string, conflict?: ConflictType, writeTo?: Side): GroupVerdict {
  return { group: WHOLE_RECORD, verdict, rule, ...(conflict ? { conflict } : {}), ...(writeTo ? { writeTo } : {}) };
}

function quiet(link: Link, state: LinkState, verdict: Verdict): LinkDecision {
  return said(link, state, verdict, []);
}

function said(link: Link, state: LinkState, verdict: Verdict, groups: readonly GroupVerdict[]): LinkDecision {
  return { link: { ...link, state }, groups, verdict };
}
