/** Answers of writes that never come: what became of the write is found out, never guessed (design §6, §10). */
import { describe, expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, HASTY, TENANT, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('lost_answers'), { deliver: HASTY });
const { hubspot, bevatel } = flow;
const APP = `app ${hubspot.appId}`;
await flow.start();

/** Nobody may see a conflict where nobody else edited. */
async function expectNoConflict(bevatelId: string): Promise<void> {
  const said = (await flow.decisions(bevatelId)).flatMap(({ groups }) => groups.map(({ verdict }) => verdict));
  expect(said.filter((verdict) => verdict === 'conflict_held' || verdict === 'conflict_resolved')).toEqual([]);
  expect(await flow.heldOf(bevatelId, 'company_name')).toBeUndefined();
}

function companyInHubSpot(bevatelId: string): string | undefined {
  return flow.hubspotOf(bevatelId)?.['company'];
}

async function companyInBevatel(bevatelId: string): Promise<unknown> {
  return (await flow.contact(bevatelId))?.fields['company_name'];
}

describe('answer lost after a create', () => {
  it('I4: in HubSpot: the record is looked up by our id, linked, and made once', async () => {
    hubspot.control.addFault({ endpoint: 'contacts.batchUpsert', fault: { kind: 'drop_after' }, times: 1 });
    const before = hubspot.control.contactCount();
    const id = await flow.createContact({ contact_first_name: 'Lost Create', email: 'lost.create@acme.test' });
    await until('the link has its partner', async () => (await flow.links()).some((link) => link.bevatelId === id && link.externalId !== null));
    await flow.untilQuiet();
    expect(hubspot.control.contactCount()).toBe(before + 1);
    expect((await flow.linkOf(id)).externalId).toBe(flow.hubspotOf(id)?.id);
    await expectNoConflict(id);
  });

  it('I4: in Bevatel: the contact is looked up by its reference, linked, and made once', async () => {
    bevatel.control.fault({ kind: 'dropAnswer', endpoint: 'batchWrite' });
    const before = (await flow.contacts()).length;
    const made = hubspot.control.create({ firstname: 'Lost There', email: 'lost.there@acme.test' });
    await until('the link has its partner', async () => (await flow.links()).some((link) => link.externalId === made.id && link.bevatelId !== null));
    await flow.untilQuiet();
    const contacts = await flow.contacts();
    expect(contacts).toHaveLength(before + 1);
    expect(contacts.filter((one) => one.external_references['crm'] === made.id)).toHaveLength(1);
    expect(hubspot.control.contact(made.id)?.properties['bevatel_contact_id']).toBe((await flow.links()).find((link) => link.externalId === made.id)?.bevatelId);
  });
});

describe('answer lost after an update', () => {
  it('I3: in HubSpot: the value is proven by a read and written once', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Update', email: 'update@acme.test' });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'drop_after' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'Sent' });
    await until('the attempt is closed', async () => (await flow.linkOf(bevatelId)).state.groups['company_name']?.base?.[1][0] === 'Sent');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`Sent by ${APP}`]);
    expect((await flow.linkOf(bevatelId)).state.attempts).toEqual([]);
    await expectNoConflict(bevatelId);
  });

  it('I3: in Bevatel: the value is proven by what change capture shows and written once', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Update There', email: 'update.there@acme.test' });
    const version = (await flow.contact(bevatelId))?.version ?? 0;
    bevatel.control.fault({ kind: 'dropAnswer', endpoint: 'batchWrite' });
    hubspot.control.edit(externalId, { company: 'Sent' });
    await until('the write is proven', async () => (await flow.linkOf(bevatelId)).state.groups['company_name']?.base?.[0][0] === 'Sent');
    await flow.untilQuiet();
    expect(await flow.contact(bevatelId)).toMatchObject({ version: version + 1, fields: { company_name: 'Sent' } });
    await expectNoConflict(bevatelId);
  });
});

describe('answer lost and the source edited back meanwhile (trace 1)', () => {
  it('I2, I5: towards Bevatel: our own value is not taken for an edit', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Trace One', email: 'trace.one@acme.test', company_name: 'o' });
    bevatel.control.fault({ kind: 'dropAnswer', endpoint: 'batchWrite' });
    hubspot.control.edit(externalId, { company: 'b' });
    await until('b landed in Bevatel', async () => (await companyInBevatel(bevatelId)) === 'b');
    hubspot.control.edit(externalId, { company: 'o' });
    await until('Bevatel follows', async () => (await companyInBevatel(bevatelId)) === 'o');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, 'b by a human', 'o by a human']);
    await expectNoConflict(bevatelId);
  });

  it('I2, I5: towards HubSpot, the mirror image', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Trace One Mirror', email: 'trace.mirror@acme.test', company_name: 'o' });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'drop_after' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'b' });
    await until('b landed in HubSpot', () => companyInHubSpot(bevatelId) === 'b');
    await flow.editContact(bevatelId, { company_name: 'o' });
    const version = (await flow.contact(bevatelId))?.version;
    await until('HubSpot follows', () => companyInHubSpot(bevatelId) === 'o');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, `b by ${APP}`, `o by ${APP}`]);
    expect(await flow.contact(bevatelId)).toMatchObject({ version, fields: { company_name: 'o' } });
    await expectNoConflict(bevatelId);
  });

  it('I2: a human edits on top of our write whose answer is lost: no conflict, the edit goes the other way (trace 3)', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Trace Three', email: 'trace.three@acme.test', company_name: 'o' });
    bevatel.control.fault({ kind: 'dropAnswer', endpoint: 'batchWrite' });
    hubspot.control.edit(externalId, { company: 'b' });
    await until('b landed in Bevatel', async () => (await companyInBevatel(bevatelId)) === 'b');
    await flow.editContact(bevatelId, { company_name: 'c' });
    await until('HubSpot has c', () => companyInHubSpot(bevatelId) === 'c');
    await flow.untilQuiet();
    expect(await companyInBevatel(bevatelId)).toBe('c');
    await expectNoConflict(bevatelId);
  });
});

describe('a call that hangs past its lease and lands late', () => {
  it('I2: over the value before: it is known as ours, and the newer value follows (trace 2)', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Trace Two', email: 'trace.two@acme.test', company_name: 'o' });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_before' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'A' });
    await until('the write hangs', () => hubspot.control.heldCount() === 1);
    await flow.editContact(bevatelId, { company_name: 'b' });
    await until('the attempt is given up and b is written', () => companyInHubSpot(bevatelId) === 'b');
    hubspot.control.releaseHeld();
    await until('A has landed over it and b is written again', () => flow.historyOf(externalId, 'company').length === 4);
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, `b by ${APP}`, `A by ${APP}`, `b by ${APP}`]);
    expect(await companyInBevatel(bevatelId)).toBe('b');
    await expectNoConflict(bevatelId);
  });

  it('I2: over a human\'s edit: held as overwritten_in_flight, with what was overwritten (trace 6)', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Trace Six', email: 'trace.six@acme.test', company_name: 'o' });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_before' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'A' });
    await until('the write hangs', () => hubspot.control.heldCount() === 1);
    await flow.editContact(bevatelId, { company_name: 'o' });
    await until('the attempt is closed without proof', async () => (await flow.linkOf(bevatelId)).state.attempts.some(({ status }) => status === 'unresolved'));
    hubspot.control.edit(externalId, { company: 'h' });
    await until('h is in Bevatel', async () => (await companyInBevatel(bevatelId)) === 'h');
    hubspot.control.releaseHeld();
    await until('the overwriting is held', async () => (await flow.heldOf(bevatelId, 'company_name')) !== undefined);
    await flow.untilQuiet();
    expect(await flow.heldOf(bevatelId, 'company_name')).toMatchObject({ type: 'overwritten_in_flight', bevatel: ['h'], external: ['A'], overwritten: ['h'], detail: 'user:55' });
    expect(companyInHubSpot(bevatelId)).toBe('A');
    expect(await companyInBevatel(bevatelId)).toBe('h');
    const said = await flow.verdicts(bevatelId, 'company_name');
    expect(said.some(({ verdict, conflict }) => verdict === 'conflict_held' && conflict === 'overwritten_in_flight')).toBe(true);
  });

  it('I2: also when the same value was sent again, answered, and edited over before the first one landed', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Sent Twice', email: 'sent.twice@acme.test', company_name: 'o' });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_before' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'A' });
    await until('A is sent again and stands', () => companyInHubSpot(bevatelId) === 'A');
    hubspot.control.edit(externalId, { company: 'h' });
    await until('h is in Bevatel', async () => (await companyInBevatel(bevatelId)) === 'h');
    hubspot.control.releaseHeld();
    await until('the overwriting is held', async () => (await flow.heldOf(bevatelId, 'company_name')) !== undefined, 10_000);
    expect(await flow.heldOf(bevatelId, 'company_name')).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['h'] });
  });
});

it('I4: after all of it each contact stands once on each side', async () => {
  expect((await flow.contacts()).length).toBe(hubspot.control.contactCount());
  expect((await flow.links()).filter((link) => link.tenantId === TENANT && link.bevatelId !== null && link.externalId !== null)).toHaveLength(hubspot.control.contactCount());
});
