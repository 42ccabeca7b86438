/** Recorded decisions, decided again: under the same configuration nothing differs; under another, just what should. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GENERAL_POLICIES } from '../schemas/integration.ts';
import type { ContactDecision, GroupVerdict } from '../schemas/decision.ts';
import type { Side, Value } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import { decideGroup } from './decide-group.ts';
import type { MappedLens } from './lenses/mapping.ts';
import type { EditTime, GroupState } from './link.ts';
import { testContext } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { editTime, replayDecision } from './what-if.ts';
import type { Replay } from './what-if.ts';

const NOW = 1_000_000;

function decisionOf(groups: readonly GroupVerdict[]): ContactDecision {
  // Through JSON, as the row brings it back.
  const told = JSON.parse(JSON.stringify(groups)) as GroupVerdict[];
  return { decisionId: 'd', tenantId: 'acme', integrationId: 'crm', linkId: 'l', bevatelId: 'b', externalId: 'x', causeId: 'c', cause: 'change', side: 'bevatel', verdict: 'propagate', groups: told, decidedAt: NOW };
}

function conflict(more: Partial<GroupVerdict> = {}): GroupVerdict {
  return {
    group: 'company_name', verdict: 'conflict_resolved', rule: 'policy:latest_wins', conflict: 'update_update_same_field', bevatel: ['b'], external: ['x'], base: [['o'], ['o']],
    writeTo: 'external', write: ['b'], bevatelAt: NOW - 10_000, externalAt: NOW - 50_000, bevatelActor: 'mona', externalActor: null, ...more,
  };
}

const HELD = conflict({ verdict: 'conflict_held', rule: 'policy:manual', writeTo: undefined as never, write: undefined as never });

function replay(verdict: GroupVerdict | readonly GroupVerdict[], after: ContextOptions, before: ContextOptions = {}): Replay {
  return replayDecision(decisionOf([verdict].flat()), testContext(before).mapping, testContext(after));
}

/** `kind: then → now`, or nothing. */
function told({ differences }: Replay): string[] {
  const side = (effect: { kind: string; side: string | null; bevatel: readonly Value[]; external: readonly Value[]; rule: string } | null): string => (effect ? `${effect.kind} ${effect.side ?? '-'} ${String(effect.bevatel)}|${String(effect.external)} (${effect.rule})` : 'not mapped');
  return differences.map(({ kind, then, now }) => `${kind}: ${side(then)} → ${side(now)}`);
}

describe('another policy', () => {
  it.each<[string, GroupVerdict, ContextOptions, string[]]>([
    ['the same winner is no difference, whatever the rule', conflict(), { policy: 'bevatel_wins' }, []],
    ['the other side wins', conflict(), { policy: 'external_wins' }, ['other_winner: written external b|b (policy:latest_wins) → written bevatel x|x (policy:external_wins)']],
    ['what was decided would be held', conflict(), { policy: 'manual' }, ['held_now: written external b|b (policy:latest_wins) → held - b|x (policy:manual)']],
    ['what was held would be decided', HELD, { policy: 'external_wins' }, ['decided_now: held - b|x (policy:manual) → written bevatel x|x (policy:external_wins)']],
    ['by the recorded times', HELD, { policy: 'latest_wins' }, ['decided_now: held - b|x (policy:manual) → written external b|b (policy:latest_wins)']],
    ['within a wider tolerance the fallback decides', conflict(), { toleranceMs: 60_000, fallback: 'external_wins' }, ['other_winner: written external b|b (policy:latest_wins) → written bevatel x|x (policy:latest_wins:unknown_order:external_wins)']],
    ['an interval that overlaps is of unknown order', conflict({ bevatelFrom: NOW - 60_000 }), {}, ['held_now: written external b|b (policy:latest_wins) → held - b|x (policy:latest_wins:unknown_order:manual)']],
    ['a direction that lets nothing out', conflict({ verdict: 'propagate', rule: 'one_side_changed', external: ['o'] }), { direction: 'to_bevatel' }, ['not_written: written external b|b (one_side_changed) → kept - b|o (direction)']],
    ['a direction that lets it out', conflict({ verdict: 'skipped', rule: 'direction', external: ['o'], writeTo: undefined as never, write: undefined as never }), {}, ['written_now: kept - b|o (direction) → written external b|b (one_side_changed)']],
  ])('%s', (_what, verdict, after, expected) => {
    const result = replay(verdict, after);
    expect(told(result)).toEqual(expected);
    expect([result.compared, result.incomparable]).toEqual([1, []]);
  });
});

describe('another mapping', () => {
  const NAMES = [{ bevatel: 'contact_first_name', external: 'firstname' }, { bevatel: 'contact_last_name', external: 'lastname' }];
  const FULL = [{ lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'fullname' }];
  const COMPANY = { bevatel: 'company_name', external: 'company' };
  const edit = (group: string, bevatel: string, more: Partial<GroupVerdict> = {}): GroupVerdict => ({
    group, verdict: 'propagate', rule: 'one_side_changed', bevatel: [bevatel], external: ['o'], base: [['o'], ['o']], writeTo: 'external', write: [bevatel], bevatelAt: 5, externalAt: 1, bevatelActor: null, externalActor: null, ...more,
  });

  /** A context whose one lens takes first and last name over as they are. */
  function asOneGroup(policy: ContextOptions['policy'] = 'latest_wins'): LinkContext {
    const context = testContext({ policy });
    const same = (values: readonly Value[]) => ({ ok: true as const, values });
    const lens = { name: 'name', fields: { bevatel: ['contact_first_name', 'contact_last_name'], external: ['firstname', 'lastname'] }, canonical: (_side: Side, values: readonly Value[]) => same(values), toBevatel: same, toExternal: same };
    const rule = { ...context.mapping.lenses[0] as MappedLens, lens };
    return { ...context, mapping: { ...context.mapping, lenses: [rule], byName: new Map([['name', rule]]) } };
  }

  it('the same fields through another lens', () => {
    const fields = [{ bevatel: 'company_name', external: 'company', maxLength: 3 }];
    expect(told(replay(edit('company_name', 'too long'), { fields }))).toEqual(['not_written: written external too long|too long (one_side_changed) → kept - too long|o (untranslatable:max_length)']);
    expect(told(replay(edit('company_name', 'abc'), { fields }))).toEqual([]);
  });

  it('two groups become one: put together from what was recorded of both, with the later time', () => {
    const both = [edit('contact_first_name', 'Sara', { bevatelAt: NOW, external: ['Sarah'], externalAt: NOW - 50_000, conflict: 'update_update_same_field' }), edit('contact_last_name', 'Haddad')];
    const result = replayDecision(decisionOf(both), testContext({ fields: NAMES }).mapping, asOneGroup());
    expect(told(result)).toEqual([]);
    expect(told(replayDecision(decisionOf(both), testContext({ fields: NAMES }).mapping, asOneGroup('manual')))).toEqual([
      'held_now: written external Sara,Haddad|Sara,Haddad (one_side_changed) → held - Sara,Haddad|Sarah,o (policy:manual)',
    ]);
    expect(replayDecision(decisionOf(both.slice(1)), testContext({ fields: NAMES }).mapping, asOneGroup()).incomparable).toEqual([{ group: 'name', reason: 'not_recorded' }]);
  });

  it('a field of which nothing was recorded is not guessed', () => {
    const result = replay(edit('contact_first_name', 'Sara'), { fields: FULL }, { fields: NAMES });
    expect([told(result), result.incomparable]).toEqual([[], [{ group: 'contact_first_name+contact_last_name', reason: 'part_of_group' }]]);
  });

  it('a field that is mapped no more would not have been written', () => {
    expect(told(replay(edit('contact_first_name', 'Sara'), { fields: [COMPANY] }, { fields: NAMES }))).toEqual(['not_mapped: written external Sara|Sara (one_side_changed) → not mapped']);
  });

  it('a verdict of another mapping than the one given is not compared', () => {
    expect(replay(edit('email', 'a@b.example'), {}).incomparable).toEqual([{ group: 'email', reason: 'other_mapping' }]);
    expect(replay({ ...edit('company_name', 'b'), bevatel: ['b', 'c'] }, {}).incomparable).toEqual([{ group: 'company_name', reason: 'other_mapping' }]);
  });
});

describe('conditions', () => {
  const FILTER = { external: { company: 'x' } };
  it.each<[string, GroupVerdict, ContextOptions, ContextOptions]>([
    ['what a filter kept back', conflict({ verdict: 'skipped', rule: 'filtered:external' }), { filter: FILTER }, { filter: FILTER }],
    ['what its own condition kept back', conflict({ verdict: 'skipped', rule: 'when:bevatel' }), {}, {}],
    ['any field under another filter', conflict(), { filter: FILTER }, {}],
    ['any field that a filter is taken from', conflict(), {}, { filter: FILTER }],
    ['a field under another condition', conflict(), { fields: [{ bevatel: 'company_name', external: 'company', when: { bevatel: { company_name: 'b' } } }] }, {}],
  ])('need the whole record, so that it is not compared: %s', (_what, verdict, after, before) => {
    expect(replay(verdict, after, before)).toMatchObject({ compared: 0, differences: [], incomparable: [{ reason: 'condition' }] });
  });
  it('that stay the same let what passed them be compared', () => {
    expect(told(replay(conflict(), { filter: FILTER, policy: 'manual' }, { filter: FILTER }))).toHaveLength(1);
  });
});

describe('fields of several groups', () => {
  const TEMPLATE = [{ bevatel: 'company_name', external: 'company' }, { lens: 'template', external: 'greeting', template: '{company_name}!' }];
  it('are decided with their own group alone', () => {
    expect(replay(conflict(), { fields: TEMPLATE }, { fields: TEMPLATE })).toEqual({ compared: 1, differences: [], incomparable: [] });
  });
});

describe('what no rule decided is not compared', () => {
  it.each<[string, GroupVerdict, string]>([
    ['an operator\'s word', conflict({ rule: 'operator:external' }), 'operator'],
    ['a value put back', conflict({ verdict: 'propagate', rule: 'restore' }), 'operator'],
    ['a change-set that was rejected', conflict({ verdict: 'skipped', rule: 'change_set_rejected' }), 'operator'],
    ['a write that was given up', conflict({ verdict: 'skipped', rule: 'unavailable' }), 'write_outcome'],
    ['an undo', conflict({ verdict: 'undone', rule: 'undo' }), 'operator'],
    ['a write that was refused', conflict({ verdict: 'conflict_held', conflict: 'rejected', rule: 'rejected' }), 'write_outcome'],
    ['the breaker', conflict({ verdict: 'conflict_held', conflict: 'oscillation', rule: 'oscillation_breaker' }), 'breaker'],
    ['a verdict on the record as a whole', { group: '*', verdict: 'conflict_held', rule: 'deleted', conflict: 'delete_recently_updated' }, 'whole_record'],
    ['a verdict without its values', { group: 'company_name', verdict: 'propagate', rule: 'one_side_changed' }, 'not_recorded'],
  ])('%s', (_what, verdict, reason) => {
    expect(replay(verdict, { policy: 'manual' })).toEqual({ compared: 0, differences: [], incomparable: [{ group: verdict.group, reason }] });
  });
  it.each<[string, GroupVerdict]>([
    ['a write that landed', conflict({ verdict: 'converged', rule: 'written', attempt: 'a' })],
    ['one that was recorded without its attempt', { group: 'company_name', verdict: 'converged', rule: 'written', writeTo: 'external', write: ['b'] }],
    ['what waited', { group: 'company_name', verdict: 'in_flight', rule: 'attempt_outstanding' }],
  ])('%s is no decision', (_what, verdict) => {
    expect(replay(verdict, { policy: 'manual' })).toEqual({ compared: 0, differences: [], incomparable: [] });
  });
});

describe('under the same configuration', () => {
  const value = fc.constantFrom<Value[]>(null, 'o', 'a', 'b', ' A ', 'not a phone', '+966500000001', '0500000001', 'a@b.example', 'A@B.example', ['a'], ['a', 'b'], ['b', 'c'], 'a;c', 'opted_in', 'opted_out');
  const time: fc.Arbitrary<EditTime> = fc.record({
    from: fc.option(fc.integer({ min: NOW - 20_000, max: NOW - 10_000 })), to: fc.option(fc.integer({ min: NOW - 12_000, max: NOW })), actor: fc.constantFrom(null, 'mona'),
  });
  const FIELDS: readonly object[] = [
    { bevatel: 'company_name', external: 'company' }, { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' }, { bevatel: 'email', external: 'email', lens: 'email', default: 'a@b.example' },
    { bevatel: 'contact_first_name', external: ['firstname', 'lastname'], lens: 'full_name' }, { external: 'source', lens: 'constant', value: 'bevatel' }, { bevatel: 'tags', external: 'hs_tags' }, { lens: 'group', bevatel: ['custom.street', 'custom.city'], external: ['address', 'city'] }, { lens: 'group', bevatel: 'custom.address', external: ['address', 'city'] }, { bevatel: 'consent', external: 'hs_consent' },
  ];
  const options = fc.record({
    policy: fc.constantFrom(...GENERAL_POLICIES), direction: fc.constantFrom('both', 'to_external', 'to_bevatel'), invalid: fc.constantFrom('skip', 'quarantine'),
    fallback: fc.constantFrom('manual', 'bevatel_wins', 'external_wins'), field: fc.constantFrom(...FIELDS),
  });

  it('nothing differs, and every rule\'s verdict is compared', () => {
    let compared = 0;
    fc.assert(fc.property(options, fc.array(value, { minLength: 6, maxLength: 6 }), time, time, fc.boolean(), fc.boolean(), ({ field, ...settings }, values, bevatelTime, externalTime, isBased, isWanted) => {
      const context = testContext({ ...(settings as ContextOptions), fields: [field] });
      const rule = context.mapping.lenses[0];
      if (!rule) throw new Error('no lens');
      const of = (side: 'bevatel' | 'external', from: number): Value[] => rule.lens.fields[side].map((_, index) => values[(from + index) % values.length] ?? null);
      const state: GroupState = {
        ...(isBased ? { base: [of('bevatel', 0), of('external', 2)] as const } : {}), ...(isWanted ? { wanted: { side: 'external', values: of('external', 4) } as const } : {}),
      };
      const { verdict } = decideGroup({ rule, state, bevatel: of('bevatel', 1), external: of('external', 3), bevatelTime, externalTime, isInFlight: false }, context, NOW);
      if (verdict.verdict === 'unchanged') return;
      const result = replayDecision(decisionOf([verdict]), context.mapping, context);
      expect([told(result), result.incomparable, result.compared]).toEqual([[], [], 1]);
      compared += 1;
    }), { numRuns: 3_000 });
    expect(compared).toBeGreaterThan(1_000);
  });

  it('an edit\'s time comes back as it was', () => {
    fc.assert(fc.property(time, (bevatelTime) => {
      const context = testContext();
      const rule = context.mapping.lenses[0];
      if (!rule) throw new Error('no lens');
      const { verdict } = decideGroup({ rule, state: {}, bevatel: ['b'], external: [null], bevatelTime, externalTime: { from: null, to: null, actor: null }, isInFlight: false }, context, NOW);
      expect(editTime(decisionOf([verdict]).groups[0] as GroupVerdict, 'bevatel')).toEqual(bevatelTime);
    }));
  });
});
