/** The policy `unlink`: the pair is dissolved, and neither record is given or matched with the other again (I4, I9). */
import { describe, expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, SETTLE_MS, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('unlink'), {
  integration: { deletes: { to_external: 'unlink', to_bevatel: 'unlink', settleMs: SETTLE_MS }, poll: { everyMs: 500 } },
});
const { hubspot } = flow;
await flow.start();

describe('unlink', () => {
  it('the contact stays, no record is made from it again, and the same record is not matched when it comes back', async () => {
    const pair = await flow.pair({ contact_first_name: 'Parted', email: 'parted@acme.test', company_name: 'o' });
    hubspot.control.archive(pair.externalId);
    await until('they are parted', async () => (await flow.linkOf(pair.bevatelId)).externalId === null);
    const count = hubspot.control.contactCount();
    await flow.editContact(pair.bevatelId, { company_name: 'edited' });
    await until('the edit is seen', async () => (await flow.linkOf(pair.bevatelId)).state.seen.bevatel?.values['company_name'] === 'edited');
    await flow.untilQuiet();
    expect(hubspot.control.contactCount()).toBe(count);

    const contacts = (await flow.contacts()).length;
    hubspot.control.restore(pair.externalId);
    await until('the record has a link of its own', async () => (await flow.links()).some(({ externalId }) => externalId === pair.externalId));
    await flow.untilQuiet();
    const back = (await flow.links()).find(({ externalId }) => externalId === pair.externalId);
    expect(back).toMatchObject({ bevatelId: null, state: { apart: [{ side: 'bevatel', id: pair.bevatelId }], alone: { reason: 'unlinked' } } });
    expect(back?.state.hold).toBeUndefined();
    expect(await flow.contacts()).toHaveLength(contacts);
    expect(hubspot.control.contact(pair.externalId)?.properties['company']).toBe('o');
  });

  it('I4: another record of the same person is matched, and nobody is created', async () => {
    const pair = await flow.pair({ contact_first_name: 'Returned', email: 'returned@acme.test', company_name: 'o' });
    hubspot.control.archive(pair.externalId);
    await until('they are parted', async () => (await flow.linkOf(pair.bevatelId)).externalId === null);
    await flow.untilQuiet();
    const contacts = (await flow.contacts()).length;
    const again = hubspot.control.create({ firstname: 'Returned', email: 'returned@acme.test' });
    await until('they are linked', async () => (await flow.linkOf(pair.bevatelId)).externalId === again.id);
    await until('it is completed', () => hubspot.control.contact(again.id)?.properties['company'] === 'o');
    await flow.untilQuiet();
    expect(await flow.contacts()).toHaveLength(contacts);
    expect((await flow.linkOf(pair.bevatelId)).state).toMatchObject({ apart: [{ id: pair.externalId }] });
    expect((await flow.linkOf(pair.bevatelId)).state.alone).toBeUndefined();
  });
});
