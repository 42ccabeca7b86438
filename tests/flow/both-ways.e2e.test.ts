/** The main job: contacts of both sides become pairs, and edits of either side reach the other. */
import { describe, expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, TENANT, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('both_ways'));
const { hubspot, bevatel } = flow;

const [shared = '', onlyBevatel = ''] = await bevatel.control.seed(TENANT, [
  { fields: { contact_first_name: 'محمد', contact_last_name: 'العتيبي', phone_number: '+966501234567', email: 'm@acme.test' } },
  { fields: { contact_first_name: 'Sara', phone_number: '+966551234567', company_name: 'نور 🌙' } },
]);
const [partner = '', onlyHubSpot = ''] = hubspot.control.seed([
  { firstname: 'محمد', lastname: 'العتيبي', phone: '050 123 4567', email: 'm@acme.test' },
  { firstname: 'Omar', email: 'omar@acme.test', phone: '+20 100 123 4567' },
]);

describe('main job', () => {
  it('I4: initial sync links the same person and creates each missing partner once', async () => {
    await flow.start();
    const links = await flow.links();
    expect(links).toHaveLength(3);
    expect(links.every((link) => link.bevatelId !== null && link.externalId !== null)).toBe(true);
    expect((await flow.linkOf(shared)).externalId).toBe(partner);
    expect(hubspot.control.contactCount()).toBe(3);
    expect(await flow.contacts()).toHaveLength(3);
    expect(flow.hubspotOf(onlyBevatel)).toMatchObject({ firstname: 'Sara', company: 'نور 🌙', phone: '+966551234567' });
    const created = (await flow.contacts()).find((one) => one.external_references['crm'] === onlyHubSpot);
    expect(created?.fields).toMatchObject({ contact_first_name: 'Omar', email: 'omar@acme.test', phone_number: '+201001234567' });
  });

  it('writes a phone only where it differs, not where it is spelt otherwise', () => {
    expect(hubspot.control.contact(partner)?.properties['phone']).toBe('050 123 4567');
  });

  it('I1: an edit in Bevatel reaches HubSpot, and one in HubSpot reaches Bevatel', async () => {
    await flow.editContact(shared, { company_name: 'شركة النور' });
    await until('HubSpot has the company', () => flow.hubspotOf(shared)?.['company'] === 'شركة النور');
    hubspot.control.edit(partner, { lastname: 'الحربي' });
    await until('Bevatel has the name', async () => (await flow.contact(shared))?.fields['contact_last_name'] === 'الحربي');
  });

  it('an edit by SQL on the table counts like any other', async () => {
    await bevatel.control.sql("update contacts set contact_first_name = 'أحمد' where id = $1", [shared]);
    await until('HubSpot has the name', () => flow.hubspotOf(shared)?.['firstname'] === 'أحمد');
  });

  it('I3: our own writes cause no further writes', async () => {
    await flow.untilQuiet();
    const before = { hubspot: hubspot.control.contact(partner)?.updatedAtMs, bevatel: (await flow.contact(shared))?.version };
    await flow.editContact(onlyBevatel, { company_name: 'after' });
    await until('the later edit arrived', () => flow.hubspotOf(onlyBevatel)?.['company'] === 'after');
    await flow.untilQuiet();
    expect({ hubspot: hubspot.control.contact(partner)?.updatedAtMs, bevatel: (await flow.contact(shared))?.version }).toEqual(before);
  });

  it('a contact that is created later on either side is created once on the other', async () => {
    const id = await flow.createContact({ contact_first_name: 'Layla', email: 'layla@acme.test' });
    await until('HubSpot has her', () => flow.hubspotOf(id)?.['email'] === 'layla@acme.test');
    const made = hubspot.control.create({ firstname: 'Huda', email: 'huda@acme.test' });
    await until('Bevatel has her', async () => (await flow.contacts()).some((one) => one.external_references['crm'] === made.id));
    await flow.untilQuiet();
    expect(hubspot.control.contactCount()).toBe(5);
    expect(await flow.contacts()).toHaveLength(5);
  });
});
