/** An operator's word, as given / when / then: what is held in, what is wanted after `decideLink` out. */
import { describe, expect, it } from 'vitest';
import type { ConflictType } from '../schemas/decision.ts';
import type { Side, Value } from '../schemas/value.ts';
import { decideLink } from './decide-link.ts';
import type { GroupState, Held, Link, LinkState } from './link.ts';
import { UNKNOWN_TIME } from './link.ts';
import { joinLinks, movedSides, releaseHold, resolveHeld } from './resolve.ts';
import type { Pair } from './resolve.ts';
import { testContext } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';

const NOW = 1_000_000;
const GROUP = 'company_name';

interface Given extends ContextOptions {
  readonly base?: readonly [Value, Value];
  readonly pair: readonly [Value, Value];
  readonly type?: ConflictType;
  readonly overwritten?: Value;
  readonly trail?: GroupState['trail'];
  readonly shown?: Pair | null;
}

function heldOf(given: Given): Held {
  return {
    type: given.type ?? 'update_update_same_field', since: 1, bevatel: [given.pair[0]], external: [given.pair[1]],
    bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME, ...(given.overwritten === undefined ? {} : { overwritten: [given.overwritten] }),
  };
}

function linkOf(given: Given): Link {
  const seen = (values: Record<string, Value>, reference: string) => ({ revision: '1', values, times: {}, observedFrom: 1, recordedAt: 1, modifiedAt: null, reference });
  const group: GroupState = {
    ...(given.base ? { base: [[given.base[0]], [given.base[1]]] as const } : {}), held: heldOf(given), ...(given.trail ? { trail: given.trail } : {}),
  };
  return {
    tenantId: 'acme', integrationId: 'crm', linkId: 'l1', bevatelId: 'b1', externalId: 'x1', erased: false,
    state: { seen: { bevatel: seen({ company_name: given.pair[0] }, 'x1'), external: seen({ company: given.pair[1] }, 'b1') }, groups: { [GROUP]: group }, attempts: [] },
  };
}

/** Resolves, decides, and tells what is then wanted: `side:=value`, `nothing`, or why not. */
function resolve(winner: Side, given: Given): string {
  const context = testContext(given);
  const rule = context.mapping.byName.get(GROUP);
  if (!rule) throw new Error('no lens');
  const link = linkOf(given);
  const shown = given.shown === undefined ? { bevatel: [given.pair[0]], external: [given.pair[1]] } : given.shown;
  const resolved = resolveHeld(link, rule, { winner, by: 'mona', seenPair: shown });
  if (resolved.kind !== 'resolved') return resolved.kind === 'refused' ? `refused ${resolved.reason}` : resolved.kind;
  const group = decideLink(resolved.link, context, NOW).link.state.groups[GROUP] ?? {};
  if (group.held) return `held ${group.held.type}`;
  return group.wanted ? `${group.wanted.side}:=${String(group.wanted.values[0])}` : 'nothing';
}

const OFTEN: GroupState['trail'] = Array.from({ length: 12 }, (_, index) => [NOW - 100 + index, 'x1']);

describe('resolveHeld: a conflict', () => {
  it.each<[string, Side, Given, string]>([
    ['Bevatel wins', 'bevatel', { base: ['o', 'o'], pair: ['b', 'x'] }, 'external:=b'],
    ['the external system wins', 'external', { base: ['o', 'o'], pair: ['b', 'x'] }, 'bevatel:=x'],
    ['also where the policy would hold it again', 'external', { base: ['o', 'o'], pair: ['b', 'x'], policy: 'manual' }, 'bevatel:=x'],
    ['on first sight', 'bevatel', { pair: ['b', 'x'], type: 'create_create' }, 'external:=b'],
    ['of which one value is cleared', 'bevatel', { base: ['o', 'o'], pair: [null, 'x'] }, 'external:=null'],
    ['which the direction forbids', 'external', { base: ['o', 'o'], pair: ['b', 'x'], direction: 'to_external' }, 'refused direction'],
  ])('%s', (_what, winner, given, expected) => {
    expect(resolve(winner, given)).toBe(expected);
  });
});

describe('resolveHeld: where only one side changed', () => {
  it.each<[string, Side, Given, string]>([
    ['a refused write is tried again', 'bevatel', { base: ['o', 'o'], pair: ['b', 'o'], type: 'rejected' }, 'external:=b'],
    ['a refused write is given up: the old value is put back', 'external', { base: ['o', 'o'], pair: ['b', 'o'], type: 'rejected' }, 'bevatel:=o'],
    ['a refused fill is tried again', 'bevatel', { pair: ['b', null], type: 'rejected' }, 'external:=b'],
    ['a refused fill is given up: the value is cleared', 'external', { pair: ['b', null], type: 'rejected' }, 'bevatel:=null'],
    ['a taken unique value is tried again', 'bevatel', { base: ['o', 'o'], pair: ['b', 'o'], type: 'unique_violation' }, 'external:=b'],
    ['an unknown outcome that changed nothing after all is tried again', 'bevatel', { base: ['o', 'o'], pair: ['b', 'o'], type: 'unknown_outcome' }, 'external:=b'],
    ['an unknown outcome that left a third value is a conflict', 'external', { base: ['o', 'o'], pair: ['b', 'z'], type: 'unknown_outcome' }, 'bevatel:=z'],
    ['an oscillation goes on once more, its trail forgotten', 'bevatel', { base: ['o', 'o'], pair: ['b', 'o'], type: 'oscillation', trail: OFTEN }, 'external:=b'],
    ['an oscillation ends at the old value', 'external', { base: ['o', 'o'], pair: ['b', 'o'], type: 'oscillation', trail: OFTEN }, 'bevatel:=o'],
    ['the base of a normalising system is put back in its own form', 'bevatel', { base: ['Long name', 'Long'], pair: ['Long name', 'x'], type: 'rejected' }, 'external:=Long'],
    ['putting back is refused against the direction', 'external', { base: ['o', 'o'], pair: ['b', 'o'], type: 'rejected', direction: 'to_external' }, 'refused direction'],
    ['both sides say the same by now: nothing is left', 'bevatel', { base: ['o', 'o'], pair: ['b', 'b'], type: 'rejected' }, 'nothing'],
  ])('%s', (_what, winner, given, expected) => {
    expect(resolve(winner, given)).toBe(expected);
  });
});

describe('resolveHeld: I2: overwritten in flight', () => {
  const given: Given = { base: ['b', 'b'], pair: ['b', 'b'], type: 'overwritten_in_flight', overwritten: 'theirs' };
  it('Bevatel wins: what stands stays', () => {
    expect(resolve('bevatel', given)).toBe('nothing');
  });
  it('the external system wins: what was overwritten is put back there', () => {
    expect(resolve('external', given)).toBe('external:=theirs');
  });
});

describe('resolveHeld: a stale order changes nothing', () => {
  const pair = ['b', 'x'] as const;
  it.each<[string, Pair | null]>([
    ['Bevatel moved', { bevatel: ['older'], external: ['x'] }],
    ['the external system moved', { bevatel: ['b'], external: ['older'] }],
    ['what was shown is not known any more', null],
  ])('%s', (_what, shown) => {
    expect(resolve('bevatel', { base: ['o', 'o'], pair, shown })).toBe('state_moved');
  });
  it('nothing is held any more', () => {
    const context = testContext();
    const rule = context.mapping.lenses[0];
    const link = linkOf({ pair });
    if (!rule) throw new Error('no lens');
    expect(resolveHeld({ ...link, state: { ...link.state, groups: {} } }, rule, { winner: 'bevatel', by: 'mona', seenPair: null }).kind).toBe('not_held');
  });
  it('tells what moved', () => {
    expect(movedSides({ bevatel: ['older'], external: ['x'] }, heldOf({ pair }))).toEqual([{ side: 'bevatel', was: ['older'], now: ['b'] }]);
    expect(movedSides(null, heldOf({ pair }))).toHaveLength(2);
  });
});

describe('holds on the whole link', () => {
  const oneSided = (linkId: string, side: Side, state: Partial<LinkState> = {}): Link => ({
    tenantId: 'acme', integrationId: 'crm', linkId, bevatelId: side === 'bevatel' ? 'b1' : null, externalId: side === 'external' ? 'x1' : null, erased: false,
    state: { seen: { [side]: { revision: '1', values: {}, times: {}, observedFrom: 1, recordedAt: 1, modifiedAt: null, reference: null } }, groups: {}, attempts: [], ...state },
  });
  const hold: LinkState['hold'] = { kind: 'multi_match', since: 1, candidates: ['l2', 'l3'] };

  it('retry drops the hold, and the partner may be created', () => {
    const released = releaseHold(oneSided('l1', 'external', { hold: { kind: 'rejected', since: 1, detail: 'value_rejected' } }));
    if (released.kind !== 'resolved') throw new Error(released.kind);
    expect(decideLink(released.link, testContext(), NOW).link.state.create).toBe('bevatel');
    expect(releaseHold(released.link).kind).toBe('not_held');
  });
  it('I4: two links with one side each become one', () => {
    const joined = joinLinks(oneSided('l1', 'external', { hold }), oneSided('l2', 'bevatel', { create: 'external' }));
    if (joined.kind !== 'resolved') throw new Error(joined.kind);
    expect(joined.link).toMatchObject({ linkId: 'l1', bevatelId: 'b1', externalId: 'x1' });
    expect(Object.keys(joined.link.state.seen).sort()).toEqual(['bevatel', 'external']);
    expect(joined.link.state.hold).toBeUndefined();
    expect(joined.link.state.create).toBeUndefined();
  });
  it.each<[string, Link, string]>([
    ['of the same side', oneSided('l2', 'external'), 'not_complementary'],
    ['that was erased', { ...oneSided('l2', 'bevatel'), erased: true }, 'erased'],
    ['whose partner is being created', oneSided('l2', 'bevatel', { attempts: [{ id: 'a', side: 'external', kind: 'create', groups: {}, reference: 'b1', condition: null, guard: null, sentAt: 1, deadline: 2, status: 'outstanding' }] }), 'in_flight'],
  ])('a link %s is refused', (_what, other, reason) => {
    expect(joinLinks(oneSided('l1', 'external', { hold }), other)).toEqual({ kind: 'refused', reason });
  });
});
