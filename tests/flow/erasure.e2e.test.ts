/** Erasure: by an operator, with and without the systems; told by a system; kept out, and let in again (I9, I11). */
import { describe, expect, it } from 'vitest';
import { parsePersonHashes } from '../../runtime/person-hash.ts';
import type { Erasure } from '../../schemas/api-deletes.ts';
import { ERASURE_PLACES } from '../../schemas/erasure.ts';
import { changesTopic } from '../../schemas/topics.ts';
import { LANES } from '../../schemas/value.ts';
import { eraseContact, eraseReceipt, eraseReceipts } from '../../services/operate/deletes/erase-contact.ts';
import type { EraseDeps, EraseOrder } from '../../services/operate/deletes/erase-contact.ts';
import { liftOrder } from '../../services/operate/deletes/lift-erasure.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, HASTY, SECRETS, TENANT, until } from './rig.ts';
import type { Pair } from './rig.ts';

const flow = await Flow.open(await isolatedStack('erasure'), { integration: { invalid: 'quarantine', poll: { everyMs: 500 } }, deliver: HASTY });
const { hubspot, deps } = flow;
await flow.start();

const eraseDeps: EraseDeps = {
  pool: deps.pool, book: new IntegrationBook(deps.pool), wake: deps.wake, clock: deps.clock, newId: deps.newId, personHashes: parsePersonHashes(SECRETS),
};
const order = (contact: string, more: Partial<EraseOrder> = {}) => eraseContact(eraseDeps, { contact, propagate: false, dryRun: false, ...more }, 'mona');
const receipt = (id: string): Promise<Erasure> => eraseReceipt(deps, { tenant: TENANT, id });
const placed = (erasure: Erasure, place: string) => erasure.receipts.find((one) => one.place === place);

async function settled(id: string): Promise<Erasure> {
  await until('the receipts are there', async () => (await receipt(id)).state !== 'clearing');
  return receipt(id);
}

/** Everything that the database holds, as text. */
async function everything(): Promise<string> {
  const { rows: tables } = await deps.pool.query<{ table: string }>("select tablename as table from pg_tables where schemaname = current_schema() order by 1");
  const dumps = await Promise.all(tables.map(async ({ table }) => {
    const { rows } = await deps.pool.query<{ row: string }>(`select t::text as row from ${table} t`);
    return rows.map(({ row }) => row).join('\n');
  }));
  const { rows } = await deps.pool.query<{ bytes: Buffer }>('select bytes from dead_letters');
  return [...dumps, ...rows.map(({ bytes }) => bytes.toString('latin1'))].join('\n');
}

async function tombstonesOf(key: string): Promise<number> {
  const all = await Promise.all(LANES.map((lane) => flow.topic(changesTopic(lane))));
  return all.flat().filter((record) => record.value === null && record.key?.toString() === key).length;
}

describe('an operator erases a person', () => {
  it('I11: nothing personal is left in any store, every place has its receipt, and the systems keep theirs unless asked', async () => {
    const pair = await flow.pair({ contact_first_name: 'Zuleikha', email: 'zuleikha@acme.test', phone_number: '+966503332211', company_name: 'Najd Bakery', contact_last_name: 'Qasimi' });
    await flow.editContact(pair.bevatelId, { contact_last_name: null });
    await until('a value is cleared, which the guards count', () => !flow.hubspotOf(pair.bevatelId)?.['lastname']);
    hubspot.control.edit(pair.externalId, { phone: 'call Zuleikha' });
    await until('a value is in quarantine', async () => (await everything()).includes('call Zuleikha'));
    const preview = await order(pair.externalId, { dryRun: true });
    expect(preview).toMatchObject({ dryRun: true, erasure: null, hashes: 2, items: { links: 1 }, systems: [{ side: 'bevatel', asked: false }, { side: 'external', asked: false }] });
    expect(preview.items['dead_letters']).toBeGreaterThan(0);
    expect(await everything()).toContain('Najd Bakery');

    const { erasure: id } = await order(pair.externalId);
    const erasure = await settled(id ?? '');
    expect(await everything()).not.toMatch(/zuleikha|3332211|Najd Bakery/i);
    expect([...new Set(erasure.receipts.map(({ place }) => place))].sort()).toEqual([...ERASURE_PLACES].sort());
    expect(erasure).toMatchObject({ origin: 'operator', requestedBy: 'mona', state: 'expiring' });
    expect(placed(erasure, 'decisions')?.items).toBeGreaterThan(0);
    expect(placed(erasure, 'dead_letters')?.items).toBeGreaterThan(0);
    expect(placed(erasure, 'change_sets')?.items, 'the count of the value that was cleared').toBeGreaterThan(0);
    expect(placed(erasure, 'system:external')).toMatchObject({ state: 'not_asked' });
    const DAY_MS = 86_400_000;
    expect(placed(erasure, 'topic:contact.changes.live')).toMatchObject({ state: 'expires', detail: 'tombstones', until: (placed(erasure, 'topic:contact.changes.live')?.at ?? 0) + 8 * DAY_MS });
    expect(placed(erasure, 'topic:contact.decisions')).toMatchObject({ state: 'expires', detail: 'retention', until: (placed(erasure, 'topic:contact.decisions')?.at ?? 0) + 29 * DAY_MS });
    expect(await tombstonesOf(`${TENANT}/external/crm/${pair.externalId}`)).toBe(LANES.length);
    expect(await tombstonesOf(`${TENANT}/bevatel/-/${pair.bevatelId}`)).toBe(LANES.length);
    expect(await flow.contact(pair.bevatelId)).not.toBeNull();
    await expect(order(pair.bevatelId)).rejects.toMatchObject({ code: 'state_moved' });
    hubspot.control.edit(pair.externalId, { phone: 'call Zuleikha again', company: 'Najd Bakery' });
    await flow.editContact(pair.bevatelId, { company_name: 'Najd Bakery' });
    await flow.untilQuiet();
    expect(await everything()).not.toMatch(/call Zuleikha|Najd Bakery/);
  });

  it('I9: with --propagate both systems erase, whatever they answered first, and each has a receipt', async () => {
    const pair = await flow.pair({ contact_first_name: 'Erase Me', email: 'erase.me@acme.test' });
    hubspot.control.addFault({ endpoint: 'contacts.erase', fault: { kind: 'drop_after' }, times: 1 });
    flow.bevatel.control.fault({ endpoint: 'delete', kind: 'status', status: 503, times: 1 });
    const { erasure: id, systems } = await order(pair.bevatelId, { propagate: true });
    expect(systems).toMatchObject([{ side: 'bevatel', asked: true }, { side: 'external', asked: true }]);
    const erasure = await settled(id ?? '');
    expect([placed(erasure, 'system:bevatel')?.state, placed(erasure, 'system:external')?.state]).toEqual(['done', 'done']);
    expect(hubspot.control.contact(pair.externalId)).toBeUndefined();
    expect(await flow.contact(pair.bevatelId)).toBeNull();
    expect(await flow.bevatel.control.sql('select 1 from erased_contacts where id = $1', [pair.bevatelId])).toHaveLength(1);
    await flow.untilQuiet();
    expect((await flow.links()).find((link) => link.externalId === pair.externalId)?.state).toMatchObject({ attempts: [], groups: {}, seen: {} });
    expect((await eraseReceipts(deps, { limit: 100 })).erasures.filter(({ records }) => records.some(({ externalId }) => externalId === pair.externalId))).toHaveLength(1);
  });

  it('the systems can be asked later', async () => {
    const pair = await flow.pair({ contact_first_name: 'Later', email: 'later@acme.test' });
    const { erasure: id } = await order(pair.bevatelId);
    await settled(id ?? '');
    expect(hubspot.control.contact(pair.externalId)).toBeDefined();
    const again = await order(pair.bevatelId, { propagate: true });
    expect(again.erasure).toBe(id);
    await until('both are asked and have answered', async () => placed(await receipt(id ?? ''), 'system:external')?.state === 'done' && placed(await receipt(id ?? ''), 'system:bevatel')?.state === 'done');
    expect(hubspot.control.contact(pair.externalId)).toBeUndefined();
  });
});

describe('a privacy deletion that a system tells', () => {
  it('I11: leaves no trace either, and has its receipts', async () => {
    const pair = await flow.pair({ contact_first_name: 'Told There', email: 'told.there@acme.test', company_name: 'Told Co' });
    hubspot.control.erase(pair.externalId);
    await until('the link is erased', async () => (await flow.linkOf(pair.bevatelId)).erased);
    const id = (await flow.linkOf(pair.bevatelId)).state.erasure ?? '';
    const erasure = await settled(id);
    expect(erasure).toMatchObject({ origin: 'system', requestedBy: 'hubspot' });
    expect([placed(erasure, 'system:external')?.state, placed(erasure, 'system:bevatel')?.state, placed(erasure, 'person_hashes')?.items]).toEqual(['done', 'not_asked', 1]);
    expect(await everything()).not.toMatch(/told\.there|Told Co/i);
  });
});

describe('an erased person', () => {
  /** The person is in neither system any more. */
  async function erased(email: string): Promise<{ readonly pair: Pair; readonly id: string }> {
    const pair = await flow.pair({ contact_first_name: 'Known', email, phone_number: null });
    const { erasure: id } = await order(pair.bevatelId, { propagate: true });
    await settled(id ?? '');
    await flow.untilQuiet();
    return { pair, id: id ?? '' };
  }

  it('I9: is not imported again, from either side, in any writing, and nothing of the new record is kept', async () => {
    const { id } = await erased('known.person@acme.test');
    const contacts = (await flow.contacts()).length;
    const there = hubspot.control.create({ firstname: 'Known Again', email: 'Known.Person@ACME.test' });
    await until('the record is kept out', async () => (await flow.links()).some(({ externalId }) => externalId === there.id));
    const here = await flow.createContact({ contact_first_name: 'Known Here', email: ' known.person@acme.test' });
    await until('the contact is kept out', async () => (await flow.linkOf(here).catch(() => null)) !== null);
    await flow.untilQuiet();
    for (const link of [(await flow.links()).find(({ externalId }) => externalId === there.id), await flow.linkOf(here)]) {
      expect(link).toMatchObject({ erased: true, state: { seen: {}, erasure: id } });
    }
    expect(await flow.contacts()).toHaveLength(contacts + 1);
    expect(flow.hubspotOf(here)).toBeNull();
    expect(await flow.verdicts(here, '*')).toMatchObject([{ verdict: 'skipped', rule: 'erased_person' }]);
    expect(await everything()).not.toMatch(/known\.person|Known Again|Known Here/i);
  });

  it('who comes back willingly is let in again, and whoever was kept out is linked', async () => {
    const { id } = await erased('welcome.back@acme.test');
    const there = hubspot.control.create({ firstname: 'Welcome', email: 'welcome.back@acme.test' });
    await until('the record is kept out', async () => (await flow.links()).some(({ externalId }) => externalId === there.id));
    const lifted = await liftOrder({ ...deps, publisher: deps.kafka.publisher(), encodeHint: deps.codec.hints.encode, topicPrefix: deps.config.topicPrefix }, { tenant: TENANT, id, dryRun: false }, 'mona');
    expect(lifted).toMatchObject({ hashes: 1 });
    expect(lifted.records).toContainEqual({ side: 'external', integration: 'crm', id: there.id });
    await until('the person is in Bevatel again', async () => (await flow.contacts()).some(({ fields }) => fields['email'] === 'welcome.back@acme.test'));
    await flow.untilQuiet();
    expect((await receipt(id)).state).toBe('lifted');
    expect((await flow.links()).find(({ externalId }) => externalId === there.id)).toMatchObject({ erased: false });
  });

  it('others are not kept out', async () => {
    expect((await flow.pair({ contact_first_name: 'Somebody Else', email: 'somebody.else@acme.test' })).externalId).not.toBe('');
  });
});
