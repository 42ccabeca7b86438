/**
 * Decide one lens group from state alone: base, both seen values, their times, and what is under way (design §5.2–5.4).
 *
 * | base | Bevatel | external | decision |
 * |---|---|---|---|
 * | –    | agree          | agree          | base := the pair (`converged`) |
 * | –    | empty          | value          | fill the empty side |
 * | –    | value          | other value    | conflict `create_create` |
 * | pair | as base        | as base        | nothing wanted |
 * | pair | changed        | as base        | wanted on external (`propagate`), or `converged` if it has that value already |
 * | pair | changed        | changed, agree | `converged`, base := the pair |
 * | pair | changed        | changed        | conflict by policy (domain/policy.ts) |
 *
 * An outstanding attempt or an awaited read makes it `in_flight`; every other verdict replaces what was wanted.
 */
import type { ConflictType, GroupVerdict, Verdict } from '../schemas/decision.ts';
import { otherSide } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { agree, identical, isEmpty, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import type { MappedLens } from './lenses/mapping.ts';
import { isInterval } from './landing.ts';
import { isMoreThanSeen } from './lenses/round-trip.ts';
import { translate } from './lens.ts';
import type { Lens, Values } from './lens.ts';
import { CHANGE_SET_REJECTED, GIVEN_UP, UNDONE } from './link.ts';
import type { Base, EditTime, GroupState, Held, Restore, Wanted } from './link.ts';
import { afterPropagation, fighters } from './oscillation.ts';
import { choose, isSilenced } from './policy.ts';
import { sameTime } from './time.ts';

export interface GroupInput {
  readonly rule: MappedLens;
  readonly state: GroupState;
  /** Null while the side, or one of the group's fields on it, is unknown. */
  readonly bevatel: Values | null;
  readonly external: Values | null;
  readonly bevatelTime: EditTime;
  readonly externalTime: EditTime;
  readonly isInFlight: boolean;
}

export interface GroupDecision {
  readonly state: GroupState;
  readonly verdict: GroupVerdict;
}

/**
 * Facts about a write, not about the pair: they hold until either side's value moves or an operator speaks. What was
 * overwritten in flight stands on neither side any more, so it waits for the operator whatever moves (I2).
 */
export const STICKY: ReadonlySet<ConflictType> = new Set(['overwritten_in_flight', 'rejected', 'schema_missing', 'unique_violation', 'unknown_outcome']);

const AGREED_TO_DIFFER: ReadonlySet<string> = new Set([UNDONE, CHANGE_SET_REJECTED, GIVEN_UP]);

/** The two sides' values and times, all known. */
interface Pair {
  readonly rule: MappedLens;
  readonly lens: Lens;
  readonly state: GroupState;
  readonly values: Readonly<Record<Side, Values>>;
  readonly times: Readonly<Record<Side, EditTime>>;
  readonly context: LinkContext;
  readonly now: number;
}

export function decideGroup(input: GroupInput, context: LinkContext, now: number): GroupDecision {
  const { rule, state } = input;
  if (input.isInFlight) return { state, verdict: { group: rule.lens.name, verdict: 'in_flight', rule: 'attempt_outstanding' } };
  const bevatel = input.bevatel ?? (rule.lens.fields.bevatel.length === 0 ? [] : null);
  const external = input.external ?? (rule.lens.fields.external.length === 0 ? [] : null);
  if (!bevatel || !external) return quiet(state.wanted ? cleared(state) : state, rule.lens.name, 'unchanged', 'unknown_value');
  if (isSettled(state, bevatel, external)) return { state, verdict: { group: rule.lens.name, verdict: 'unchanged', rule: 'equal_base' } };
  return decidePair({
    rule, lens: rule.lens, state, context, now,
    values: { bevatel, external },
    times: { bevatel: input.bevatelTime, external: input.externalTime },
  });
}

/** The hot path: both sides stand to the letter at the base and nothing is pending. */
function isSettled(state: GroupState, bevatel: Values, external: Values): boolean {
  return state.base !== undefined && !state.wanted && !state.held && !state.restore && !state.skipped
    && !state.resolution && identical(state.base[0], bevatel) && identical(state.base[1], external);
}

function decidePair(pair: Pair): GroupDecision {
  const { state, lens } = pair;
  const { restore } = state;
  if (restore && identical(restore.over.bevatel, pair.values.bevatel) && identical(restore.over.external, pair.values.external)) return decideRestore(pair, restore);
  const sticky = state.held && STICKY.has(state.held.type) ? stillHeld(pair, state.held) : null;
  if (sticky) return sticky;
  if (pair.rule.isClosed) return skipped(pair, pair.rule.narrowedBy ?? 'direction');
  const constantSide = oneSided(lens);
  if (constantSide) return decideConstant(pair, constantSide);
  return decideValues(pair);
}

/** The operator's word goes before every rule, and is told once. */
function decideRestore(pair: Pair, restore: Restore): GroupDecision {
  const wanted: Wanted = { side: restore.side, values: restore.values };
  const { wanted: before } = pair.state;
  if (before?.side === wanted.side && identical(before.values, wanted.values)) return quiet(pair.state, pair.lens.name, 'unchanged', 'still_wanted');
  return { state: { ...cleared(pair.state), restore, wanted }, verdict: verdictOf(pair, restore.undo ? 'undone' : 'propagate', restore.undo ? 'undo' : 'restore', { write: wanted }) };
}

function oneSided(lens: Lens): Side | null {
  if (lens.fields.bevatel.length === 0) return 'external';
  return lens.fields.external.length === 0 ? 'bevatel' : null;
}

/** A constant fills an empty field; over another value it goes only where the policy lets the other side win. */
function decideConstant(pair: Pair, side: Side): GroupDecision {
  const source = otherSide(side);
  const isFill = isEmpty(pair.lens, side, pair.values[side]);
  if (isFill || pair.rule.conflicts.policy === `${source}_wins`) return propagate(pair, source, 'constant', isFill ? 'filled' : 'propagate');
  return agreed(pair, 'unchanged', 'constant');
}

function decideValues(pair: Pair): GroupDecision {
  const usable = { bevatel: effective(pair, 'bevatel'), external: effective(pair, 'external') };
  if (!usable.bevatel || !usable.external) return decideInvalid(pair, usable);
  const valid: Pair = { ...pair, values: { bevatel: usable.bevatel, external: usable.external } };
  return pair.state.base ? decideAgainstBase(valid, pair.state.base) : decideFirst(valid);
}

/** The values that may serve as a source: valid ones as they are, the default for an invalid single field; else null. */
function effective(pair: Pair, side: Side): Values | null {
  const canonical = pair.lens.canonical(side, pair.values[side]);
  if (canonical.ok) return pair.values[side];
  if (pair.rule.invalid !== 'default' || pair.rule.defaultValue === null) return null;
  if (side === 'bevatel') return [pair.rule.defaultValue];
  const put = pair.lens.toExternal([pair.rule.defaultValue], null);
  return put.ok ? put.values : null;
}

/** An invalid value is never a source; a newer valid edit on the other side goes over it. */
function decideInvalid(pair: Pair, usable: Readonly<Record<Side, Values | null>>): GroupDecision {
  const invalidSide: Side = usable.bevatel ? 'external' : 'bevatel';
  const validSide = otherSide(invalidSide);
  const base = pair.state.base;
  if (base && usable[validSide] && isChanged(pair, base, validSide)) return propagate(pair, validSide, 'other_side_invalid', 'propagate');
  const canonical = pair.lens.canonical(invalidSide, pair.values[invalidSide]);
  return skipped(pair, canonical.ok ? 'invalid' : `invalid:${canonical.reason}`);
}

function decideFirst(pair: Pair): GroupDecision {
  const { lens, values } = pair;
  if (agree(lens, values.bevatel, values.external)) return agreed(pair, 'converged', 'first_agreement');
  if (isEmpty(lens, 'bevatel', values.bevatel)) return propagate(pair, 'external', 'fill_empty', 'filled');
  if (isEmpty(lens, 'external', values.external)) return propagate(pair, 'bevatel', 'fill_empty', 'filled');
  return conflict(pair, 'create_create');
}

function isChanged(pair: Pair, base: Base, side: Side): boolean {
  return !sameOn(pair.lens, side, base[side === 'bevatel' ? 0 : 1], pair.values[side]);
}

function decideAgainstBase(pair: Pair, base: Base): GroupDecision {
  const bevatelChanged = isChanged(pair, base, 'bevatel');
  const externalChanged = isChanged(pair, base, 'external');
  if (!bevatelChanged && !externalChanged) return quiet({ ...cleared(pair.state), ...differingOf(pair) }, pair.lens.name, 'unchanged', 'equal_base');
  if (bevatelChanged !== externalChanged) {
    const changed: Side = bevatelChanged ? 'bevatel' : 'external';
    if (isSilenced({ ...pair, rule: pair.rule.conflicts }, changed)) return conflict(pair, 'update_update_same_field');
    return propagate(pair, changed, 'one_side_changed', 'propagate', isMoreThanSeen(pair.lens, otherSide(changed), pair.values[otherSide(changed)]) ? 'lossy_overwrite' : undefined);
  }
  if (agree(pair.lens, pair.values.bevatel, pair.values.external)) return agreed(pair, 'converged', 'same_edit');
  return conflict(pair, 'update_update_same_field');
}

/** While both sides stand at an agreement to differ, it explains the difference. */
function differingOf({ state, lens, values }: Pair): Pick<GroupState, 'skipped'> {
  const { skipped: reason } = state;
  return reason !== undefined && AGREED_TO_DIFFER.has(reason) && !agree(lens, values.bevatel, values.external) ? { skipped: reason } : {};
}

/**
 * Direction decides before policy: the side that is not a source is overridden by name (I2). A statement of consent is
 * not: what may not be written where it is lacking is skipped.
 */
function conflict(pair: Pair, kind: ConflictType): GroupDecision {
  const { rule, values } = pair;
  const isConsent = rule.conflicts.policy === 'most_restrictive';
  const type = isConsent ? 'consent_disagree' : kind;
  if (rule.direction !== 'both' && !isConsent) return propagate(pair, rule.direction === 'to_external' ? 'bevatel' : 'external', rule.narrowedBy ?? 'direction', 'conflict_resolved', type);
  const { resolution } = pair.state;
  if (resolution && identical(resolution.bevatel, values.bevatel) && identical(resolution.external, values.external)) {
    return propagate(pair, resolution.winner, 'operator', 'conflict_resolved', type);
  }
  const choice = choose({ lens: pair.lens, rule: rule.conflicts, base: pair.state.base, values, times: pair.times });
  switch (choice.kind) {
    case 'winner': return propagate(pair, choice.winner, choice.rule, 'conflict_resolved', type);
    case 'merged': return merge(pair, choice.bevatel, choice.rule, type);
    case 'hold': return held(pair, type, choice.rule);
    default: return choice satisfies never;
  }
}

/**
 * Both sides are to get a value that neither may have. Bevatel goes first, which keeps what it is given, as a step that
 * leaves the base alone; decided anew from there, its value propagates to the other system, whatever that makes of it.
 */
function merge(pair: Pair, bevatel: Values, rule: string, type: ConflictType): GroupDecision {
  const { lens, values } = pair;
  const external = lens.toExternal(bevatel, values.external);
  if (!external.ok) return held(pair, type, `${rule}:untranslatable:${external.reason}`);
  if (sameOn(lens, 'bevatel', bevatel, values.bevatel)) return propagate(pair, 'bevatel', rule, 'conflict_resolved', type);
  if (sameOn(lens, 'external', external.values, values.external)) return propagate(pair, 'external', rule, 'conflict_resolved', type);
  return want(pair, { side: 'bevatel', values: bevatel, isStep: true }, 'external', rule, 'conflict_resolved', type);
}

/** Wants the source's value on the other side; what it cannot write it names. */
function propagate(pair: Pair, from: Side, rule: string, verdict: Verdict, type?: ConflictType): GroupDecision {
  const target = otherSide(from);
  const { lens, values } = pair;
  if (pair.rule.direction !== 'both' && pair.rule.direction !== (target === 'external' ? 'to_external' : 'to_bevatel')) return skipped(pair, pair.rule.narrowedBy ?? 'direction');
  const translated = translate(lens, from, values[from], values[target]);
  if (!translated.ok) return skipped(pair, `untranslatable:${translated.reason}`);
  if (sameOn(lens, target, translated.values, values[target])) return agreed(pair, 'converged', rule);
  return want(pair, { side: target, values: translated.values }, from, rule, verdict, type);
}

function want(pair: Pair, wanted: Wanted, from: Side, rule: string, verdict: Verdict, type?: ConflictType): GroupDecision {
  const { held: before } = pair.state;
  if (before?.type === 'oscillation' && isSamePair(before, pair)) return held(pair, 'oscillation', 'oscillation_breaker');
  const isNew = !pair.state.wanted || pair.state.wanted.side !== wanted.side || !identical(pair.state.wanted.values, wanted.values);
  if (!isNew && verdict === 'propagate' && !before && !pair.state.skipped) return quiet(pair.state, pair.lens.name, 'unchanged', 'still_wanted');
  const breaker = isNew ? afterPropagation(pair.state.trail, wanted, pair.context.oscillation, pair.now) : { trail: pair.state.trail, isOscillating: false };
  if (breaker.isOscillating) return held({ ...pair, state: { ...pair.state, ...trailOf(breaker.trail) } }, 'oscillation', 'oscillation_breaker', fighters(pair.times, from));
  return {
    state: { ...cleared(pair.state), wanted, ...trailOf(breaker.trail), ...(pair.state.resolution ? { resolution: pair.state.resolution } : {}) },
    verdict: verdictOf(pair, verdict, rule, { write: wanted, ...(type ? { type } : {}) }),
  };
}

function trailOf(trail: GroupState['trail']): Pick<GroupState, 'trail'> {
  return trail ? { trail } : {};
}

function agreed(pair: Pair, verdict: Verdict, rule: string): GroupDecision {
  return {
    state: { ...cleared(pair.state), base: [pair.values.bevatel, pair.values.external] },
    verdict: verdictOf(pair, verdict, rule, {}),
  };
}

function held(pair: Pair, type: ConflictType, rule: string, more: Pick<Held, 'detail' | 'owner'> = {}): GroupDecision {
  const before = pair.state.held;
  const isSameType = before?.type === type || (before?.type === 'merge_update' && type === 'update_update_same_field');
  const isSame = before !== undefined && isSameType && isSamePair(before, pair);
  const next: Held = isSame ? before : {
    type, since: pair.now,
    bevatel: pair.values.bevatel, external: pair.values.external,
    bevatelTime: pair.times.bevatel, externalTime: pair.times.external,
    ...more,
  };
  return { state: { ...cleared(pair.state), held: next }, verdict: heldVerdict(pair, next, rule) };
}

/** Said once: at the moment from which it is held, also when that was set by an outcome or a proof. */
function heldVerdict(pair: Pair, now: Held, rule: string): GroupVerdict {
  return now.since === pair.now ? verdictOf(pair, 'conflict_held', rule, { type: now.type }) : quietVerdict(pair.lens.name, 'unchanged', 'still_held');
}

function isSamePair(before: Held, pair: Pair): boolean {
  return identical(before.bevatel, pair.values.bevatel) && identical(before.external, pair.values.external)
    && sameTime(before.bevatelTime, pair.times.bevatel) && sameTime(before.externalTime, pair.times.external);
}

function stillHeld(pair: Pair, before: Held): GroupDecision | null {
  const isSame = sameOn(pair.lens, 'bevatel', before.bevatel, pair.values.bevatel) && sameOn(pair.lens, 'external', before.external, pair.values.external);
  if (!isSame && before.type !== 'overwritten_in_flight') return null;
  const next: Held = isSame ? before : { ...before, since: pair.now, bevatel: pair.values.bevatel, external: pair.values.external, bevatelTime: pair.times.bevatel };
  return { state: { ...cleared(pair.state), held: next }, verdict: heldVerdict(pair, next, before.type) };
}

function skipped(pair: Pair, rule: string): GroupDecision {
  const state: GroupState = { ...cleared(pair.state), skipped: rule };
  if (pair.state.skipped === rule) return { state, verdict: quietVerdict(pair.lens.name, 'unchanged', rule) };
  return { state, verdict: verdictOf(pair, 'skipped', rule, {}) };
}

/** The state without anything derived: base and trail stay. */
function cleared(state: GroupState): GroupState {
  return { ...(state.base ? { base: state.base } : {}), ...trailOf(state.trail) };
}

function quiet(state: GroupState, group: string, verdict: Verdict, rule: string): GroupDecision {
  return { state, verdict: quietVerdict(group, verdict, rule) };
}

function quietVerdict(group: string, verdict: Verdict, rule: string): GroupVerdict {
  return { group, verdict, rule };
}

function verdictOf(pair: Pair, verdict: Verdict, rule: string, more: { write?: Wanted; type?: ConflictType }): GroupVerdict {
  return {
    group: pair.lens.name, verdict, rule,
    bevatel: pair.values.bevatel, external: pair.values.external,
    ...(pair.state.base ? { base: pair.state.base } : {}),
    ...(more.type ? { conflict: more.type } : {}),
    ...(more.write ? { writeTo: more.write.side, write: more.write.values } : {}),
    bevatelAt: pair.times.bevatel.to, externalAt: pair.times.external.to,
    ...(isInterval(pair.times.bevatel) ? { bevatelFrom: pair.times.bevatel.from } : {}), ...(isInterval(pair.times.external) ? { externalFrom: pair.times.external.from } : {}),
    bevatelActor: pair.times.bevatel.actor, externalActor: pair.times.external.actor,
  };
}
