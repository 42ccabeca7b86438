import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LinkState } from '../domain/link.ts';
import { decodeState, encodeState } from './link-state.ts';
import type { StoredState } from './link-state.ts';

const FIELDS = ['company_name', 'email', 'custom.city'];
const value = fc.oneof(fc.constantFrom(null, 'a', 'b', true, 0, 1), fc.string({ unit: 'binary', maxLength: 5 }), fc.array(fc.constantFrom('x', 'y'), { maxLength: 2 }));
const values = fc.array(value, { minLength: 1, maxLength: 2 });
const instant = fc.constantFrom(null, 1, 2, 1_768_000_000_000);
const time = fc.record({ from: instant, to: instant, actor: fc.constantFrom(null, 'nora'), applied: fc.constantFrom(5, 6) }, { requiredKeys: ['from', 'to', 'actor'] });
const perField = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> => fc.dictionary(fc.constantFrom(...FIELDS), one, { noNullPrototype: true });
const seen = fc.record({
  revision: fc.constantFrom(null, '7'), values: perField(value), times: perField(time), observedFrom: fc.nat(), recordedAt: fc.nat(),
  modifiedAt: instant, reference: fc.constantFrom(null, 'r'), ours: fc.constant(true as const),
}, { requiredKeys: ['revision', 'values', 'times', 'observedFrom', 'recordedAt', 'modifiedAt', 'reference'] });
const base = fc.oneof(values.map((one) => [one, [...one]]), fc.tuple(values, values));
const group = fc.record({
  base, wanted: fc.record({ side: fc.constantFrom('bevatel', 'external'), values }), skipped: fc.constant('direction'),
  trail: fc.array(fc.tuple(fc.nat(), fc.string()), { maxLength: 2 }),
}, { requiredKeys: [] });
const state = fc.record({
  seen: fc.record({ bevatel: seen, external: seen }, { requiredKeys: [] }), groups: perField(group), attempts: fc.constant([]),
  create: fc.constantFrom('bevatel', 'external'), gone: fc.constant({ external: { how: 'deleted', at: 3 } }),
}, { requiredKeys: ['seen', 'groups', 'attempts'] }) as fc.Arbitrary<LinkState>;

function stored(one: LinkState): StoredState {
  return JSON.parse(encodeState(one)) as StoredState;
}

describe('the stored form of a state', () => {
  it('gives back every state as it was', () => {
    fc.assert(fc.property(state, (one) => {
      expect(decodeState(stored(one))).toEqual(JSON.parse(JSON.stringify(one)));
    }));
  });

  it('says an agreed value once', () => {
    const at = { from: 1, to: 1, actor: 'nora' };
    const side = { revision: '1', values: { company_name: 'ACME', email: 'a@example.com' }, times: { company_name: at, email: at }, observedFrom: 0, recordedAt: 0, modifiedAt: null, reference: null };
    const one: LinkState = { seen: { bevatel: side }, attempts: [], groups: { company_name: { base: [['ACME'], ['ACME']] }, email: { base: [['A@example.com'], ['a@example.com']] } } };
    expect(stored(one)).toMatchObject({
      groups: { company_name: 1, email: [['A@example.com'], ['a@example.com']] },
      seen: { bevatel: { times: [{ of: ['company_name', 'email'], from: 1, actor: 'nora' }] } },
    });
  });

  it('reads what is stored in full', () => {
    const full = { seen: {}, attempts: [], groups: { company_name: { base: [['a'], ['b']], skipped: 'direction' } } } as const;
    expect(decodeState(structuredClone(full) as unknown as StoredState)).toEqual(full);
  });
});
