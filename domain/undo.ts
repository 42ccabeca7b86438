/**
 * Undo: which fields of a link can be taken back to what our writes found there, and how. Pure.
 *
 * A field is taken back on the side that we wrote, to the value before the first of our writes in scope that no foreign
 * edit interrupts. It is left alone, with a reason, as soon as anything came after: an edit, another write, a hold. The
 * other side keeps its value: the pair that results is the agreed base (`undone`), so nothing follows there, and a later
 * edit on either side goes on as always. Where we wrote both sides (two sets were merged, a value that lost was overwritten
 * by ours), both are taken back, one after the other. Creations are told of and never deleted: what is in the record by now, or hangs
 * on it, is not ours to judge.
 */
import type { ContactDecision, GroupVerdict, Verdict } from '../schemas/decision.ts';
import { WHOLE_RECORD, isOfRule } from '../schemas/decision.ts';
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { identical, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import { gatesOf, passingOf } from './filter.ts';
import { isLanding } from './landing.ts';
import type { Landing } from './landing.ts';
import type { Values } from './lens.ts';
import type { MappedLens } from './lenses/mapping.ts';
import { UNDONE, pick } from './link.ts';
import type { Base, GroupState, Link, LinkState, Restore } from './link.ts';

/** Writes that landed at `since` or later, before `until` (epoch ms); by rule and group where they are named. */
export interface UndoScope {
  readonly since: number;
  readonly until: number;
  /** The rule that decided the write, or its family: `policy` is that of every policy. */
  readonly rule: string | null;
  readonly group: string | null;
}

export const UNDO_SKIPS = ['edited_since', 'written_since', 'in_flight', 'held', 'gone', 'created', 'removed', 'as_before', 'not_recorded', 'direction', 'filtered', 'constant', 'consent', 'unmapped'] as const;
export type UndoSkip = (typeof UNDO_SKIPS)[number];

export interface UndoField {
  readonly group: string;
  /** The side that was written, and is taken back. */
  readonly side: Side;
  readonly present: Values;
  readonly back: Values;
  /** What stands, and stays, on the other side. */
  readonly other: Values;
  /** The rule of the last write. */
  readonly rule: string | null;
  readonly writes: number;
  /** When the newest thing that was recorded of the field happened. */
  readonly movedAt: number;
}

export interface UndoSkipped {
  readonly group: string;
  readonly side: Side;
  readonly reason: UndoSkip;
  readonly movedAt: number;
}

export interface UndoPlan {
  readonly fields: readonly UndoField[];
  readonly skipped: readonly UndoSkipped[];
  /** Sides on which the record itself was made in scope. */
  readonly created: readonly Side[];
}

/** `decisions` are all that are kept of the link, the oldest first. Call it with the link locked to act on it. */
export function planUndo(link: Link, context: LinkContext, decisions: readonly ContactDecision[], scope: UndoScope): UndoPlan {
  const fields: UndoField[] = [];
  const skipped: UndoSkipped[] = [];
  for (const [group, told] of Map.groupBy(tellings(decisions), ({ verdict }) => verdict.group)) {
    if (scope.group !== null && group !== scope.group) continue;
    for (const side of SIDES) {
      const planned = planGroup(link, context, group, side, told, scope);
      if (planned && 'reason' in planned) skipped.push(planned);
      else if (planned) fields.push(planned);
    }
  }
  return { fields, skipped, created: createdSides(decisions, scope) };
}

/** One verdict on a group, with its decision's time and kind. */
interface Telling {
  readonly verdict: GroupVerdict;
  readonly at: number;
  readonly isCreation: boolean;
}

/** A write that landed, with the rule that had decided it. */
interface Written extends Telling {
  readonly verdict: Landing;
  /** Its place among all that is told of the group. */
  readonly index: number;
  readonly rule: string | null;
  readonly isInScope: boolean;
}

/** Oldest first; a landing that was told again (answered, then shown by its history) counts once. */
function tellings(decisions: readonly ContactDecision[]): readonly Telling[] {
  const landed = new Set<string>();
  return decisions.flatMap((decision) => decision.groups.flatMap((verdict): Telling[] => {
    const key = `${verdict.attempt} ${verdict.group}`;
    if (isLanding(verdict) && landed.has(key)) return [];
    landed.add(key);
    return [{ verdict, at: decision.decidedAt, isCreation: decision.verdict === 'created' }];
  }));
}

function createdSides(decisions: readonly ContactDecision[], scope: UndoScope): readonly Side[] {
  if (scope.rule !== null || scope.group !== null) return [];
  return [...new Set(decisions.flatMap(({ verdict, cause, side, decidedAt }) => (verdict === 'created' && cause !== 'change' && side && isWithin(decidedAt, scope) ? [side] : [])))];
}

function isWithin(at: number, { since, until }: UndoScope): boolean {
  return at >= since && at < until;
}

function planGroup(link: Link, context: LinkContext, group: string, side: Side, told: readonly Telling[], scope: UndoScope): UndoField | UndoSkipped | null {
  const movedAt = told.at(-1)?.at ?? 0;
  const skip = (reason: UndoSkip): UndoSkipped => ({ group, side, reason, movedAt });
  if (group === WHOLE_RECORD) return told.some((one) => one.verdict.verdict === 'removed' && one.verdict.writeTo === side && isWithin(one.at, scope)) ? skip('removed') : null;
  const writes = writesTo(side, told, scope);
  if (!writes.some(({ isInScope }) => isInScope)) return isUnrecorded(side, told, scope) ? skip('not_recorded') : null;
  const last = writes.at(-1);
  if (!last?.isInScope) return skip('written_since');
  const rule = context.mapping.byName.get(group);
  const blocked = blockedBy(link, rule && passingOf(rule, gatesOf(link.state, context.mapping), link.state.seen, context.mapping), group, side);
  if (blocked || !rule) return skip(blocked ?? 'unmapped');
  const pair = restingPair(link.state, rule);
  if (!pair || !stands(link.state.groups[group], last, rule) || told.slice(last.index + 1).some((one) => isMove(one, last.verdict))) return skip('edited_since');
  const run = uninterrupted(writes, rule, side);
  const [first] = run;
  if (!first || first.isCreation) return skip('created');
  const back = first.verdict[side];
  if (!back) return skip('not_recorded');
  if (sameOn(rule.lens, side, back, pair[side])) return skip('as_before');
  return { group, side, present: pair[side], back, other: pair[otherSide(side)], rule: last.rule, writes: run.length, movedAt };
}

/** Landings on a side, oldest first, each with the rule of the newest verdict before it that wanted just this written. */
function writesTo(side: Side, told: readonly Telling[], scope: UndoScope): readonly Written[] {
  const writes: Written[] = [];
  let wanted: GroupVerdict | null = null;
  for (const [index, telling] of told.entries()) {
    const { verdict, at } = telling;
    if (!isLanding(verdict)) {
      if (verdict.write) wanted = verdict;
    } else if (verdict.writeTo === side) {
      const rule = wanted?.writeTo === side && wanted.write && identical(wanted.write, verdict.write) ? wanted.rule : null;
      writes.push({ ...telling, verdict, index, rule, isInScope: isWithin(at, scope) && isOfRule(rule, scope.rule) });
    }
  }
  return writes;
}

/** A write in scope of which it was not recorded what it found. */
function isUnrecorded(side: Side, told: readonly Telling[], scope: UndoScope): boolean {
  return scope.rule === null && told.some(({ verdict, at }) => verdict.rule === 'written' && verdict.attempt === undefined && verdict.writeTo === side && isWithin(at, scope));
}

function blockedBy({ state, erased, bevatelId, externalId }: Link, rule: MappedLens | undefined, group: string, side: Side): UndoSkip | null {
  if (erased || bevatelId === null || externalId === null || state.gone || state.remove) return 'gone';
  if (!rule) return 'unmapped';
  if (SIDES.some((one) => rule.lens.fields[one].length === 0)) return 'constant';
  if (rule.isClosed || (rule.direction !== 'both' && rule.direction !== `to_${side}`)) return rule.narrowedBy === undefined ? 'direction' : 'filtered';
  // Consent is taken back by the person, never by us.
  if (rule.conflicts.policy === 'most_restrictive') return 'consent';
  if (state.hold || state.groups[group]?.held) return 'held';
  return isUnderWay(state, group) ? 'in_flight' : null;
}

function isUnderWay({ attempts, groups, readDue }: LinkState, group: string): boolean {
  const { wanted, restore } = groups[group] ?? {};
  return wanted !== undefined || restore !== undefined || SIDES.some((side) => readDue?.[side]?.blocks === true) || attempts.some((attempt) => attempt.groups[group] !== undefined);
}

/** Both sides as they are seen, where they stand at the base. */
function restingPair({ seen, groups }: LinkState, { lens }: MappedLens): Readonly<Record<Side, Values>> | null {
  const bevatel = seen.bevatel ? pick(seen.bevatel.values, lens.fields.bevatel) : null;
  const external = seen.external ? pick(seen.external.values, lens.fields.external) : null;
  const base = groups[lens.name]?.base;
  if (!bevatel || !external || !base) return null;
  return sameOn(lens, 'bevatel', base[0], bevatel) && sameOn(lens, 'external', base[1], external) ? { bevatel, external } : null;
}

/** Its value on the written side is still what the write left there. */
function stands(state: GroupState | undefined, { verdict }: Written, { lens }: MappedLens): boolean {
  const index = verdict.writeTo === 'bevatel' ? 0 : 1;
  const present = state?.base?.[index];
  const left = verdict.base?.[index];
  return present !== undefined && (left ? identical(present, left) : sameOn(lens, verdict.writeTo, present, verdict.write));
}

const MOVES: ReadonlySet<Verdict> = new Set(['propagate', 'filled', 'converged', 'conflict_resolved', 'conflict_held', 'undone']);

/** Anything but what the value itself brought about on the other side: that can be taken back too. */
function isMove({ verdict }: Telling, { writeTo, write, base }: Landing): boolean {
  if (isLanding(verdict) || !MOVES.has(verdict.verdict)) return false;
  const left = base?.[writeTo === 'bevatel' ? 0 : 1] ?? write;
  return verdict.writeTo !== otherSide(writeTo) || !identical(verdict[writeTo] ?? [], left);
}

/** The last writes in scope, each of which found what the one before it had left. */
function uninterrupted(writes: readonly Written[], { lens }: MappedLens, side: Side): readonly Written[] {
  let from = writes.length - 1;
  for (; from > 0; from -= 1) {
    const before = writes[from - 1];
    const found = writes[from]?.verdict[side];
    const left = before?.verdict.base?.[side === 'bevatel' ? 0 : 1] ?? before?.verdict.write;
    if (!before?.isInScope || !found || !left || !sameOn(lens, side, left, found)) break;
  }
  return writes.slice(from);
}

/** Puts the order into the link's state, of a group on both sides one after the other; run `decideLink` on the result, which makes it wanted. */
export function orderUndo(link: Link, fields: readonly UndoField[], order: { readonly at: number; readonly by: string }): Link {
  const groups: Record<string, GroupState> = { ...link.state.groups };
  for (const [group, [first, second]] of Map.groupBy(fields, (field) => field.group)) {
    const { skipped: _skipped, ...state } = groups[group] ?? {};
    if (!first) continue;
    const over = first.side === 'bevatel' ? { bevatel: first.present, external: first.other } : { bevatel: first.other, external: first.present };
    const next = second && { side: second.side, values: second.back };
    groups[group] = { ...state, restore: { side: first.side, values: first.back, over, undo: { ...order, ...(next ? { next } : {}) } } };
  }
  return { ...link, state: { ...link.state, groups } };
}

/**
 * The group after a write of an undo has landed: an agreement to differ, then what is taken back on the other side, if
 * anything. An order of another write stays as it is.
 */
export function takenBack(group: GroupState & { readonly base: Base }, restore: Restore | undefined, target: Side, sent: Values): GroupState {
  const agreed: GroupState = { ...group, skipped: UNDONE };
  if (!restore) return agreed;
  if (restore.side !== target || !identical(restore.values, sent)) return { ...agreed, restore };
  if (!restore.undo?.next) return agreed;
  const { next, ...undo } = restore.undo;
  return { ...agreed, restore: { ...next, over: { bevatel: group.base[0], external: group.base[1] }, undo } };
}
