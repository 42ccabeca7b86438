/** The decide table, as given / when / then: base and both sides in, verdict and what is wanted out (design §5.2–5.4). */
import { describe, expect, it } from 'vitest';
import type { Value } from '../schemas/value.ts';
import { decideGroup } from './decide-group.ts';
import type { GroupDecision, GroupInput } from './decide-group.ts';
import type { EditTime, GroupState, Held } from './link.ts';
import { UNKNOWN_TIME } from './link.ts';
import { testContext } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { exactly } from './time.ts';

const NOW = 1_000_000;

interface Given extends Partial<Pick<GroupInput, 'bevatelTime' | 'externalTime' | 'isInFlight'>> {
  readonly state?: GroupState;
  readonly base?: readonly [Value, Value];
  readonly now?: number;
}

/** One field, `company_name ↔ company`. Undefined is unknown. */
function decide(options: ContextOptions, bevatel: Value | undefined, external: Value | undefined, given: Given = {}): GroupDecision {
  const context = testContext(options);
  const rule = context.mapping.lenses[0];
  if (!rule) throw new Error('no lens');
  const { base, state = {}, now = NOW, ...rest } = given;
  return decideGroup({
    rule,
    state: { ...(base ? { base: [[base[0]], [base[1]]] as const } : {}), ...state },
    bevatel: bevatel === undefined ? null : [bevatel], external: external === undefined ? null : [external],
    bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME, isInFlight: false, ...rest,
  }, context, now);
}

/** `verdict rule` and what is wanted, held or agreed. */
function told({ state, verdict }: GroupDecision): string {
  const wanted = state.wanted ? `${state.wanted.side}:=${state.wanted.values.join('|')}` : 'nothing';
  return `${verdict.verdict} (${verdict.rule}) → ${state.held ? `held ${state.held.type}` : wanted}`;
}

describe('decideGroup: one field', () => {
  it.each<[string, Value | undefined, Value | undefined, readonly [Value, Value] | null, string]>([
    // without a base
    ['both the same', 'a', 'a', null, 'converged (first_agreement) → nothing'],
    ['the same, written differently', ' a ', 'a', null, 'converged (first_agreement) → nothing'],
    ['both empty', null, '', null, 'converged (first_agreement) → nothing'],
    ['Bevatel empty', null, 'x', null, 'filled (fill_empty) → bevatel:=x'],
    ['external empty', 'b', null, null, 'filled (fill_empty) → external:=b'],
    ['two values', 'b', 'x', null, 'conflict_held (policy:latest_wins:unknown_order:manual) → held create_create'],
    ['Bevatel unknown', undefined, 'x', null, 'unchanged (unknown_value) → nothing'],
    ['external unknown', 'b', undefined, null, 'unchanged (unknown_value) → nothing'],
    // against a base
    ['nothing moved', 'o', 'o', ['o', 'o'], 'unchanged (equal_base) → nothing'],
    ['nothing moved but the spelling', ' o', 'o ', ['o', 'o'], 'unchanged (equal_base) → nothing'],
    ['nothing moved where the system normalises', 'Long name', 'Long', ['Long name', 'Long'], 'unchanged (equal_base) → nothing'],
    ['Bevatel edited', 'b', 'o', ['o', 'o'], 'propagate (one_side_changed) → external:=b'],
    ['external edited', 'o', 'x', ['o', 'o'], 'propagate (one_side_changed) → bevatel:=x'],
    ['Bevatel cleared', null, 'o', ['o', 'o'], 'propagate (one_side_changed) → external:='],
    ['external cleared', 'o', null, ['o', 'o'], 'propagate (one_side_changed) → bevatel:='],
    ['Bevatel edited to what the external system has', 'Long', 'Long', ['Long name', 'Long'], 'converged (one_side_changed) → nothing'],
    ['the same edit on both', 'n', 'n', ['o', 'o'], 'converged (same_edit) → nothing'],
    ['different edits', 'b', 'x', ['o', 'o'], 'conflict_held (policy:latest_wins:unknown_order:manual) → held update_update_same_field'],
    ['cleared against edited', null, 'x', ['o', 'o'], 'conflict_held (policy:latest_wins:unknown_order:manual) → held update_update_same_field'],
    ['one side unknown again', 'b', undefined, ['o', 'o'], 'unchanged (unknown_value) → nothing'],
  ])('%s', (_given, bevatel, external, base, then) => {
    expect(told(decide({}, bevatel, external, base ? { base } : {}))).toBe(then);
  });

  it('stores the pair as it stands when the sides agree', () => {
    expect(decide({}, ' a ', 'a').state.base).toEqual([[' a '], ['a']]);
    expect(decide({}, 'n', 'n', { base: ['o', 'o'] }).state.base).toEqual([['n'], ['n']]);
  });

  it('leaves the base alone until a write is known to have landed', () => {
    expect(decide({}, 'b', 'o', { base: ['o', 'o'] }).state.base).toEqual([['o'], ['o']]);
  });

  it('waits while a write is under way, with everything as it was', () => {
    const state: GroupState = { base: [['o'], ['o']], wanted: { side: 'external', values: ['b'] } };
    const decision = decide({}, 'c', 'o', { state, isInFlight: true });
    expect(decision.state).toEqual(state);
    expect(decision.verdict).toMatchObject({ verdict: 'in_flight' });
  });

  it('takes back what is wanted when the side is at its base again (A → B → A)', () => {
    const state: GroupState = { base: [['o'], ['o']], wanted: { side: 'external', values: ['b'] } };
    expect(decide({}, 'o', 'o', { state }).state.wanted).toBeUndefined();
  });

  it('I5: an edit is wanted whoever made it', () => {
    for (const actor of [null, 'app:ours', 'sara']) {
      expect(told(decide({}, 'o', 'x', { base: ['o', 'o'], externalTime: exactly(NOW, actor) }))).toBe('propagate (one_side_changed) → bevatel:=x');
    }
  });
});

describe('decideGroup: policies and times', () => {
  const at = (time: number): EditTime => exactly(time, null);
  it.each<[string, ContextOptions, EditTime, EditTime, string]>([
    ['Bevatel later', {}, at(9_000), at(1_000), 'conflict_resolved (policy:latest_wins) → external:=b'],
    ['external later', {}, at(1_000), at(9_000), 'conflict_resolved (policy:latest_wins) → bevatel:=x'],
    ['exactly the tolerance apart', { toleranceMs: 2_000 }, at(3_000), at(1_000), 'conflict_held (policy:latest_wins:unknown_order:manual) → held update_update_same_field'],
    ['just beyond the tolerance', { toleranceMs: 2_000 }, at(3_001), at(1_000), 'conflict_resolved (policy:latest_wins) → external:=b'],
    ['Bevatel unknown', {}, UNKNOWN_TIME, at(9_000), 'conflict_held (policy:latest_wins:unknown_order:manual) → held update_update_same_field'],
    ['unknown, fallback Bevatel', { fallback: 'bevatel_wins' }, UNKNOWN_TIME, at(9_000), 'conflict_resolved (policy:latest_wins:unknown_order:bevatel_wins) → external:=b'],
    ['unknown, fallback external', { fallback: 'external_wins' }, at(9_000), UNKNOWN_TIME, 'conflict_resolved (policy:latest_wins:unknown_order:external_wins) → bevatel:=x'],
    ['intervals apart', {}, { from: 9_000, to: 12_000, actor: null }, { from: 1_000, to: 4_000, actor: null }, 'conflict_resolved (policy:latest_wins) → external:=b'],
    ['intervals that overlap', { fallback: 'external_wins' }, { from: 3_000, to: 12_000, actor: null }, { from: 1_000, to: 4_000, actor: null }, 'conflict_resolved (policy:latest_wins:unknown_order:external_wins) → bevatel:=x'],
    ['an open interval that tells enough', {}, { from: 9_000, to: null, actor: null }, at(1_000), 'conflict_resolved (policy:latest_wins) → external:=b'],
    ['an open interval that does not', {}, { from: null, to: 9_000, actor: null }, at(1_000), 'conflict_held (policy:latest_wins:unknown_order:manual) → held update_update_same_field'],
    ['bevatel_wins against the times', { policy: 'bevatel_wins' }, at(1_000), at(9_000), 'conflict_resolved (policy:bevatel_wins) → external:=b'],
    ['external_wins against the times', { policy: 'external_wins' }, at(9_000), at(1_000), 'conflict_resolved (policy:external_wins) → bevatel:=x'],
    ['manual against the times', { policy: 'manual' }, at(9_000), at(1_000), 'conflict_held (policy:manual) → held update_update_same_field'],
  ])('%s', (_given, options, bevatelTime, externalTime, then) => {
    expect(told(decide(options, 'b', 'x', { base: ['o', 'o'], bevatelTime, externalTime }))).toBe(then);
  });

  it('I2: names what was overridden: both values, both times, both actors, the rule', () => {
    const { verdict } = decide({}, 'b', 'x', { base: ['o', 'o'], bevatelTime: exactly(1_000, 'nora'), externalTime: exactly(9_000, 'sara') });
    expect(verdict).toEqual({
      group: 'company_name', verdict: 'conflict_resolved', rule: 'policy:latest_wins', conflict: 'update_update_same_field',
      bevatel: ['b'], external: ['x'], base: [['o'], ['o']], writeTo: 'bevatel', write: ['x'],
      bevatelAt: 1_000, externalAt: 9_000, bevatelActor: 'nora', externalActor: 'sara',
    });
  });

  it('a policy decides also between the first values of a new pair', () => {
    expect(told(decide({ policy: 'external_wins' }, 'b', 'x'))).toBe('conflict_resolved (policy:external_wins) → bevatel:=x');
  });
});

describe('decideGroup: direction', () => {
  it.each<[string, 'to_external' | 'to_bevatel', Value, Value, readonly [Value, Value] | null, string]>([
    ['with it', 'to_external', 'b', 'o', ['o', 'o'], 'propagate (one_side_changed) → external:=b'],
    ['against it', 'to_external', 'o', 'x', ['o', 'o'], 'skipped (direction) → nothing'],
    ['both edited, to external', 'to_external', 'b', 'x', ['o', 'o'], 'conflict_resolved (direction) → external:=b'],
    ['both edited, to Bevatel', 'to_bevatel', 'b', 'x', ['o', 'o'], 'conflict_resolved (direction) → bevatel:=x'],
    ['filling with it', 'to_bevatel', null, 'x', null, 'filled (fill_empty) → bevatel:=x'],
    ['filling against it', 'to_bevatel', 'b', null, null, 'skipped (direction) → nothing'],
    ['two first values', 'to_external', 'b', 'x', null, 'conflict_resolved (direction) → external:=b'],
    ['against it, but they agree', 'to_external', 'n', 'n', ['o', 'o'], 'converged (same_edit) → nothing'],
  ])('%s', (_given, direction, bevatel, external, base, then) => {
    expect(told(decide({ direction }, bevatel, external, base ? { base } : {}))).toBe(then);
  });

  it('a skip is said once and remembered as the reason why the sides differ (I1)', () => {
    const first = decide({ direction: 'to_external' }, 'o', 'x', { base: ['o', 'o'] });
    expect(first.state.skipped).toBe('direction');
    expect(told(decide({ direction: 'to_external' }, 'o', 'x', { state: first.state }))).toBe('unchanged (direction) → nothing');
    expect(decide({ direction: 'to_external' }, 'o', 'o', { state: first.state }).state.skipped).toBeUndefined();
  });
});

describe('decideGroup: values that the other side has less of', () => {
  const cut = { bevatel: 'company_name', external: 'company', maxLength: 6, truncate: '…' };
  it.each<[string, Value, Value, readonly [Value, Value], string, string | undefined]>([
    ['the cut text stands where the whole one is', 'long name', 'long…', ['long name', 'long…'], 'unchanged (equal_base) → nothing', undefined],
    ['an edit of the cut text goes over what its editor did not see', 'long name', 'LONG…', ['long name', 'long…'], 'propagate (one_side_changed) → bevatel:=LONG…', 'lossy_overwrite'],
    ['an edit of the whole text that does not show outside', 'long nose', 'long…', ['long name', 'long…'], 'converged (one_side_changed) → nothing', undefined],
    ['an edit of the whole text', 'other name', 'long…', ['long name', 'long…'], 'propagate (one_side_changed) → external:=other…', undefined],
  ])('%s', (_what, bevatel, external, base, then, conflict) => {
    const decision = decide({ fields: [cut] }, bevatel, external, { state: { base: [[base[0]], [base[1]]] } });
    expect(told(decision)).toBe(then);
    expect(decision.verdict.conflict).toBe(conflict);
  });
});

describe('decideGroup: invalid values', () => {
  const consent = { bevatel: 'consent', external: 'consent__c', lens: 'picklist', values: { opted_in: 'Yes', opted_out: 'No', unknown: 'Maybe' }, policy: 'latest_wins' };
  it.each<[string, object, Value, Value, readonly [Value, Value], string]>([
    ['skip: no source', { invalid: 'skip' }, 'opted_in', 'Perhaps', ['opted_in', 'Yes'], 'skipped (invalid:picklist) → nothing'],
    ['quarantine: no source', { invalid: 'quarantine' }, 'opted_in', 'Perhaps', ['opted_in', 'Yes'], 'skipped (invalid:picklist) → nothing'],
    ['default: the default is the source', { invalid: 'default', default: 'unknown' }, 'opted_in', 'Perhaps', ['opted_in', 'Yes'], 'propagate (one_side_changed) → bevatel:=unknown'],
    ['default: of Bevatel too', { invalid: 'default', default: 'unknown' }, 'whatever', 'Yes', ['opted_in', 'Yes'], 'propagate (one_side_changed) → external:=Maybe'],
    ['a valid edit goes over an invalid value', { invalid: 'skip' }, 'opted_out', 'Perhaps', ['opted_in', 'Yes'], 'propagate (other_side_invalid) → external:=No'],
    ['and from the other side', { invalid: 'skip' }, 'whatever', 'No', ['opted_in', 'Yes'], 'propagate (other_side_invalid) → bevatel:=opted_out'],
    ['both invalid', { invalid: 'skip' }, 'whatever', 'Perhaps', ['opted_in', 'Yes'], 'skipped (invalid:picklist) → nothing'],
  ])('%s', (_given, settings, bevatel, external, base, then) => {
    expect(told(decide({ fields: [{ ...consent, ...settings }] }, bevatel, external, { base }))).toBe(then);
  });

  it('a default that stands on the other side already wants nothing, ever again (I3)', () => {
    const options = { fields: [{ ...consent, invalid: 'default', default: 'unknown' }] };
    const first = decide(options, 'unknown', 'Perhaps', { base: ['opted_in', 'Yes'] });
    expect(told(first)).toContain('→ nothing');
    expect(decide(options, 'unknown', 'Perhaps', { state: first.state }).state).toEqual(first.state);
  });

  it('a value that does not fit the other side is skipped by name', () => {
    const options = { fields: [{ bevatel: 'company_name', external: 'company', maxLength: 3 }] };
    expect(told(decide(options, 'long', 'o', { base: ['o', 'o'] }))).toBe('skipped (untranslatable:max_length) → nothing');
  });
});

describe('decideGroup: constants', () => {
  const constant = (more: object = {}): ContextOptions => ({ fields: [{ lens: 'constant', external: 'lead_source', value: 'Bevatel', ...more }] });
  it.each<[string, object, Value, string]>([
    ['fills an empty field', {}, null, 'filled (constant) → external:=Bevatel'],
    ['leaves another value', {}, 'Fair', 'unchanged (constant) → nothing'],
    ['leaves itself', {}, 'Bevatel', 'unchanged (constant) → nothing'],
  ])('%s', (_given, more, external, then) => {
    const context = testContext(constant(more));
    const rule = context.mapping.lenses[0];
    if (!rule) throw new Error('no lens');
    const decision = decideGroup({ rule, state: {}, bevatel: null, external: [external], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME, isInFlight: false }, context, NOW);
    expect(told(decision)).toBe(then);
  });
});

describe('decideGroup: a full name over two fields', () => {
  const names = { fields: [{ lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name' }] };
  const decideName = (bevatel: readonly Value[], external: Value, base?: GroupState['base']): GroupDecision => {
    const context = testContext(names);
    const rule = context.mapping.lenses[0];
    if (!rule) throw new Error('no lens');
    return decideGroup({ rule, state: base ? { base } : {}, bevatel, external: [external], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME, isInFlight: false }, context, NOW);
  };
  it.each<[string, readonly Value[], Value, GroupState['base'] | undefined, string]>([
    ['the same, wherever it is split', ['Ali', 'bin Omar'], 'Ali bin Omar', undefined, 'converged (first_agreement) → nothing'],
    ['the last name edited', ['Ali', 'Saleh'], 'Ali Omar', [['Ali', 'Omar'], ['Ali Omar']], 'propagate (one_side_changed) → external:=Ali Saleh'],
    ['the full name edited', ['Ali', 'Omar'], 'Ali Saleh', [['Ali', 'Omar'], ['Ali Omar']], 'propagate (one_side_changed) → bevatel:=Ali|Saleh'],
    ['one group, one conflict', ['Ali', 'Saleh'], 'Aly Omar', [['Ali', 'Omar'], ['Ali Omar']], 'conflict_held (policy:latest_wins:unknown_order:manual) → held update_update_same_field'],
    ['both names cleared', [null, null], 'Ali Omar', [['Ali', 'Omar'], ['Ali Omar']], 'propagate (one_side_changed) → external:='],
  ])('%s', (_given, bevatel, external, base, then) => expect(told(decideName(bevatel, external, base))).toBe(then));
});

describe('decideGroup: what is held', () => {
  const conflict = (): GroupDecision => decide({}, 'b', 'x', { base: ['o', 'o'] });

  it('stays as it is for repeated images, and says so once', () => {
    const first = conflict();
    const again = decide({}, 'b', 'x', { state: first.state, now: NOW + 5_000 });
    expect(again.state).toEqual(first.state);
    expect(told(again)).toBe('unchanged (still_held) → held update_update_same_field');
  });

  it.each<[string, Value, Value, Partial<Given>, string]>([
    ['Bevatel\'s value moves', 'c', 'x', {}, 'conflict_held (policy:latest_wins:unknown_order:manual) → held update_update_same_field'],
    ['the external value moves back', 'b', 'o', {}, 'propagate (one_side_changed) → external:=b'],
    ['they come to agree', 'x', 'x', {}, 'converged (same_edit) → nothing'],
    ['an edit time moves (trace 9)', 'b', 'x', { bevatelTime: exactly(1_000, null), externalTime: exactly(90_000, null) }, 'conflict_resolved (policy:latest_wins) → bevatel:=x'],
  ])('is decided anew when %s', (_given, bevatel, external, more, then) => {
    expect(told(decide({}, bevatel, external, { state: conflict().state, now: NOW + 5_000, ...more }))).toBe(then);
  });

  it.each(['rejected', 'schema_missing', 'unique_violation', 'unknown_outcome'] as const)('a fact about a write holds (%s) until a value moves', (type) => {
    const held: Held = { type, since: NOW - 9_000, bevatel: ['b'], external: ['o'], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME };
    const state: GroupState = { base: [['o'], ['o']], held };
    expect(told(decide({}, 'b', 'o', { state, externalTime: exactly(NOW, null) }))).toBe(`unchanged (still_held) → held ${type}`);
    expect(told(decide({}, 'c', 'o', { state }))).toBe('propagate (one_side_changed) → external:=c');
  });

  it('I2: what was overwritten in flight waits for the operator whatever moves, with the pair as it is now', () => {
    const held: Held = { type: 'overwritten_in_flight', since: NOW - 9_000, bevatel: ['b'], external: ['b'], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME, overwritten: ['h'] };
    const decision = decide({}, 'c', 'b', { state: { base: [['b'], ['b']], held } });
    expect(told(decision)).toBe('conflict_held (overwritten_in_flight) → held overwritten_in_flight');
    expect(decision.state.held).toMatchObject({ since: NOW, bevatel: ['c'], external: ['b'], overwritten: ['h'] });
    expect(told(decide({}, 'c', 'b', { state: decision.state, now: NOW + 1 }))).toBe('unchanged (still_held) → held overwritten_in_flight');
  });

  it('a hold that an outcome set has a verdict at the moment it was set (I2)', () => {
    const held: Held = { type: 'overwritten_in_flight', since: NOW, bevatel: ['b'], external: ['b'], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME, overwritten: ['h'] };
    expect(decide({}, 'b', 'b', { base: ['b', 'b'], state: { held, base: [['b'], ['b']] } }).verdict).toMatchObject({ verdict: 'conflict_held', conflict: 'overwritten_in_flight' });
  });
});

describe('decideGroup: an operator\'s word', () => {
  const resolution = { winner: 'external', bevatel: ['b'], external: ['x'], by: 'layla' } as const;
  const state: GroupState = { base: [['o'], ['o']], resolution };

  it('decides the pair that was shown', () => {
    const decision = decide({ policy: 'manual' }, 'b', 'x', { state });
    expect(told(decision)).toBe('conflict_resolved (operator) → bevatel:=x');
    expect(decision.state.resolution).toEqual(resolution);
  });

  it('is void as soon as a side moved', () => {
    const moved = decide({ policy: 'manual' }, 'b', 'y', { state });
    expect(told(moved)).toBe('conflict_held (policy:manual) → held update_update_same_field');
    expect(moved.state.resolution).toBeUndefined();
    expect(told(decide({ policy: 'manual' }, 'b', 'x', { state: moved.state }))).toContain('held');
  });

  it('does not outlive an agreement', () => {
    expect(decide({}, 'o', 'o', { state }).state.resolution).toBeUndefined();
  });

  it('I2: puts back what an operator chose, over the pair that was shown and no other', () => {
    const restore = { side: 'external', values: ['h'], over: { bevatel: ['b'], external: ['b'] } } as const;
    expect(told(decide({}, 'b', 'later', { state: { base: [['b'], ['b']], restore } }))).toBe('propagate (one_side_changed) → bevatel:=later');
    expect(told(decide({}, 'b', 'b', { state: { base: [['b'], ['b']], restore } }))).toBe('propagate (restore) → external:=h');
  });
});

describe('decideGroup: the oscillation breaker (I3)', () => {
  const options: ContextOptions = { oscillation: { flips: 2, withinMs: 60_000 } };
  /** A third party writes `x` whenever we wrote `o`: base goes back and forth. */
  const flip = (state: GroupState, now: number): GroupDecision => decide(options, 'o', 'x', { state: { ...state, base: [['o'], ['o']] }, now, externalTime: exactly(now, 'workflow:7') });
  const after = (times: readonly number[]): GroupDecision => {
    let decision = flip({}, times[0] ?? 0);
    for (const now of times.slice(1)) {
      const { wanted: _wanted, ...landed } = decision.state;
      decision = flip(landed, now);
    }
    return decision;
  };

  it('holds a value that keeps coming back, and names the actor', () => {
    expect(told(after([0, 1_000]))).toBe('propagate (one_side_changed) → bevatel:=x');
    expect(told(after([0, 1_000, 2_000]))).toBe('conflict_held (oscillation_breaker) → held oscillation');
    expect(after([0, 1_000, 2_000]).state.held?.detail).toBe('workflow:7');
  });

  it('lets it pass when it comes back seldom', () => {
    expect(told(after([0, 1_000, 70_000]))).toBe('propagate (one_side_changed) → bevatel:=x');
  });

  it('does not count a run of different edits, nor the same wish decided again', () => {
    let state: GroupState = { base: [['o'], ['o']] };
    for (const [index, value] of ['a', 'b', 'c', 'd', 'e', 'f'].entries()) {
      state = decide(options, 'o', value, { state, now: index }).state;
      state = decide(options, 'o', value, { state, now: index }).state;
      expect(state.held).toBeUndefined();
    }
  });

  it('stays held for repeated images without growing, and opens with the next value', () => {
    const { state } = after([0, 1_000, 2_000]);
    const again = decide(options, 'o', 'x', { state, now: 3_000, externalTime: exactly(2_000, 'workflow:7') });
    expect(again.state).toEqual(state);
    expect(told(decide(options, 'o', 'y', { state, now: 4_000 }))).toBe('propagate (one_side_changed) → bevatel:=y');
  });
});
