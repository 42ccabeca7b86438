/** An operator's word on who is whom: what links stand afterwards, and that nobody is lost or doubled by it (I4). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SIDES } from '../schemas/value.ts';
import { decideLink } from './decide-link.ts';
import { dueOf } from './due.ts';
import { EMPTY_STATE, idOn } from './link.ts';
import type { Link, LinkState, Seen } from './link.ts';
import { planWork } from './plan-work.ts';
import { rearrange } from './rearrange.ts';
import type { Rearranged, WantedPair, Word } from './rearrange.ts';
import { testContext } from './testing/context.ts';

const NOW = 1_000_000;
const context = testContext();

function seen(value: string, reference: string | null): Seen {
  return { revision: '1', values: { company_name: value, company: value }, times: {}, observedFrom: 1, recordedAt: 1, modifiedAt: null, reference };
}

function link(linkId: string, bevatelId: string | null, externalId: string | null, state: Partial<LinkState> = {}): Link {
  return {
    tenantId: 'acme', integrationId: 'crm', linkId, bevatelId, externalId, erased: false,
    state: { ...EMPTY_STATE, seen: { ...(bevatelId ? { bevatel: seen(bevatelId, externalId) } : {}), ...(externalId ? { external: seen(externalId, bevatelId) } : {}) }, groups: bevatelId && externalId ? { company_name: { base: [['o'], ['o']] } } : {}, ...state },
  };
}

function word(pairs: readonly WantedPair[], leftover: Word['leftover'] = 'alone'): Word {
  let next = 0;
  return { pairs, leftover, by: 'mona', now: NOW, newId: () => `new${(next += 1)}` };
}

function standing(result: Rearranged): unknown {
  if (result.kind === 'refused') return result.reason;
  return {
    links: result.links.map(({ link: one }) => [one.linkId, one.bevatelId, one.externalId, one.state.alone ? 'alone' : one.state.unmatched ? 'anew' : ''].join(' ')).toSorted(),
    ended: result.ended.map(({ linkId }) => linkId),
  };
}

const outstanding: LinkState['attempts'] = [{ id: 'a', side: 'external', kind: 'update', groups: {}, reference: null, condition: null, guard: null, sentAt: 1, deadline: 2, status: 'outstanding' }];

describe('rearranging links', () => {
  it.each<[string, Link[], WantedPair[], Word['leftover'], unknown]>([
    ['two without partners are joined, in the link of the Bevatel record', [link('l1', 'B1', null), link('l2', null, 'X1')], [{ bevatel: 'B1', external: 'X1' }], 'alone', { links: ['l1 B1 X1 '], ended: ['l2'] }],
    ['a pair is parted: each stands alone', [link('l1', 'B1', 'X1')], [], 'alone', { links: ['l1 B1  alone', 'new1  X1 alone'], ended: [] }],
    ['a pair is split: each is completed anew', [link('l1', 'B1', 'X1')], [], 'anew', { links: ['l1 B1  anew', 'new1  X1 anew'], ended: [] }],
    ['a partner is exchanged for one without', [link('l1', 'B1', 'X1'), link('l2', null, 'X2')], [{ bevatel: 'B1', external: 'X2' }], 'alone', { links: ['l1 B1 X2 ', 'new1  X1 alone'], ended: ['l2'] }],
    ['a partner is taken from another pair', [link('l1', 'B1', null), link('l2', 'B2', 'X2')], [{ bevatel: 'B1', external: 'X2' }], 'alone', { links: ['l1 B1 X2 ', 'l2 B2  alone'], ended: [] }],
    ['of two pairs, one new one', [link('l1', 'B1', 'X1'), link('l2', 'B2', 'X2')], [{ bevatel: 'B1', external: 'X2' }], 'alone', { links: ['l1 B1 X2 ', 'l2 B2  alone', 'new1  X1 alone'], ended: [] }],
    ['two pairs are crossed', [link('l1', 'B1', 'X1'), link('l2', 'B2', 'X2')], [{ bevatel: 'B1', external: 'X2' }, { bevatel: 'B2', external: 'X1' }], 'anew', { links: ['l1 B1 X2 ', 'l2 B2 X1 '], ended: [] }],
    ['a pair is split, both partners named', [link('l1', 'B1', 'X1'), link('l2', 'B2', null), link('l3', null, 'X3')], [{ bevatel: 'B1', external: 'X3' }, { bevatel: 'B2', external: 'X1' }], 'anew', { links: ['l1 B1 X3 ', 'l2 B2 X1 '], ended: ['l3'] }],
    ['a pair is split, one partner named', [link('l1', 'B1', 'X1'), link('l2', 'B2', null)], [{ bevatel: 'B2', external: 'X1' }], 'anew', { links: ['l1 B1  anew', 'l2 B2 X1 '], ended: [] }],
    ['one that stands alone is completed anew', [link('l1', 'B1', null, { alone: { since: 1, reason: 'parted' } })], [], 'anew', { links: ['l1 B1  anew'], ended: [] }],
    ['whose record was merged away keeps the other one', [link('l1', 'B1', 'X1', { absorbed: { side: 'external', record: 'X9', by: 'l9', partner: 'B9', at: 1 }, gone: { external: { how: 'merged', at: 1 } } })], [], 'alone', { links: ['l1 B1  alone'], ended: [] }],
    ['as it is', [link('l1', 'B1', 'X1')], [{ bevatel: 'B1', external: 'X1' }], 'alone', 'nothing_to_do'],
    ['while a call is under way', [link('l1', 'B1', 'X1', { attempts: outstanding })], [], 'alone', 'in_flight'],
    ['one that was erased', [{ ...link('l1', 'B1', 'X1'), erased: true }], [], 'alone', 'erased'],
    ['one that is deleted', [link('l1', 'B1', 'X1', { gone: { external: { how: 'deleted', at: 1 } } })], [], 'alone', 'gone'],
  ])('%s', (_name, links, pairs, leftover, expected) => expect(standing(rearrange(links, word(pairs, leftover)))).toEqual(expected));

  it('I4: who was parted is parted for good, and gives up the other\'s id', () => {
    const result = rearrange([link('l1', 'B1', 'X1')], word([]));
    const [bevatel, external] = result.kind === 'rearranged' ? result.links.map((one) => decideLink(one.link, context, NOW).link) : [];
    expect(bevatel?.state).toMatchObject({ apart: [{ side: 'external', id: 'X1', by: 'mona' }], referenceDue: ['bevatel'] });
    expect(external?.state).toMatchObject({ apart: [{ side: 'bevatel', id: 'B1', by: 'mona' }], referenceDue: ['external'] });
    expect(bevatel && planWork(bevatel, context, NOW, 'a')).toMatchObject({ kind: 'write', side: 'bevatel', op: { id: 'B1', values: {}, reference: null, forgets: true } });
    expect([bevatel?.state.create, external?.state.create]).toEqual([undefined, undefined]);
  });

  it('a new pair agreed on nothing yet, and waits a moment for its records\' former partners', () => {
    const result = rearrange([link('l1', 'B1', 'X1'), link('l2', 'B2', 'X2')], word([{ bevatel: 'B1', external: 'X2' }]));
    const [pair] = result.kind === 'rearranged' ? result.links : [];
    const decided = pair && decideLink(pair.link, context, NOW).link;
    expect(decided?.state.groups['company_name']).toMatchObject({ held: { type: 'create_create' } });
    expect(decided?.state.referenceDue).toEqual(['bevatel', 'external']);
    expect(decided && dueOf(decided, NOW)?.at).toBeGreaterThan(NOW);
  });

  it('law: every record is in one link afterwards, wanted pairs are pairs, and no other two are', () => {
    const arrangement = fc.record({ links: fc.integer({ min: 1, max: 4 }), oneSided: fc.array(fc.constantFrom('', 'bevatel', 'external'), { minLength: 4, maxLength: 4 }), want: fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 3 }), leftover: fc.constantFrom('alone' as const, 'anew' as const) });
    fc.assert(fc.property(arrangement, ({ links: count, oneSided, want, leftover }) => {
      const links = Array.from({ length: count }, (_, at) => link(`l${at}`, oneSided[at] === 'external' ? null : `B${at}`, oneSided[at] === 'bevatel' ? null : `X${at}`));
      const [bs, xs] = SIDES.map((side) => new Set(links.flatMap((one) => idOn(one, side) ?? [])));
      const pairs = want.flatMap(([b, x]) => (bs?.has(`B${b}`) && xs?.has(`X${x}`) && b !== x ? [{ bevatel: `B${b}`, external: `X${x}` }] : []))
        .filter((one, at, all) => all.findIndex((other) => other.bevatel === one.bevatel || other.external === one.external) === at);
      const result = rearrange(links, word(pairs, leftover));
      if (result.kind === 'refused') return;
      const changed = new Set(result.links.map(({ link: one }) => one.linkId));
      const ended = new Set(result.ended.map(({ linkId }) => linkId));
      const all = [...links.filter(({ linkId }) => !changed.has(linkId) && !ended.has(linkId)), ...result.links.map((one) => one.link)];
      for (const side of SIDES) expect(all.flatMap((one) => idOn(one, side) ?? []).toSorted()).toEqual([...(side === 'bevatel' ? bs : xs) ?? []].toSorted());
      expect(new Set(all.map(({ linkId }) => linkId)).size).toBe(all.length);
      const paired = result.links.flatMap(({ link: { bevatelId, externalId } }) => (bevatelId && externalId ? [`${bevatelId}=${externalId}`] : []));
      expect(paired.toSorted()).toEqual(pairs.map(({ bevatel, external }) => `${bevatel}=${external}`).toSorted());
      for (const one of result.links) for (const { side, id } of one.link.state.apart ?? []) expect(idOn(one.link, side)).not.toBe(id);
    }));
  });
});
