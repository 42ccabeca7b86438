/** Words on a link that is held for who it is: none of the candidates, or the partners are one as well (I4). */
import { describe, expect, it } from 'vitest';
import { decideLink } from './decide-link.ts';
import { EMPTY_STATE } from './link.ts';
import type { Link, LinkHold, LinkState } from './link.ts';
import { planWork } from './plan-work.ts';
import { releaseHold } from './resolve.ts';
import { isSpent, keepApart, mergePartners } from './resolve-identity.ts';
import { STRICT, testContext } from './testing/context.ts';

const NOW = 1_000_000;
const context = testContext();
const WORD = { by: 'mona', now: NOW };

function link(linkId: string, bevatelId: string | null, externalId: string | null, state: Partial<LinkState> = {}): Link {
  const seen = (id: string) => ({ revision: '1', values: { company_name: id, company: id }, times: {}, observedFrom: 1, recordedAt: 1, modifiedAt: null, reference: null });
  return { tenantId: 'acme', integrationId: 'crm', linkId, bevatelId, externalId, erased: false, state: { ...EMPTY_STATE, seen: { ...(bevatelId ? { bevatel: seen(bevatelId) } : {}), ...(externalId ? { external: seen(externalId) } : {}) }, ...state } };
}

const multiMatch: LinkHold = { kind: 'multi_match', since: 1, candidates: ['l2', 'l3'], scores: [0.5, null], rule: 'phone', byKeys: true };
const merged: Partial<LinkState> = {
  gone: { external: { how: 'merged', at: 1, settledAt: 1 } }, absorbed: { side: 'external', record: 'X9', by: 'l9', partner: 'B9', at: 1 },
  hold: { kind: 'partner_merged', since: 1, detail: 'external', candidates: ['l9'] },
};

describe('none of the candidates', () => {
  it('parts the record from all of theirs, and has it matched anew before anybody is created', () => {
    const resolved = keepApart(link('l1', 'B1', null, { hold: multiMatch }), [link('l2', null, 'X2'), link('l3', 'B3', 'X3')], WORD);
    if (resolved.kind !== 'resolved') throw new Error(resolved.kind);
    expect(resolved.link.state).toMatchObject({ unmatched: true, apart: [{ side: 'external', id: 'X2' }, { side: 'bevatel', id: 'B3' }, { side: 'external', id: 'X3' }] });
    expect(decideLink(resolved.link, context, NOW).link.state).not.toHaveProperty('create');
    const { unmatched: _unmatched, ...state } = resolved.link.state;
    expect(decideLink({ ...resolved.link, state }, context, NOW).link.state.create).toBe('external');
  });

  it('after a merge: the partner that was left gets a record of its own', () => {
    const resolved = keepApart(link('l1', 'B1', 'X1', merged), [], WORD);
    expect(resolved).toMatchObject({ kind: 'resolved', link: { linkId: 'l1', bevatelId: 'B1', externalId: null, state: { unmatched: true, apart: [{ side: 'external', id: 'X1' }, { side: 'external', id: 'X9' }] } } });
    expect(resolved.kind === 'resolved' && [resolved.link.state.gone, resolved.link.state.absorbed, resolved.link.state.hold]).toEqual([undefined, undefined, undefined]);
  });

  it.each<[string, Partial<LinkState>, string]>([
    ['nothing is held', {}, 'not_held'],
    ['a refused creation has none', { hold: { kind: 'rejected', since: 1, detail: 'value_rejected' } }, 'refused'],
  ])('%s', (_name, state, kind) => expect(keepApart(link('l1', 'B1', null, state), [], WORD).kind).toBe(kind));

  it('a link whose records both went on into others is spent', () => {
    expect([isSpent(link('l1', 'B1', 'X1', { hold: { kind: 'merge_merge', since: 1, candidates: [] } })), isSpent(link('l1', 'B1', null, { hold: multiMatch }))]).toEqual([true, false]);
  });
});

describe('the partners are one as well', () => {
  it('they are merged, once, as their records were', () => {
    const resolved = mergePartners(link('l1', 'B1', 'X1', merged), context, WORD);
    if (resolved.kind !== 'resolved') throw new Error(resolved.kind);
    const decided = decideLink(resolved.link, context, NOW);
    expect(decided.groups).toMatchObject([{ group: '*', verdict: 'propagate', rule: 'operator', writeTo: 'bevatel' }]);
    expect(planWork(decided.link, context, NOW, 'a')).toMatchObject({ kind: 'merge', side: 'bevatel', op: { id: 'B1', into: 'B9' } });
    expect(decideLink(decided.link, context, NOW).groups).toEqual([]);
  });

  it.each<[string, Partial<LinkState>, typeof context, string]>([
    ['without a merge', { hold: multiMatch }, context, 'no_merge'],
    ['in a system that cannot', merged, { ...context, capabilities: { ...context.capabilities, bevatel: { ...STRICT, merges: false } } }, 'cannot_merge'],
  ])('is refused %s', (_name, state, where, reason) => expect(mergePartners(link('l1', 'B1', 'X1', state), where, WORD)).toEqual({ kind: 'refused', reason }));

  it('the file may say so for all: nothing is held', () => {
    const decided = decideLink(link('l1', 'B1', 'X1', merged), testContext({ merges: { to_bevatel: 'merge' } }), NOW);
    expect(decided.link.state).toMatchObject({ merge: { side: 'bevatel', into: 'B9' } });
    expect(decided.link.state.hold).toBeUndefined();
    expect(decided.groups).toMatchObject([{ rule: 'merges:to_bevatel' }]);
  });
});

it('a hold of keys that is dropped is matched anew first; another one is decided anew at once', () => {
  expect(releaseHold(link('l1', 'B1', null, { hold: multiMatch }))).toMatchObject({ kind: 'resolved', link: { state: { unmatched: true } } });
  const refused = releaseHold(link('l1', 'B1', null, { hold: { kind: 'rejected', since: 1, detail: 'value_rejected' } }));
  expect(refused.kind === 'resolved' && refused.link.state).not.toHaveProperty('unmatched');
});
