/** Matching on PostgreSQL: by groups and never by arrival, held on every side, and mended by itself (I4). */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { ContactChange } from '../../schemas/change.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { ReconcileRig } from '../../tests/reconcile-rig.ts';

const rig = await ReconcileRig.open(await isolatedStack('match-round'));

let revision = 1_700_000_000_000;
/** `P1 E1 name`: a contact of that phone and address. */
function shown(id: string, told: string, more: Partial<ContactChange> = {}): ContactChange {
  const words = told.split(' ');
  const phone = words.find((word) => /^P\d$/.test(word))?.slice(1);
  const email = words.find((word) => /^E\d$/.test(word))?.slice(1);
  const name = words.filter((word) => !/^[PE]\d$/.test(word)).join(' ') || null;
  revision += 1;
  const values = { phone: phone === undefined ? null : `+96650000000${phone}`, email: email === undefined ? null : `e${email}@acme.test` };
  return id.startsWith('b')
    ? rig.change('bevatel', id, { contact_first_name: name, phone_number: values.phone, email: values.email }, { revision: String(revision), ...more })
    : rig.change('external', id, { firstname: name, ...values }, { revision: String(revision), ...more });
}

afterAll(() => rig.apply({}));

describe('while the first listings come in', () => {
  beforeEach(() => rig.begin(false));

  it('I4: records are reserved and nobody is matched, and nobody is to be created; then each group is matched at once', async () => {
    await rig.process(shown('b1', 'P1'), shown('x1', 'P1'), shown('b2', 'P2'), shown('x3', 'E3'));
    expect(await rig.standings()).toEqual(['b1 unmatched', 'b2 unmatched', 'x1 unmatched', 'x3 unmatched']);
    await rig.match(false);
    expect(await rig.standings()).toEqual(['b1+x1', 'b2 create', 'x3 create']);
    expect((await rig.deps.pool.query('select matched_at is not null as is_open from integrations')).rows).toEqual([{ is_open: true }]);
    expect((await rig.deps.pool.query('select from match_queue')).rowCount).toBe(0);
  });

  it('I4: the order of arrival changes nothing, in any batches', async () => {
    const people: [string, string][] = [
      ['b1', 'P1 محمد القحطاني'], ['b2', 'P1 نورة القحطاني'], ['x1', 'P1 Mohammed Al-Qahtani'], // told apart by the name
      ['b3', 'P2'], ['b4', 'P2'], ['x2', 'P2'], // not told apart
      ['b5', 'P3 E3'], ['x3', 'P3'], ['x4', 'E3'], // phone and address at odds
      ['b6', 'P4'], ['b7', 'P4'], // the elder stands
      ['b8', 'P5 E5'], ['x5', 'E5 P5'],
    ];
    const expected = [
      'b1+x1', 'b2 possible_duplicate b1+x1', 'b3 multi_match x2', 'b4 multi_match x2', 'b5 multi_match x3 x4', 'b6 create', 'b7 possible_duplicate b6', 'b8+x5',
      'x2 multi_match b3 b4', 'x3 multi_match b5', 'x4 multi_match b5',
    ];
    for (const order of [people, people.toReversed(), [...people.slice(6), ...people.slice(0, 6)]]) {
      await rig.begin(false);
      for (let from = 0; from < order.length; from += 4) await rig.process(...order.slice(from, from + 4).map(([id, told]) => shown(id, told)));
      await rig.match(false);
      expect(await rig.standings()).toEqual(expected);
    }
  });

  it('a record that names its partner is attached at once; two that name each other, in whatever batches, in the round', async () => {
    await rig.process(shown('b1', 'P1'), shown('x1', 'P9', { references: { bevatel: 'b1' } }));
    expect(await rig.pairs()).toEqual([['b1', 'x1']]);
    await rig.process(shown('x2', 'P8', { references: { bevatel: 'b2' } }));
    await rig.deps.pool.query("update links set bevatel_id = null where external_id = 'x2'");
    await rig.process(shown('b2', 'P7'));
    await rig.match(false);
    expect(await rig.pairs()).toEqual([['b1', 'x1'], ['b2', 'x2']]);
    expect((await rig.decisions()).filter(({ cause }) => cause === 'matching').map(({ verdict, groups }) => [verdict, groups[0]?.rule])).toEqual([['linked', 'reference']]);
  });

  it('the matching has its verdicts, with rules, and the scores of names', async () => {
    await rig.process(shown('b1', 'P1 Sara Ali'), shown('b2', 'P1 Sara Alisson'), shown('x1', 'P1 Sara Ali'), shown('b3', 'P2 Omar'), shown('x3', 'P2 Khalid'));
    await rig.match(false);
    const told = (await rig.decisions()).filter(({ cause }) => cause === 'matching').map(({ verdict, groups }) => `${verdict} ${groups[0]?.rule} ${groups[0]?.conflict ?? ''}`.trim()).toSorted();
    expect(told).toEqual(['conflict_held phone possible_duplicate', 'linked phone', 'linked phone+name']);
    const { hold } = (await rig.linkOf('b2')).state;
    expect(hold).toMatchObject({ rule: 'phone', scores: [expect.any(Number)] });
  });

  it('five hundred pairs, three pages: each pair once', async () => {
    const ids = Array.from({ length: 700 }, (_, index) => index);
    const person = (side: 'b' | 'x', index: number) => shown(`${side}${index}`, '', { image: side === 'b' ? { email: `p${index}@acme.test` } : { email: `P${index}@acme.test` } });
    await rig.process(...ids.map((index) => person('b', index)));
    await rig.process(...ids.toReversed().map((index) => person('x', index)));
    await rig.match(false);
    const pairs = await rig.pairs();
    expect(pairs).toHaveLength(700);
    expect(pairs.every(([b, x]) => b?.slice(1) === x?.slice(1))).toBe(true);
  });
});

describe('afterwards, as they come', () => {
  beforeEach(() => rig.begin(true));

  it('I4: one number, two contacts, then a record of it: all three are held, in both directions', async () => {
    await rig.apply({ match: { rules: ['phone_number', 'email'], shared: 'create' } });
    await rig.begin(true);
    await rig.process(shown('b1', 'P1'), shown('b2', 'P1'));
    expect(await rig.standings()).toEqual(['b1 create', 'b2 create']);
    await rig.process(shown('x1', 'P1'));
    expect(await rig.standings()).toEqual(['b1 multi_match x1', 'b2 multi_match x1', 'x1 multi_match b1 b2']);
    await rig.apply({});
  });

  it('a new record whose number a pair has is held, with the pair named; with shared: create it gets a partner', async () => {
    await rig.process(shown('b1', 'P1 Sara Ali'), shown('x1', 'P1 Sara Ali'));
    await rig.process(shown('b2', 'P1 Sara Ali'), shown('x2', 'P1 Omar'));
    expect(await rig.standings()).toEqual(['b1+x1', 'b2 multi_match b1+x1 x2', 'x2 multi_match b1+x1 b2']);
    await rig.begin(true);
    await rig.process(shown('b1', 'P1 Sara Ali'), shown('x1', 'P1 Sara Ali'));
    await rig.process(shown('b2', 'P1 Sara Ali'));
    expect(await rig.standings()).toEqual(['b1+x1', 'b2 possible_duplicate b1+x1']);
    expect((await rig.linkOf('b2')).state.hold).toMatchObject({ rule: 'phone', scores: [1] });
  });

  it('an edit that brings a record without a partner the number of another has them matched', async () => {
    await rig.apply({ create: { external: false, bevatel: false } });
    await rig.begin(true);
    await rig.process(shown('b1', 'P1'), shown('x1', 'P2'));
    expect(await rig.pairs()).toEqual([['b1', null], [null, 'x1']]);
    await rig.process(shown('x1', 'P1'));
    expect(await rig.pairs()).toEqual([['b1', 'x1']]);
    await rig.apply({});
  });

  it('who was held for a key that somebody gives up goes on by itself', async () => {
    await rig.process(shown('b1', 'P1'), shown('x1', 'P1'));
    await rig.process(shown('b2', 'P1'));
    expect(await rig.standings()).toEqual(['b1+x1', 'b2 possible_duplicate b1+x1']);
    await rig.process(shown('b1', 'P2'), shown('x1', 'P2'));
    await rig.match(true);
    expect(await rig.standings()).toEqual(['b1+x1', 'b2 create']);
  });

  it('a group that reaches over several keys is locked and matched as a whole', async () => {
    await rig.apply({ create: { external: false, bevatel: false } });
    await rig.begin(true);
    await rig.process(shown('b1', 'P1'), shown('b2', 'E1'), shown('b3', 'E1'));
    await rig.process(shown('x1', 'P1 E1'));
    expect(await rig.standings()).toEqual(['b1 multi_match x1', 'b2 multi_match x1', 'b3 multi_match x1', 'x1 multi_match b1 b2 b3']);
    await rig.process(shown('b2', 'E2'), shown('b3', 'E3'));
    await rig.match(true);
    expect(await rig.standings()).toEqual(['b1+x1', 'b2', 'b3']);
    await rig.apply({});
  });

  it('I4: while the partner is being made: the newcomer waits; if nothing comes of it, the two are matched before it is tried again', async () => {
    await rig.process(shown('b1', 'P1'));
    const attempt = JSON.stringify([{ id: 'a1', side: 'external', kind: 'create', groups: {}, reference: 'b1', condition: null, guard: null, sentAt: 1, deadline: 9e15, status: 'outstanding' }]);
    await rig.deps.pool.query("update links set state = jsonb_set(state::jsonb, '{attempts}', $1::jsonb)", [attempt]);
    await rig.process(shown('x1', 'P1'));
    expect(await rig.standings()).toEqual(['b1 create', 'x1 possible_duplicate b1']);
    await rig.match(true);
    expect((await rig.deps.pool.query('select from match_queue')).rowCount).toBe(1);
    await rig.deps.pool.query("update links set state = jsonb_set(state::jsonb, '{attempts}', '[]')");
    await rig.match(true);
    expect(await rig.standings()).toEqual(['b1+x1']);
  });

  it('I4: keys of pairs are stored, follow their edits, and go with their links', async () => {
    await rig.process(shown('b1', 'P1 E1'), shown('x1', 'P1'));
    expect(await rig.keys()).toEqual(['bevatel email:e1@acme.test', 'bevatel phone:+966500000001', 'external phone:+966500000001']);
    await rig.process(shown('b1', 'P2 E1'));
    expect(await rig.keys()).toEqual(['bevatel email:e1@acme.test', 'bevatel phone:+966500000002', 'external phone:+966500000001']);
    await rig.process(rig.change('external', 'x1', {}, { kind: 'deleted' }));
    expect(await rig.keys()).toEqual(['bevatel email:e1@acme.test', 'bevatel phone:+966500000002']);
    await rig.process(rig.change('bevatel', 'b1', {}, { kind: 'erased' }));
    expect(await rig.keys()).toEqual([]);
  });
});
