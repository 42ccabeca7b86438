/** `processBatch` on PostgreSQL: one transaction per batch, decided from state (I4, I6, I7, I8). */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ContactChange } from '../../schemas/change.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import { beginPosition, readPosition } from '../../store/positions.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { processBatch } from './batch.ts';
import type { BatchDeps } from './batch.ts';
import { KEY as key, ReconcileRig } from '../../tests/reconcile-rig.ts';

const rig = await ReconcileRig.open(await isolatedStack('batch'));
const { deps, batchDeps } = rig;
const change: ReconcileRig['change'] = (...about) => rig.change(...about);
const batchOf: ReconcileRig['batchOf'] = (...about) => rig.batchOf(...about);
const process: ReconcileRig['process'] = (...values) => rig.process(...values);
const links = () => rig.links();
const pairs = () => rig.pairs();

beforeEach(() => rig.begin(true));

async function count(table: 'decisions' | 'dead_letters'): Promise<number> {
  return Number((await deps.pool.query<{ count: string }>(`select count(*) from ${table}`)).rows[0]?.count);
}

/** Everything but times of storing. */
async function snapshot(): Promise<unknown> {
  const { rows } = await deps.pool.query('select decision_id, verdict, groups from decisions order by decision_id');
  return { links: await links(), decisions: rows };
}

const SARA = { contact_first_name: 'Sara', phone_number: '+966500000001', email: null };
const SARA_THERE = { firstname: 'Sara', phone: '050 000 0001', email: null };

describe('positions (I7)', () => {
  it('a batch that another consumer has done already is discarded whole: no state, no decision, no dead letter', async () => {
    await process(change('bevatel', 'b1', SARA));
    const before = await snapshot();
    const zombie = batchOf([change('bevatel', 'b2', SARA), Buffer.from('poison')], 0);
    expect(await processBatch(batchDeps, zombie)).toEqual({ kind: 'ANOTHER_CONSUMER_WENT_ON' });
    expect(await snapshot()).toEqual(before);
    expect(await count('dead_letters')).toBe(0);
  });

  it('of several consumers with the same batch exactly one commits it', async () => {
    const batch = batchOf(Array.from({ length: 20 }, (_, index) => change('bevatel', `b${index}`, { ...SARA, phone_number: `+9665000001${String(index).padStart(2, '0')}` })), 0);
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => processBatch(batchDeps, batch)));
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['ANOTHER_CONSUMER_WENT_ON', 'ANOTHER_CONSUMER_WENT_ON', 'ANOTHER_CONSUMER_WENT_ON', 'COMMITTED']);
    expect(await links()).toHaveLength(20);
    const { rows } = await deps.pool.query('select source, source_offset from decisions group by source, source_offset having count(*) > 1');
    expect(rows).toEqual([]);
    expect((await readPosition(deps.pool, key))?.nextOffset).toBe(20);
  });

  it('the same records again under later offsets change no state: decisions come from state', async () => {
    const changes = [change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE, { revision: '1700000000000' })];
    await process(...changes);
    const before = await links();
    await process(...changes);
    await process(...changes.toReversed());
    expect(await links()).toEqual(before);
  });

  it('a failure half-way leaves nothing behind, and the same batch succeeds later', async () => {
    let isBroken = true;
    const failing: BatchDeps = { ...batchDeps, newId: () => { if (isBroken) throw new Error('half-way'); return deps.newId(); } };
    const batch = batchOf([change('bevatel', 'b1', SARA)], 0);
    await expect(processBatch(failing, batch)).rejects.toThrow('half-way');
    expect([await links(), (await readPosition(deps.pool, key))?.nextOffset]).toEqual([[], 0]);
    isBroken = false;
    expect((await processBatch(failing, batch)).kind).toBe('COMMITTED');
    expect(await links()).toHaveLength(1);
  });
});

describe('integrations', () => {
  it('a change that came after an integration was applied is decided for it, however old the book is', async () => {
    const old = new IntegrationBook(deps.pool);
    expect(old.all()).toEqual([]);
    expect((await processBatch({ ...batchDeps, book: old }, batchOf([change('bevatel', 'b1', SARA)], 0))).kind).toBe('COMMITTED');
    expect(await pairs()).toEqual([['b1', null]]);
  });
});

describe('bad records (I8)', () => {
  it('undecodable bytes, no bytes and an invalid value are quarantined once, and the rest of the batch is decided', async () => {
    const poison = Buffer.from([0, 1, 2, 3]);
    const invalid = change('external', 'x9', { ...SARA_THERE, phone: 'call me' });
    const batch = { ...batchOf([poison, invalid, change('bevatel', 'b1', SARA)], 0) };
    expect(await processBatch(batchDeps, batch)).toMatchObject({ kind: 'COMMITTED', quarantined: 2 });
    expect(await pairs()).toEqual([['b1', null]]);
    const { rows } = await deps.pool.query<{ code: string; record_offset: string; bytes: Buffer; record_id: string | null; detail: string | null }>('select code, record_offset, bytes, record_id, detail from dead_letters order by record_offset');
    expect(rows.map(({ code, record_offset, record_id }) => [code, record_offset, record_id])).toEqual([['undecodable', '0', null], ['value_invalid', '1', 'x9']]);
    expect(rows[0]?.bytes).toEqual(poison);
    expect(rows[1]?.bytes).toEqual(deps.codec.changes.encode(invalid));
    expect(rows[1]?.detail).not.toContain('call me');
  });

  it('a newer valid image supersedes the letters of its record only', async () => {
    await process(change('external', 'x1', { ...SARA_THERE, phone: 'call me' }), change('external', 'x2', { ...SARA_THERE, phone: 'me too' }));
    await process(change('external', 'x1', SARA_THERE, { revision: '2' }));
    const { rows } = await deps.pool.query('select record_id, status from dead_letters order by record_id');
    expect(rows).toEqual([{ record_id: 'x1', status: 'superseded' }, { record_id: 'x2', status: 'open' }]);
  });
});

describe('matching (I4)', () => {
  it('both sides of a person in one batch become one link, in either order', async () => {
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE));
    await process(change('external', 'x2', { firstname: 'Omar', phone: null, email: 'OMAR@acme.test' }), change('bevatel', 'b2', { contact_first_name: 'Omar', phone_number: null, email: 'omar@acme.test' }));
    expect(await pairs()).toEqual([['b1', 'x1'], ['b2', 'x2']]);
    expect(await rig.keys()).toEqual(['bevatel email:omar@acme.test', 'bevatel phone:+966500000001', 'external email:omar@acme.test', 'external phone:+966500000001']);
  });

  it('a record twice in one batch is one link', async () => {
    await process(change('bevatel', 'b1', SARA), change('bevatel', 'b1', { ...SARA, contact_first_name: 'Sarah' }, { revision: '2' }));
    expect((await links()).map(({ state }) => state.seen.bevatel?.values['contact_first_name'])).toEqual(['Sarah']);
  });

  it('both sides of a person in two partitions at the same time become one link', async () => {
    const other = { ...key, partition: 1 };
    await beginPosition(deps.pool, other, 0, Date.now());
    const phones = Array.from({ length: 25 }, (_, index) => `+9665000002${String(index).padStart(2, '0')}`);
    const here = batchOf(phones.map((phone, index) => change('bevatel', `b${index}`, { ...SARA, phone_number: phone })), 0);
    const there = batchOf(phones.toReversed().map((phone, index) => change('external', `x${index}`, { ...SARA_THERE, phone })), 0, other);
    await Promise.all([processBatch(batchDeps, here), processBatch(batchDeps, there)]);
    const found = await links();
    expect(found).toHaveLength(25);
    expect(found.every(({ bevatelId, externalId }) => bevatelId !== null && externalId !== null)).toBe(true);
  });

  it('phone and e-mail that point to different records: held with both named, linked to neither', async () => {
    await process(change('external', 'x1', SARA_THERE), change('external', 'x2', { firstname: 'By mail', phone: null, email: 'sara@acme.test' }));
    await process(change('bevatel', 'b1', { ...SARA, contact_first_name: 'Nour', email: 'sara@acme.test' }));
    const [held, ...others] = await links();
    expect(held).toMatchObject({ bevatelId: 'b1', externalId: null, state: { hold: { kind: 'multi_match', rule: 'phone+email', candidates: others.map(({ linkId }) => linkId) } } });
    expect(others.map(({ state }) => [state.hold?.kind, state.create])).toEqual([['multi_match', undefined], ['multi_match', undefined]]);
    expect(held?.state.create).toBeUndefined();
  });

  it('a reference decides before phone and e-mail, and never takes a partner away', async () => {
    await process(change('external', 'x1', SARA_THERE), change('external', 'x2', { firstname: 'Named', phone: null, email: null }));
    await process(change('bevatel', 'b1', SARA, { references: { crm: 'x2' } }));
    await process(change('bevatel', 'b2', { contact_first_name: 'Also', phone_number: null, email: null }, { references: { crm: 'x2' } }));
    expect(await pairs()).toEqual([['b1', 'x2'], ['b2', null], [null, 'x1']]);
    expect((await links())[1]?.state.hold).toMatchObject({ kind: 'possible_duplicate' });
  });

  it.each([['in one batch', true], ['in two', false]])('a contact that is held beside a pair is held still when it was deleted and is there again, %s', async (_, isOneBatch) => {
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE));
    await process(change('bevatel', 'b2', SARA));
    const turns = [change('bevatel', 'b2', {}, { kind: 'deleted', revision: '2' }), change('bevatel', 'b2', SARA, { revision: '3' })];
    for (const batch of isOneBatch ? [turns] : turns.map((turn) => [turn])) await process(...batch);
    const { state } = await rig.linkOf('b2');
    expect([state.gone, state.hold?.kind, state.create]).toEqual([undefined, 'possible_duplicate', undefined]);
  });
});

describe('merges (I9)', () => {
  const merged = (id: string, survivor: string): ContactChange => change('external', id, {}, { kind: 'merged', mergedInto: survivor });
  const survivor = (): ContactChange => change('external', 'x3', SARA_THERE, { revision: '1700000000000', references: { bevatel: 'b1' }, mergedIds: ['x1', 'x2'] });

  it.each([
    ['the survivor is shown first', () => [survivor(), merged('x1', 'x3'), merged('x2', 'x3')]],
    ['the merge is told first', () => [merged('x1', 'x3'), merged('x2', 'x3'), survivor()]],
  ])('the link follows a minted id when %s', async (_order, changes) => {
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE));
    await process(...changes());
    expect(await pairs()).toEqual([['b1', 'x3']]);
  });

  const OTHER = { contact_first_name: 'Omar', phone_number: '+966500000002', email: null };
  const OTHER_THERE = { firstname: 'Omar', phone: '050 000 0002', email: null };
  const twoPairs = () => process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE), change('bevatel', 'b2', OTHER), change('external', 'x2', OTHER_THERE));
  const gone = (id: string, into: string): ContactChange => change('bevatel', id, {}, { kind: 'merged', mergedInto: into, revision: '9' });

  it('I4: of two linked records the one whose contact the survivor names keeps the link; the other is held, with what can be done', async () => {
    await twoPairs();
    await process({ ...survivor(), mergedIds: ['x2', 'x1'] }, merged('x1', 'x3'), merged('x2', 'x3'));
    expect(await pairs()).toEqual([['b1', 'x3'], ['b2', 'x2']]);
    const [kept, held] = await links();
    expect(held?.state).toMatchObject({ gone: { external: { how: 'merged' } }, absorbed: { side: 'external', record: 'x3', partner: 'b1' }, hold: { kind: 'partner_merged', candidates: [kept?.linkId] } });
    expect([held?.state.create, held?.state.remove, held?.state.merge]).toEqual([undefined, undefined, undefined]);
  });

  it('merges: to_bevatel: merge: the partners are to be merged as well', async () => {
    await rig.apply({ merges: { to_bevatel: 'merge' } });
    await rig.begin(true);
    await twoPairs();
    await process(merged('x2', 'x1'));
    expect((await links())[1]?.state).toMatchObject({ merge: { side: 'bevatel', into: 'b1' } });
    expect((await links())[1]?.state.hold).toBeUndefined();
    await rig.apply({});
  });

  it.each([
    ['Bevatel first, the same way', () => [gone('b2', 'b1'), merged('x2', 'x1')], ['b1', 'x1']],
    ['HubSpot first, the same way', () => [merged('x2', 'x1'), gone('b2', 'b1')], ['b1', 'x1']],
    ['Bevatel first, the other way', () => [gone('b2', 'b1'), merged('x1', 'x2')], ['b1', 'x2']],
    ['HubSpot first, the other way', () => [merged('x1', 'x2'), gone('b2', 'b1')], ['b1', 'x2']],
    ['into a third id', () => [gone('b2', 'b1'), merged('x1', 'x3'), merged('x2', 'x3')], ['b1', 'x3']],
    ['into a third id, told last', () => [merged('x2', 'x3'), merged('x1', 'x3'), gone('b1', 'b2')], ['b2', 'x3']],
  ] as const)('I4: both sides merged the same two people: one pair, and nothing is held: %s', async (_order, changes, pair) => {
    for (const inOneBatch of [true, false]) {
      await rig.begin(true);
      await twoPairs();
      if (inOneBatch) await process(...changes());
      else for (const one of changes()) await process(one);
      expect(await pairs()).toEqual([[...pair]]);
      expect((await links())[0]?.state.hold).toBeUndefined();
      expect((await links())[0]?.state.absorbed).toBeUndefined();
      expect((await rig.decisions()).some(({ groups }) => groups.some(({ conflict }) => conflict === 'merge_merge'))).toBe(true);
    }
  });

  it('both sides merged different people: held with both candidates', async () => {
    await twoPairs();
    await process(change('bevatel', 'b3', { contact_first_name: 'Noura', phone_number: '+966500000003', email: null }), change('external', 'x3', { firstname: 'Noura', phone: '050 000 0003', email: null }));
    await process(gone('b2', 'b1'), merged('x2', 'x3'));
    const held = await rig.linkOf('b2');
    expect(held.state.hold).toMatchObject({ kind: 'merge_merge', candidates: [(await rig.linkOf('b1')).linkId, (await rig.linkOf('b3')).linkId] });
    expect(await pairs()).toEqual([['b1', 'x1'], ['b2', 'x2'], ['b3', 'x3']]);
  });

  it('I4: a record without a partner that goes into a pair is in it; a pair whose record goes into one without keeps its link', async () => {
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE), change('external', 'x2', OTHER_THERE));
    await process(merged('x2', 'x1'));
    expect(await pairs()).toEqual([['b1', 'x1']]);
    await process(change('external', 'x4', OTHER_THERE), merged('x1', 'x4'));
    expect(await pairs()).toEqual([['b1', 'x4']]);
  });

  it('I4 I9: an old id that comes late is known: an image makes nobody, a deletion removes nobody, a reference finds the survivor', async () => {
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE), change('external', 'x2', OTHER_THERE));
    await process(merged('x1', 'x2'), merged('x2', 'x3'));
    const observedFrom = Date.now() - 60_000;
    await process(change('external', 'x1', SARA_THERE, { observedFrom }), change('external', 'x2', {}, { kind: 'deleted' }), change('external', 'x1', {}, { kind: 'deleted' }));
    await process(change('bevatel', 'b9', { contact_first_name: 'Named', phone_number: null, email: null }, { references: { crm: 'x1' } }));
    expect(await pairs()).toEqual([['b1', 'x3'], ['b9', null]]);
    expect((await rig.linkOf('b1')).state.gone).toBeUndefined();
    expect((await rig.linkOf('b9')).state.hold).toMatchObject({ kind: 'possible_duplicate', rule: 'reference', candidates: [(await rig.linkOf('b1')).linkId] });
    expect((await rig.decisions()).filter(({ groups }) => groups[0]?.rule === 'merged_into')).toHaveLength(1);
    expect((await deps.pool.query('select old_id, new_id from redirects order by 1')).rows).toEqual([{ old_id: 'x1', new_id: 'x3' }, { old_id: 'x2', new_id: 'x3' }]);
  });

  it('a record that was merged away and is there again, by a read that began later, is one of its own', async () => {
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE), change('external', 'x2', OTHER_THERE));
    await process(merged('x2', 'x1'));
    await process(change('external', 'x2', OTHER_THERE, { observedFrom: Date.now() + 5, revision: '2' }));
    expect(await pairs()).toEqual([['b1', 'x1'], [null, 'x2']]);
    expect((await deps.pool.query('select from redirects')).rowCount).toBe(0);
  });

  it('a contact that was merged away and shows a later revision is there again; an earlier one is late', async () => {
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE), change('bevatel', 'b2', { ...OTHER, phone_number: null }));
    await process(gone('b2', 'b1'));
    await process(change('bevatel', 'b2', OTHER, { revision: '8', readById: false }));
    expect(await pairs()).toEqual([['b1', 'x1']]);
    await process(change('bevatel', 'b2', OTHER, { revision: '10', readById: false }));
    expect(await pairs()).toEqual([['b1', 'x1'], ['b2', null]]);
  });

  it('a survivor whose merge nobody told of is recognised by the ids that it absorbed', async () => {
    await twoPairs();
    await process(change('external', 'x1', SARA_THERE, { revision: '1700000000000', mergedIds: ['x2'] }));
    expect((await rig.linkOf('b2')).state).toMatchObject({ absorbed: { record: 'x1', partner: 'b1' }, hold: { kind: 'partner_merged' } });
  });

  it('I2: an edit of the record that went away, which nobody had been told of, is overridden by name', async () => {
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE, { revision: '1000' }), change('external', 'x2', OTHER_THERE, { revision: '1000' }));
    await process(change('external', 'x1', { ...SARA_THERE, firstname: 'Edited' }, { revision: '2000' }));
    await process(change('external', 'x2', OTHER_THERE, { revision: '3000', mergedIds: ['x1'], observedFrom: Date.now() + 1_000 }));
    expect(await pairs()).toEqual([['b1', 'x2']]);
    const told = (await rig.decisions()).flatMap(({ groups }) => groups).filter(({ conflict }) => conflict === 'merge_update');
    expect(told).toMatchObject([{ group: 'contact_first_name', verdict: 'conflict_resolved', rule: 'merge:external', external: ['Edited'], write: ['Omar'] }]);
  });
});

describe('order (I6)', () => {
  it('an older image of a strict side is stale, and says so', async () => {
    await process(change('bevatel', 'b1', { ...SARA, contact_first_name: 'newer' }, { revision: '10' }), change('bevatel', 'b1', { ...SARA, contact_first_name: 'older' }, { revision: '9' }));
    expect((await links())[0]?.state.seen.bevatel?.values['contact_first_name']).toBe('newer');
    const { rows } = await deps.pool.query('select verdict from decisions order by source_offset');
    expect(rows.at(-1)).toEqual({ verdict: 'stale' });
  });
});
