/** What is decided of a pair while one of its records has just gone on into another (I2). */
import { describe, expect, it } from 'vitest';
import { decideLink } from './decide-link.ts';
import { EMPTY_STATE } from './link.ts';
import type { Link, LinkState, Seen } from './link.ts';
import { testContext } from './testing/context.ts';

const NOW = 1_000_000;

function pair(bevatel: string, external: string, state: Partial<LinkState> = {}): Link {
  const seen = (field: string, value: string, reference: string): Seen => ({ revision: '2', values: { [field]: value }, times: {}, observedFrom: 1, recordedAt: 1, modifiedAt: null, reference });
  return {
    tenantId: 'acme', integrationId: 'crm', linkId: 'l1', bevatelId: 'B1', externalId: 'X1', erased: false,
    state: { ...EMPTY_STATE, seen: { bevatel: seen('company_name', bevatel, 'X1'), external: seen('company', external, 'B1') }, groups: { company_name: { base: [['o'], ['o']] } }, ...state },
  };
}

describe('edits of both sides that meet', () => {
  it.each([
    ['while a merge settles are a merge_update', { merged: NOW - 1 }, 'merge_update'],
    ['without one are not', {}, 'update_update_same_field'],
  ] as const)('%s', (_name, state, type) => {
    const { link, groups } = decideLink(pair('b', 'x', state), testContext({ policy: 'manual' }), NOW);
    expect(groups).toMatchObject([{ group: 'company_name', verdict: 'conflict_held', conflict: type }]);
    expect(link.state.groups['company_name']?.held).toMatchObject({ type, bevatel: ['b'], external: ['x'] });
  });

  it('an edit of the record that went away which its survivor does not show is told as overridden by it, once', () => {
    const { link, groups } = decideLink(pair('o', 'of the survivor', { merged: NOW - 1, mergedEdits: { side: 'external', groups: { company_name: ['of the loser'] } } }), testContext(), NOW);
    expect(groups).toMatchObject([
      { group: 'company_name', verdict: 'conflict_resolved', rule: 'merge:external', conflict: 'merge_update', external: ['of the loser'], write: ['of the survivor'] },
      { group: 'company_name', verdict: 'propagate', writeTo: 'bevatel' },
    ]);
    expect(link.state.mergedEdits).toBeUndefined();
  });
});
