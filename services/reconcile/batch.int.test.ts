/** `processBatch` on PostgreSQL: one transaction per batch, decided from state (I4, I6, I7, I8). */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ContactChange } from '../../schemas/change.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import { beginPosition, readPosition } from '../../store/positions.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { processBatch } from './batch.ts';
import type { BatchDeps } from './batch.ts';
import { KEY as key, ReconcileRig } from './testing/rig.ts';

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

  it('of two linked records the one whose contact the survivor names keeps the link, the other is held', async () => {
    await process(change('bevatel', 'b2', { ...SARA, phone_number: '+966500000002' }), change('external', 'x2', { ...SARA_THERE, phone: '050 000 0002' }));
    await process(change('bevatel', 'b1', SARA), change('external', 'x1', SARA_THERE));
    await process({ ...survivor(), mergedIds: ['x2', 'x1'] }, merged('x1', 'x3'), merged('x2', 'x3'));
    expect(await pairs()).toEqual([['b1', 'x3'], ['b2', 'x2']]);
    expect((await links())[1]?.state.hold).toMatchObject({ kind: 'possible_duplicate' });
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
