/** The policies, as given / when / then: two edits and their times in, who wins or what both get out (design §5.3). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Value } from '../schemas/value.ts';
import { decideGroup } from './decide-group.ts';
import type { GroupDecision } from './decide-group.ts';
import type { EditTime, GroupState } from './link.ts';
import { UNKNOWN_TIME } from './link.ts';
import { testContext } from './testing/context.ts';
import { Story } from './testing/story.ts';
import { exactly } from './time.ts';

const NOW = 1_000_000;

interface Given {
  readonly field?: object;
  readonly integration?: Parameters<typeof testContext>[0];
  readonly base?: readonly [Value, Value];
  readonly bevatelTime?: EditTime;
  readonly externalTime?: EditTime;
}

function decide(given: Given, bevatel: Value, external: Value): GroupDecision {
  const context = testContext({ ...given.integration, fields: [{ bevatel: 'company_name', external: 'company', ...given.field }] });
  const [rule] = context.mapping.lenses;
  if (!rule) throw new Error('no lens');
  const state: GroupState = given.base ? { base: [[given.base[0]], [given.base[1]]] } : {};
  return decideGroup({ rule, state, bevatel: [bevatel], external: [external], bevatelTime: given.bevatelTime ?? UNKNOWN_TIME, externalTime: given.externalTime ?? UNKNOWN_TIME, isInFlight: false }, context, NOW);
}

function told({ state, verdict }: GroupDecision): string {
  const list = (values: readonly Value[]): string => values.map((value) => (Array.isArray(value) ? value.join('+') : String(value))).join('|');
  const wanted = state.wanted ? `${state.wanted.side}:=${list(state.wanted.values)}` : 'nothing';
  return `${verdict.rule} → ${state.held ? `held ${state.held.type}` : wanted}`;
}

const later = { bevatelTime: exactly(1_000, null), externalTime: exactly(90_000, null) };

describe('policies', () => {
  it.each<[string, Given, Value, Value, string]>([
    ['non_empty_wins: a value over an empty one', { field: { policy: 'non_empty_wins' }, base: ['o', 'o'], ...later }, 'b', null, 'policy:non_empty_wins → external:=b'],
    ['non_empty_wins: from the other side', { field: { policy: 'non_empty_wins' }, base: ['o', 'o'] }, '', 'x', 'policy:non_empty_wins → bevatel:=x'],
    ['non_empty_wins: two values, the later', { field: { policy: 'non_empty_wins' }, base: ['o', 'o'], ...later }, 'b', 'x', 'policy:non_empty_wins:latest → bevatel:=x'],
    ['non_empty_wins: two values of unknown order', { field: { policy: 'non_empty_wins', fallback: 'bevatel_wins' }, base: ['o', 'o'] }, 'b', 'x', 'policy:non_empty_wins:latest:unknown_order:bevatel_wins → external:=b'],
    ['non_empty_wins decides conflicts only: a field that one side empties is emptied', { field: { policy: 'non_empty_wins' }, base: ['o', 'o'] }, null, 'o', 'one_side_changed → external:=null'],
    ['a field\'s tolerance goes before the integration\'s', { field: { toleranceMs: 100_000 }, base: ['o', 'o'], ...later }, 'b', 'x', 'policy:latest_wins:unknown_order:manual → held update_update_same_field'],
    ['a field\'s fallback goes before the integration\'s', { field: { fallback: 'external_wins' }, integration: { fallback: 'bevatel_wins' }, base: ['o', 'o'] }, 'b', 'x', 'policy:latest_wins:unknown_order:external_wins → bevatel:=x'],
  ])('%s', (_given, given, bevatel, external, then) => {
    expect(told(decide(given, bevatel, external))).toBe(then);
  });
});

describe('union', () => {
  const field = { bevatel: 'tags', external: 'tags', policy: 'union' };
  it.each<[string, Given, Value, Value, string]>([
    ['without a base both are kept', { field }, ['a'], 'b', 'policy:union → bevatel:=a+b'],
    ['additions of both, Bevatel first', { field, base: [['o'], 'o'] }, ['a', 'o'], 'b;o', 'policy:union → bevatel:=a+b+o'],
    ['what either side removed is out', { field, base: [['a', 'b', 'o'], 'a;b;o'] }, ['a', 'o'], 'b;o', 'policy:union → bevatel:=o'],
    ['a removal beside an addition', { field, base: [['a', 'o'], 'a;o'] }, ['o'], 'a;n;o', 'policy:union → bevatel:=n+o'],
    ['Bevatel has the merged set already', { field, base: [['o'], 'o'] }, ['a', 'b', 'o'], 'b;o', 'policy:union → external:=a+b+o'],
    ['the external system has it', { field, base: [['o'], 'o'] }, ['a', 'o'], 'a;b;o', 'policy:union → bevatel:=a+b+o'],
    ['what only one side has an option for stays with it', { field: { ...field, lens: 'set', values: { a: 'A', b: 'B', o: 'O' }, unknown: 'ignore' }, base: [['mine', 'o'], 'O;theirs'] }, ['a', 'mine', 'o'], 'B;O;theirs', 'policy:union → bevatel:=a+b+mine+o'],
    ['all removed by both, and nothing added', { field, base: [['a', 'b'], 'a;b'] }, ['b'], 'a', 'policy:union → bevatel:=null'],
    ['an edit of one side goes its way, removals too', { field, base: [['a', 'o'], 'a;o'] }, ['o'], 'a;o', 'one_side_changed → external:=o'],
    ['is the default for sets where the integration lets the later edit win', { field: { bevatel: 'tags', external: 'tags' }, base: [['o'], 'o'], ...later }, ['a', 'o'], 'b;o', 'policy:union → bevatel:=a+b+o'],
    ['but not where the integration names a side', { field: { bevatel: 'tags', external: 'tags' }, integration: { policy: 'external_wins' }, base: [['o'], 'o'] }, ['a', 'o'], 'b;o', 'policy:external_wins → bevatel:=b+o'],
    ['is no policy against a direction', { field: { ...field, direction: 'to_external' }, base: [['o'], 'o'] }, ['a', 'o'], 'b;o', 'direction → external:=a+o'],
  ])('%s', (_given, given, bevatel, external, then) => {
    expect(told(decide(given, bevatel, external))).toBe(then);
  });

  const story = (): Story => {
    const one = new Story({ fields: [field] });
    one.shows('bevatel', { tags: ['o'] }, { revision: '10' });
    one.shows('external', { tags: 'o' }, { revision: '10' });
    return one.pass(10);
  };

  it('I1 I2: both sides get the merged set, in two writes, and rest', () => {
    const one = story();
    one.shows('bevatel', { tags: ['a', 'o'] }, { revision: '11' });
    one.shows('external', { tags: 'b;o' }, { revision: '11' });
    one.pass(10).applied(one.sends('bevatel'), { tags: ['a', 'b', 'o'] }, { revision: '12' });
    expect(one.group('tags').base).toEqual([[['o']], ['o']]);
    one.pass(10).applied(one.sends('external'), { tags: 'a;b;o' }, { revision: '12' });
    expect(one.group('tags').base).toEqual([[['a', 'b', 'o']], ['a;b;o']]);
    expect(one.wanted('tags')).toBeNull();
  });

  it('I3: a system that cannot keep an item ends with its own form, not with a fight', () => {
    const one = story();
    one.shows('bevatel', { tags: ['a', 'o'] }, { revision: '11' });
    one.shows('external', { tags: 'b;o' }, { revision: '11' });
    one.pass(10).applied(one.sends('bevatel'), { tags: ['a', 'b', 'o'] }, { revision: '12' });
    one.pass(10).applied(one.sends('external'), { tags: 'b;o' }, { revision: '12' });
    expect(one.group('tags')).toMatchObject({ base: [[['a', 'b', 'o']], ['b;o']] });
    expect(one.wanted('tags')).toBeNull();
  });

  it('I2: an edit made while the first of the two writes was under way is in the set as well', () => {
    const one = story();
    one.shows('bevatel', { tags: ['a', 'o'] }, { revision: '11' });
    one.shows('external', { tags: 'b;o' }, { revision: '11' });
    const attempt = one.pass(10).sends('bevatel');
    one.shows('external', { tags: 'b;c;o' }, { revision: '12' });
    one.pass(10).applied(attempt, { tags: ['a', 'b', 'o'] }, { revision: '12' });
    one.pass(10).applied(one.sends('bevatel'), { tags: ['a', 'b', 'c', 'o'] }, { revision: '13' });
    expect(one.wanted('tags')).toBe('external:a,b,c,o');
  });

  it('law: every item is in the merged set exactly if a side has it and none removed it', () => {
    const set = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e'), { maxLength: 5 });
    fc.assert(fc.property(set, set, set, (base, bevatel, external) => {
      const { state } = decide({ field, base: [base, base.join(';')] }, bevatel, external.join(';'));
      const [first, second] = [new Set(bevatel), new Set(external)];
      const isKept = (item: string): boolean => (base.includes(item) ? first.has(item) && second.has(item) : first.has(item) || second.has(item));
      const merged = ['a', 'b', 'c', 'd', 'e'].filter(isKept);
      const told = state.wanted?.values[0] ?? (state.wanted ? null : bevatel);
      expect([...(Array.isArray(told) ? told : [])].sort()).toEqual(merged);
    }));
  });
});

describe('most_restrictive', () => {
  const consent = { bevatel: 'consent', external: 'consent__c', lens: 'picklist', values: { opted_in: 'Yes', opted_out: 'No', unknown: 'Maybe' } };
  it.each<[string, Given, Value, Value, string]>([
    ['opt-out beats a later opt-in (I5: never by clock)', { base: ['unknown', 'Maybe'], bevatelTime: exactly(1_000, null), externalTime: exactly(90_000, null) }, 'opted_out', 'Yes', 'policy:most_restrictive → external:=No'],
    ['opt-out beats opt-in at the first meeting', {}, 'opted_in', 'No', 'policy:most_restrictive → bevatel:=opted_out'],
    ['a statement beats none', {}, 'unknown', 'Yes', 'policy:most_restrictive → bevatel:=opted_in'],
    ['a statement fills an empty field', {}, null, 'No', 'fill_empty → bevatel:=opted_out'],
    ['a new opt-in alone goes its way', { base: ['opted_out', 'No'] }, 'opted_in', 'No', 'one_side_changed → external:=Yes'],
    ['a blanked statement is put back', { base: ['opted_out', 'No'] }, 'opted_out', null, 'policy:most_restrictive → external:=No'],
    ['so is one set to no statement', { base: ['opted_in', 'Yes'] }, 'unknown', 'Yes', 'policy:most_restrictive → bevatel:=opted_in'],
    ['none on both sides is held: nobody said anything', { base: ['opted_in', 'Yes'] }, 'unknown', null, 'policy:most_restrictive:no_order → held consent_disagree'],
    ['a direction never carries an opt-in over an opt-out', { field: { direction: 'to_external' }, base: ['unknown', 'Maybe'] }, 'opted_in', 'No', 'direction → nothing'],
  ])('%s', (_given, given, bevatel, external, then) => {
    expect(told(decide({ ...given, field: { ...consent, ...given.field } }, bevatel, external))).toBe(then);
  });

  it('knows what is restrictive of other fields by their list', () => {
    const field = { bevatel: 'custom.sms', external: 'sms', lens: 'picklist', values: { none: '0', some: '1', all: '2' }, policy: 'most_restrictive', restrictive: ['none', 'some', 'all'] };
    expect(told(decide({ field }, 'all', '1'))).toBe('policy:most_restrictive → bevatel:=some');
  });

  it('says that consents disagree', () => {
    expect(decide({ field: consent }, 'opted_in', 'No').verdict).toMatchObject({ conflict: 'consent_disagree', verdict: 'conflict_resolved' });
  });
});
