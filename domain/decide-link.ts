/**
 * Decide a whole link: every lens group, the creation of a missing partner, and the references that tie the pair.
 *
 * Pure and total: the same state, context and time give the same result (I12), whatever event led here.
 */
import { WHOLE_RECORD } from '../schemas/decision.ts';
import type { GroupVerdict, Verdict } from '../schemas/decision.ts';
import { otherSide, sameValue, SIDES } from '../schemas/value.ts';
import type { Image, Side } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import { SKIPPED_REVISION_PATIENCE_MS } from './context.ts';
import { decideAbsorbed } from './decide-absorbed.ts';
import { decideGone, isDeleteHold } from './decide-gone.ts';
import { decideGroup } from './decide-group.ts';
import { filteredRule, forgotten, gatesOf, gives, passingOf, standingOf } from './filter.ts';
import { translate } from './lens.ts';
import type { Values } from './lens.ts';
import type { MappedLens } from './lenses/mapping.ts';
import { idOn, pick, UNKNOWN_TIME } from './link.ts';
import type { Attempt, GroupState, Link, LinkHold, LinkState, Seen } from './link.ts';
import { overridden } from './merge.ts';
import { compareRevisions } from './revision.ts';
import { groupTime } from './time.ts';

export interface LinkDecision {
  readonly link: Link;
  /** The groups whose verdict says more than `unchanged`. */
  readonly groups: readonly GroupVerdict[];
  /** A verdict on the record as a whole, when there is one beyond its groups. */
  readonly verdict: Verdict | null;
}

export function decideLink(link: Link, context: LinkContext, now: number): LinkDecision {
  if (link.erased || isHeldWhole(link.state)) return halted(link);
  if (link.state.absorbed) return decideAbsorbed(link, link.state.absorbed, context, now);
  if (isGone(link.state)) return decideGone(link, context, now);
  if (link.bevatelId === null || link.externalId === null) return decideOneSided(link, context, now);
  return decidePair(link, context, now);
}

function isGone(state: LinkState): boolean {
  return state.gone?.bevatel !== undefined || state.gone?.external !== undefined;
}

/** A missing required value holds creation only, and like conflicts with deletions and merges it is decided anew with each image. */
function isHeldWhole({ hold }: LinkState): boolean {
  return hold !== undefined && hold.kind !== 'required_missing' && hold.kind !== 'partner_merged' && !isDeleteHold(hold);
}

/** Nothing is wanted of a link that is erased or held as a whole; its facts stay. */
function halted(link: Link): LinkDecision {
  const { create: _create, remove: _remove, merge: _merge, referenceDue: _referenceDue, ...state } = link.state;
  const groups = Object.fromEntries(Object.entries(state.groups).map(([name, { wanted: _wanted, ...group }]) => [name, group]));
  return { link: { ...link, state: { ...state, groups } }, groups: [], verdict: isGone(link.state) || link.erased ? 'gone' : null };
}

function decidePair(link: Link, context: LinkContext, now: number): LinkDecision {
  const { hold: _hold, create: _create, remove: _remove, restoring: _restoring, alone: _alone, referenceDue: _referenceDue, unmatched: _unmatched, ...state } = link.state;
  const gates = gatesOf(state, context.mapping);
  const groups: Record<string, GroupState> = gates?.forgets ? forgotten(state.groups) : { ...state.groups };
  const verdicts: GroupVerdict[] = [];
  const nothingIsUnderWay = state.attempts.length === 0 && state.readDue === undefined;
  for (const rule of context.mapping.lenses) {
    const name = rule.lens.name;
    const before = groups[name] ?? {};
    if (nothingIsUnderWay && isAtRest(before, state.seen, rule)) continue;
    const decision = decideGroup({
      rule: passingOf(rule, gates, state.seen, context.mapping),
      state: before,
      ...sideValues(state, rule),
      isInFlight: isInFlight(state, name, context, now),
    }, context, now);
    const after = awaitsProof(state, name, context, now) ? withoutWanted(decision.state) : decision.state;
    if (after !== before) groups[name] = after;
    if (decision.verdict.verdict !== 'unchanged') verdicts.push(decision.verdict);
  }
  const referenceDue = missingReferences(link, context).filter((side) => gates?.closed[side] === undefined);
  const told = verdicts.length > 0 ? withDisjoint(verdicts, groups) : verdicts;
  if (state.merged === undefined && state.guarded === undefined) return paired(link, state, groups, referenceDue, told);
  const merge = decideMerged(state, groups, told, context);
  return paired(link, settledMerge(merge.state, merge.groups), merge.groups, referenceDue, merge.told);
}

function paired(link: Link, state: LinkState, groups: LinkState['groups'], referenceDue: readonly Side[], told: readonly GroupVerdict[]): LinkDecision {
  return { link: { ...link, state: { ...state, groups, ...(referenceDue.length > 0 ? { referenceDue } : {}) } }, groups: told, verdict: null };
}

/**
 * While a merge settles, edits of both sides that meet are `merge_update`; and what was edited in the record that went
 * away is in the survivor, or is told to have been overridden by it (I2).
 */
function decideMerged(state: LinkState, groups: LinkState['groups'], told: readonly GroupVerdict[], context: LinkContext): { readonly state: LinkState; readonly groups: LinkState['groups']; readonly told: readonly GroupVerdict[] } {
  const named = told.map((one) => (one.conflict === 'update_update_same_field' ? { ...one, conflict: 'merge_update' as const } : one));
  const held = Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, group.held?.type === 'update_update_same_field' ? { ...group, held: { ...group.held, type: 'merge_update' as const } } : group]));
  const { mergedEdits, ...rest } = state;
  if (!mergedEdits || state.readDue?.[mergedEdits.side]?.blocks) return { state, groups: held, told: named };
  return { state: rest, groups: held, told: [...overridden(mergedEdits.groups, mergedEdits.side, state.seen[mergedEdits.side]?.values, context), ...named] };
}

/** A merge is over when the survivor was read and nothing is wanted for its sake; with it goes the guard on the whole link. */
function settledMerge(state: LinkState, groups: LinkState['groups']): LinkState {
  const isOver = state.merged === undefined || (state.readDue === undefined && Object.values(groups).every(({ wanted }) => wanted === undefined));
  if (!isOver) return state;
  const { merged: _merged, guarded: _guarded, ...rest } = state;
  return rest;
}

/** Both sides were edited, in different groups: each edit goes its way, and it is said that the two met. */
function withDisjoint(verdicts: readonly GroupVerdict[], groups: LinkState['groups']): readonly GroupVerdict[] {
  const sides = new Set(Object.values(groups).flatMap(({ wanted }) => wanted?.side ?? []));
  if (sides.size < 2) return verdicts;
  return verdicts.map((one) => (one.verdict === 'propagate' && one.conflict === undefined ? { ...one, conflict: 'update_update_disjoint' as const } : one));
}

/** What `decideGroup` finds of most groups, found without looking further: both sides stand to the letter at the base. */
function isAtRest(group: GroupState, { bevatel, external }: LinkState['seen'], { lens }: MappedLens): boolean {
  if (!group.base || group.wanted || group.held || group.restore || group.skipped || !bevatel || !external) return false;
  return isShown(group.base[0], bevatel.values, lens.fields.bevatel) && isShown(group.base[1], external.values, lens.fields.external);
}

function isShown(values: Values, image: Image, fields: readonly string[]): boolean {
  for (let index = 0; index < fields.length; index += 1) {
    const value = image[fields[index] as string];
    if (value === undefined || !sameValue(values[index], value)) return false;
  }
  return values.length === fields.length;
}

function sideValues(state: LinkState, rule: MappedLens): Pick<Parameters<typeof decideGroup>[0], 'bevatel' | 'external' | 'bevatelTime' | 'externalTime'> {
  const { bevatel, external } = state.seen;
  const fields = rule.lens.fields;
  return {
    bevatel: bevatel ? pick(bevatel.values, fields.bevatel) : null,
    external: external ? pick(external.values, fields.external) : null,
    bevatelTime: bevatel ? groupTime(bevatel.times, fields.bevatel) : UNKNOWN_TIME,
    externalTime: external ? groupTime(external.times, fields.external) : UNKNOWN_TIME,
  };
}

/**
 * A group waits while its write is outstanding, while a read that decides blocks the link, and while a strict side
 * skipped the very revision that would prove or refute an unresolved write (design §5.2, trace 3).
 */
function isInFlight(state: LinkState, group: string, context: LinkContext, now: number): boolean {
  if (SIDES.some((side) => state.readDue?.[side]?.blocks === true)) return true;
  return state.attempts.some((attempt) => attempt.groups[group] !== undefined && attempt.status === 'outstanding') || awaitsProof(state, group, context, now);
}

/** What was wanted before an unresolved write is not written on top of a revision that it does not know (trace 3). */
function awaitsProof(state: LinkState, group: string, context: LinkContext, now: number): boolean {
  return state.attempts.some((attempt) => attempt.groups[group] !== undefined && attempt.status === 'unresolved' && awaitsRevision(attempt, state.seen[attempt.side], context, now));
}

function withoutWanted(group: GroupState): GroupState {
  if (!group.wanted) return group;
  const { wanted: _wanted, ...rest } = group;
  return rest;
}

function awaitsRevision(attempt: Attempt, seen: Seen | undefined, context: LinkContext, now: number): boolean {
  if (attempt.condition === null || !seen) return false;
  const order = compareRevisions(context.capabilities[attempt.side].revisions, attempt.condition, seen.revision);
  return context.capabilities[attempt.side].revisions === 'strict' && order === 'newer' && now < attempt.deadline + SKIPPED_REVISION_PATIENCE_MS;
}

/** Sides whose record does not carry its partner's id yet, where the system has a place for it. */
function missingReferences(link: Link, context: LinkContext): readonly Side[] {
  if (SIDES.some((side) => link.state.readDue?.[side]?.blocks === true)) return [];
  return SIDES.filter((side) => {
    const seen = link.state.seen[side];
    const isUnderWay = link.state.attempts.some((attempt) => attempt.side === side && attempt.reference !== null && attempt.status === 'outstanding');
    return seen !== undefined && !isUnderWay && context.capabilities[side].uniqueReference && seen.reference !== idOn(link, otherSide(side));
  });
}

function decideOneSided(link: Link, context: LinkContext, now: number): LinkDecision {
  const { create: _create, remove: _remove, restoring: _restoring, hold: _hold, referenceDue: _referenceDue, ...state } = link.state;
  const present: Side = link.bevatelId === null ? 'external' : 'bevatel';
  const missing = otherSide(present);
  const due = isForgetDue(state, present, missing, context) ? { referenceDue: [present] } : {};
  const waiting: LinkDecision = { link: { ...link, state: { ...state, ...due } }, groups: [], verdict: 'awaiting_partner' };
  if (state.alone) return { ...waiting, verdict: 'skipped' };
  if (!context.creates[missing] || !state.seen[present]) return waiting;
  if (state.attempts.some((attempt) => attempt.kind === 'create' && attempt.status === 'outstanding')) return { ...waiting, verdict: 'in_flight' };
  if (state.unmatched) return waiting;
  const standing = standingOf(present, state.seen[present].values, context.mapping);
  if (standing !== 'inside') return { ...waiting, groups: [{ group: WHOLE_RECORD, verdict: 'skipped', rule: filteredRule(present, standing) }], verdict: 'skipped' };
  const lacking = missingRequired(state.seen[present], present, context);
  if (lacking) {
    const hold: LinkHold = { kind: 'required_missing', since: now, detail: lacking };
    return { link: { ...link, state: { ...state, ...due, hold } }, groups: [], verdict: 'skipped' };
  }
  return { link: { ...link, state: { ...state, ...due, create: missing } }, groups: [], verdict: 'created' };
}

/** The record carries the id of one from which it was parted, which is removed, so that nobody takes the two for a pair. */
function isForgetDue(state: LinkState, present: Side, missing: Side, context: LinkContext): boolean {
  const reference = state.seen[present]?.reference ?? null;
  const isUnderWay = state.attempts.some(({ side, forgets, status }) => side === present && forgets === true && status === 'outstanding');
  return reference !== null && !isUnderWay && context.capabilities[present].uniqueReference && state.apart?.some((one) => one.forgets && one.side === missing && one.id === reference) === true;
}

/** The first required group of which nothing would be there after a creation (F8 of the requirements form). */
function missingRequired(seen: Seen, present: Side, context: LinkContext): string | null {
  for (const rule of context.mapping.lenses) {
    if (!rule.required || (context.requiredMissing === 'default' && rule.defaultValue !== null) || !gives(rule, present, seen.values, context.mapping)) continue;
    const values = pick(seen.values, rule.lens.fields[present]);
    const given = values && rule.lens.canonical(present, values).ok ? translate(rule.lens, present, values, null) : null;
    if (!given?.ok || given.values.every((value) => value === null)) return rule.lens.name;
  }
  return null;
}
