/**
 * What if: a recorded decision, decided again under another configuration by the very same rules. Pure.
 *
 * A verdict tells all that its rule looked at (base, both values, times, actors), so that it can be repeated. Each is
 * repeated from what was known then; what another outcome would have led to afterwards is not imagined. Under another
 * mapping the fields' values are taken from the groups that were recorded; a group of which a field was not, is not
 * compared. Neither is what no rule decided: an operator's word, a refused write, the breaker.
 */
import type { ContactDecision, GroupVerdict, Verdict } from '../schemas/decision.ts';
import { WHOLE_RECORD, isOfRule } from '../schemas/decision.ts';
import { SIDES } from '../schemas/value.ts';
import type { Side, Value } from '../schemas/value.ts';
import { identical } from './compare.ts';
import type { LinkContext } from './context.ts';
import { STICKY, decideGroup } from './decide-group.ts';
import { isLanding } from './landing.ts';
import type { Values } from './lens.ts';
import type { Mapping, MappedLens } from './lenses/mapping.ts';
import type { Base, EditTime } from './link.ts';
import { CHANGE_SET_REJECTED, GIVEN_UP, UNKNOWN_TIME } from './link.ts';
import { groupTime } from './time.ts';

/** What a verdict leaves behind: both sides' values afterwards, and how they came about. */
export interface Effect {
  readonly bevatel: Values;
  readonly external: Values;
  readonly kind: 'written' | 'held' | 'kept';
  /** The side that is written; null when none is, or both are (of several groups). */
  readonly side: Side | null;
  /** The rules that decided, joined by `, ` where there were several. */
  readonly rule: string;
}

export const DIFFERENCE_KINDS = ['other_winner', 'other_value', 'held_now', 'decided_now', 'written_now', 'not_written', 'not_mapped'] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

export interface Difference {
  readonly group: string;
  readonly kind: DifferenceKind;
  readonly fields: Readonly<Record<Side, readonly string[]>>;
  readonly then: Effect;
  /** Null when the field would not be mapped at all. */
  readonly now: Effect | null;
}

export const INCOMPARABLE = ['operator', 'write_outcome', 'breaker', 'whole_record', 'condition', 'not_recorded', 'part_of_group', 'other_mapping'] as const;
export type Incomparable = (typeof INCOMPARABLE)[number];

export interface Replay {
  /** Groups of the new configuration that were decided again. */
  readonly compared: number;
  readonly differences: readonly Difference[];
  readonly incomparable: readonly { readonly group: string; readonly reason: Incomparable }[];
}

/** Verdicts that a rule gave on a pair. */
const RULED: ReadonlySet<Verdict> = new Set(['propagate', 'filled', 'converged', 'conflict_resolved', 'conflict_held', 'skipped', 'undone']);

const BY_OPERATOR = ['operator', 'restore', CHANGE_SET_REJECTED];
/** Whether a condition holds is told by the whole record, of which a verdict keeps one group. */
const BY_CONDITION = ['filtered', 'filter_unknown', 'when'];

/** `mapping` is the one that the decisions were recorded under; `context` the configuration in question. */
export function replayer(mapping: Mapping, context: LinkContext): (decision: ContactDecision) => Replay {
  const rules = context.mapping.lenses.map((rule) => targetOf(rule, mapping, context.mapping));
  return (decision) => {
    const recorded = decision.groups.filter((verdict) => RULED.has(verdict.verdict) && !isLanding(verdict) && verdict.rule !== 'written');
    if (recorded.length === 0) return NOTHING;
    const known = recorded.map((verdict) => recordOf(verdict, mapping.byName.get(verdict.group)));
    const replays = rules.flatMap((target) => {
      const sources = known.filter((one) => (target.twin === null ? touches(one, target.rule) : one.verdict.group === target.twin));
      return sources.length === 0 ? [] : [replayGroup(target, sources, context, decision.decidedAt)];
    });
    const left = known.filter((one) => !rules.some(({ rule }) => touches(one, rule))).map(notMapped);
    return merged([...replays, ...left]);
  };
}

export function replayDecision(decision: ContactDecision, mapping: Mapping, context: LinkContext): Replay {
  return replayer(mapping, context)(decision);
}

/** A rule of the configuration in question, and the group of the recorded mapping that has its very fields, if any. */
interface Target {
  readonly rule: MappedLens;
  readonly twin: string | null;
  /** Another condition than the recorded one decides whether it passes. */
  readonly isConditional: boolean;
}

function targetOf(rule: MappedLens, before: Mapping, after: Mapping): Target {
  const twin = before.lenses.find(({ lens }) => SIDES.every((side) => identical(lens.fields[side], rule.lens.fields[side])));
  const conditions = (of: MappedLens | undefined, { filter }: Mapping): string => JSON.stringify([of?.when ?? null, filter]);
  return { rule, twin: twin?.lens.name ?? null, isConditional: conditions(rule, after) !== conditions(twin, before) };
}

const NOTHING: Replay = { compared: 0, differences: [], incomparable: [] };

function merged(replays: readonly Replay[]): Replay {
  return {
    compared: replays.reduce((sum, { compared }) => sum + compared, 0),
    differences: replays.flatMap(({ differences }) => differences),
    incomparable: replays.flatMap(({ incomparable }) => incomparable),
  };
}

/** A recorded verdict with the fields that its values belong to; `fault` says why it cannot be repeated. */
interface Recorded {
  readonly verdict: GroupVerdict;
  readonly fields: Readonly<Record<Side, readonly string[]>>;
  readonly fault: Incomparable | null;
}

const NO_FIELDS = { bevatel: [], external: [] };

function recordOf(verdict: GroupVerdict, rule: MappedLens | undefined): Recorded {
  const fields = rule?.lens.fields ?? { ...NO_FIELDS, bevatel: verdict.group.split('+') };
  return { verdict, fields, fault: faultOf(verdict, rule) };
}

function faultOf({ group, rule, verdict, conflict, bevatel, external, base }: GroupVerdict, mapped: MappedLens | undefined): Incomparable | null {
  if (group === WHOLE_RECORD) return 'whole_record';
  if (verdict === 'undone' || BY_OPERATOR.some((one) => isOfRule(rule, one))) return 'operator';
  if (rule === GIVEN_UP) return 'write_outcome';
  if (BY_CONDITION.some((one) => isOfRule(rule, one))) return 'condition';
  if (conflict === 'oscillation') return 'breaker';
  if (conflict !== undefined && verdict === 'conflict_held' && STICKY.has(conflict)) return 'write_outcome';
  if (!bevatel || !external) return 'not_recorded';
  if (!mapped) return 'other_mapping';
  const fits = (values: readonly Values[]): boolean => SIDES.every((side, index) => values[index]?.length === mapped.lens.fields[side].length);
  return fits([bevatel, external]) && (!base || fits(base)) ? null : 'other_mapping';
}

function touches(one: Recorded, { lens }: MappedLens): boolean {
  return SIDES.some((side) => one.fields[side].some((field) => lens.fields[side].includes(field)));
}

/** A verdict was told because its group was not at rest: this keeps the replay from finding it so. */
const NOT_AT_REST = { skipped: 'replayed' };

function replayGroup({ rule, isConditional }: Target, sources: readonly Recorded[], context: LinkContext, now: number): Replay {
  const input = isConditional ? 'condition' : inputOf(rule, sources);
  if (typeof input === 'string') return { ...NOTHING, incomparable: [{ group: rule.lens.name, reason: input }] };
  const { base, bevatel, external } = input;
  const { verdict } = decideGroup({ rule, state: { ...NOT_AT_REST, ...(base ? { base } : {}) }, ...input.pair, isInFlight: false }, context, now);
  const effect = effectOf([verdict], { bevatel, external });
  const then = thenOf(rule, sources, { bevatel, external });
  const kind = differenceOf(then, effect);
  return { compared: 1, differences: kind ? [{ group: rule.lens.name, kind, fields: rule.lens.fields, then, now: effect }] : [], incomparable: [] };
}

interface ReplayInput {
  readonly base: Base | undefined;
  readonly bevatel: Values;
  readonly external: Values;
  readonly pair: { readonly bevatel: Values; readonly external: Values; readonly bevatelTime: EditTime; readonly externalTime: EditTime };
}

/** The input of the decision, put together from the recorded groups; or why it cannot be. */
function inputOf(rule: MappedLens, sources: readonly Recorded[]): ReplayInput | Incomparable {
  const fault = sources.find((source) => source.fault !== null)?.fault;
  if (fault) return fault;
  const isPart = sources.some(({ fields }) => SIDES.some((side) => fields[side].some((field) => !rule.lens.fields[side].includes(field))));
  if (isPart) return 'part_of_group';
  const isBased = sources.every(({ verdict }) => verdict.base !== undefined);
  if (!isBased && sources.some(({ verdict }) => verdict.base !== undefined)) return 'not_recorded';
  const bevatel = gather(rule, 'bevatel', sources, ({ verdict }) => verdict.bevatel);
  const external = gather(rule, 'external', sources, ({ verdict }) => verdict.external);
  const bases = SIDES.map((side, index) => (isBased ? gather(rule, side, sources, ({ verdict }) => verdict.base?.[index]) : []));
  const [bevatelBase, externalBase] = bases;
  if (!bevatel || !external || !bevatelBase || !externalBase) return 'not_recorded';
  return {
    base: isBased ? [bevatelBase, externalBase] : undefined, bevatel, external,
    pair: { bevatel, external, bevatelTime: timeOf(sources, 'bevatel'), externalTime: timeOf(sources, 'external') },
  };
}

/** The values of the rule's fields on one side, in their order; null when one of them was not recorded. */
function gather(rule: MappedLens, side: Side, sources: readonly Recorded[], valuesOf: (source: Recorded) => Values | undefined): Values | null {
  const gathered: Value[] = [];
  for (const field of rule.lens.fields[side]) {
    const source = sources.find(({ fields }) => fields[side].includes(field));
    const value = source && valuesOf(source)?.[source.fields[side].indexOf(field)];
    if (value === undefined) return null;
    gathered.push(value);
  }
  return gathered;
}

/** Of several groups the latest edit, as the core takes it of several fields. */
function timeOf(sources: readonly Recorded[], side: Side): EditTime {
  const times = sources.flatMap(({ verdict, fields }) => (fields[side].length === 0 ? [] : [editTime(verdict, side)]));
  return groupTime(Object.fromEntries(times.map((time, index) => [String(index), time])), times.map((_, index) => String(index)));
}

/** When, and by whom, a side's value was set, as the verdict recorded it. */
export function editTime(verdict: GroupVerdict, side: Side): EditTime {
  const [at, from, actor] = side === 'bevatel'
    ? [verdict.bevatelAt, verdict.bevatelFrom, verdict.bevatelActor]
    : [verdict.externalAt, verdict.externalFrom, verdict.externalActor];
  const to = at ?? null;
  const begins = from === undefined ? to : from;
  return to === null && begins === null && (actor ?? null) === null ? UNKNOWN_TIME : { from: begins, to, actor: actor ?? null };
}

/** What the recorded verdicts left behind of the rule's fields. */
function thenOf(rule: MappedLens, sources: readonly Recorded[], before: Pick<Effect, Side>): Effect {
  const [only] = sources;
  const isSame = sources.length === 1 && only && SIDES.every((side) => identical(only.fields[side], rule.lens.fields[side]));
  if (isSame) return effectOf([only.verdict], before);
  const written = (side: Side): Values => gather(rule, side, sources, ({ verdict }) => (verdict.writeTo === side ? verdict.write : verdict[side])) ?? before[side];
  return { ...effectOf(sources.map(({ verdict }) => verdict), before), bevatel: written('bevatel'), external: written('external') };
}

function effectOf(verdicts: readonly GroupVerdict[], before: Pick<Effect, Side>): Effect {
  const [first] = verdicts;
  const sides = new Set(verdicts.flatMap(({ writeTo }) => writeTo ?? []));
  const [side = null] = sides.size === 1 ? sides : [];
  return {
    ...before, ...(first?.writeTo && first.write ? { [first.writeTo]: first.write } : {}),
    kind: verdicts.some(({ verdict }) => verdict === 'conflict_held') ? 'held' : sides.size > 0 ? 'written' : 'kept',
    side, rule: [...new Set(verdicts.map(({ rule }) => rule))].join(', '),
  };
}

/** By effect alone: another rule that comes to the same is no difference. */
function differenceOf(then: Effect, now: Effect): DifferenceKind | null {
  if (then.kind !== now.kind) {
    if (now.kind === 'held') return 'held_now';
    if (then.kind === 'held') return 'decided_now';
    return now.kind === 'written' ? 'written_now' : 'not_written';
  }
  if (then.kind !== 'written') return null;
  if (then.side !== now.side) return 'other_winner';
  return identical(then.bevatel, now.bevatel) && identical(then.external, now.external) ? null : 'other_value';
}

/** No field of it is mapped any more: what was written would not have been. */
function notMapped({ verdict, fields, fault }: Recorded): Replay {
  if (fault) return { ...NOTHING, incomparable: [{ group: verdict.group, reason: fault }] };
  const then = effectOf([verdict], { bevatel: verdict.bevatel ?? [], external: verdict.external ?? [] });
  if (then.kind === 'kept') return { ...NOTHING, compared: 1 };
  return { compared: 1, differences: [{ group: verdict.group, kind: 'not_mapped', fields, then, now: null }], incomparable: [] };
}
