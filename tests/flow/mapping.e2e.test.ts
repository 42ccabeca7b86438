/** Lenses and filters on the whole flow: typed attributes, options, an address, a template; who takes part and who does not. */
import { describe, expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, TENANT, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('mapping'), {
  integration: {
    match: ['email'],
    filter: { bevatel: { consent: { not: 'opted_out' } }, external: { hs_lead_status: { not: 'UNQUALIFIED' } }, leaving: 'freeze' },
    fields: [
      { lens: 'full_name', bevatel: 'contact_first_name', external: ['firstname', 'lastname'] },
      { bevatel: 'email', external: 'email', lens: 'email' },
      { bevatel: 'company_name', external: 'company', maxLength: 12, truncate: '…' },
      { bevatel: 'custom.staff', external: 'numemployees', lens: 'number' },
      { bevatel: 'custom.born', external: 'date_of_birth', lens: 'date' },
      { bevatel: 'custom.joined', external: 'joined_at', lens: 'datetime', dateOnly: 'bevatel', zone: 'Asia/Riyadh' },
      { bevatel: 'custom.vip', external: 'vip', lens: 'boolean', values: { true: 'نعم', false: 'لا' } },
      { bevatel: 'tags', external: 'segments', lens: 'set', values: { gold: 'Gold', silver: 'Silver' }, unknown: 'ignore' },
      { bevatel: 'custom.interests', external: 'interests', lens: 'set' },
      { lens: 'group', bevatel: 'custom.address', external: ['address', 'city', 'zip'], separator: '، ' },
      { lens: 'template', external: 'jobtitle', template: '{contact_first_name}[ – {company_name}]' },
      { bevatel: 'owner', external: 'fax', when: { bevatel: { tags: { contains: 'gold' } } }, direction: 'to_external' },
    ],
  },
});
const { hubspot, bevatel } = flow;
for (const name of ['joined_at', 'interests']) hubspot.control.addProperty(name);
hubspot.control.addProperty('vip', { options: ['نعم', 'لا'] });
hubspot.control.addProperty('segments', { options: ['Gold', 'Silver', 'Theirs'] });
hubspot.control.changeProperty('segments', { fieldType: 'checkbox' });

const [laila = '', outsider = ''] = await bevatel.control.seed(TENANT, [
  {
    fields: {
      contact_first_name: 'ليلى آل سعود', email: 'laila@acme.test', company_name: 'شركة الأفق للتجارة', tags: ['gold', 'mine'], owner: 'omar', consent: 'opted_in',
      custom: { staff: 12, born: '1990-05-01', joined: '2026-04-16', vip: true, interests: 'b;a', address: 'شارع العليا، الرياض، 12345' },
    },
  },
  { fields: { contact_first_name: 'Out', email: 'out@acme.test', consent: 'opted_out' } },
]);
const [unqualified = ''] = hubspot.control.seed([{ firstname: 'Un', lastname: 'Qualified', email: 'un@acme.test', hs_lead_status: 'UNQUALIFIED' }]);
await flow.start();

const outside = (): Readonly<Record<string, string>> => flow.hubspotOf(laila) ?? {};
const custom = async (): Promise<Readonly<Record<string, unknown>>> => (await flow.contact(laila))?.fields['custom'] as Readonly<Record<string, unknown>>;

describe('lenses', () => {
  it('write each value as the other side has it', () => {
    expect(outside()).toMatchObject({
      firstname: 'ليلى', lastname: 'آل سعود', company: 'شركة الأفق…', numemployees: '12', date_of_birth: '1990-05-01', joined_at: '2026-04-15T21:00:00.000Z',
      vip: 'نعم', segments: 'Gold', interests: 'a;b', address: 'شارع العليا', city: 'الرياض', zip: '12345', jobtitle: 'ليلى آل سعود – شركة الأفق للتجارة', fax: 'omar',
    });
  });

  it('bring edits back, and keep what the other side does not know', async () => {
    hubspot.control.edit(outside()['id'] ?? '', { lastname: 'Al Saud', numemployees: '13.0', vip: 'لا', segments: 'Silver;Theirs', interests: 'c', city: 'جدة', joined_at: '2026-04-17T09:00:00Z' });
    await until('Bevatel has the address', async () => (await custom())['address'] === 'شارع العليا، جدة، 12345');
    await flow.untilQuiet();
    expect((await flow.contact(laila))?.fields).toMatchObject({ contact_first_name: 'ليلى Al Saud', company_name: 'شركة الأفق للتجارة', tags: ['mine', 'silver'] });
    expect(await custom()).toMatchObject({ staff: 13, vip: false, interests: 'c', joined: '2026-04-17' });
    expect(outside()).toMatchObject({ segments: 'Silver;Theirs', joined_at: '2026-04-17T09:00:00Z', company: 'شركة الأفق…', jobtitle: 'ليلى Al Saud – شركة الأفق للتجارة' });
  });

  it('a field whose condition does not hold any more keeps what it has', async () => {
    await flow.editContact(laila, { owner: 'huda', company_name: 'قصير' });
    await until('the company is out', () => outside()['company'] === 'قصير');
    await flow.untilQuiet();
    expect(outside()['fax']).toBe('omar');
    expect((await flow.linkOf(laila)).state.groups['owner']).toMatchObject({ skipped: 'when:bevatel' });
  });
});

describe('a filter', () => {
  it('I4: creates nobody for who is outside, on neither side, until they are inside', async () => {
    expect(hubspot.control.contactCount()).toBe(2);
    expect(await flow.contacts()).toHaveLength(2);
    expect((await flow.verdicts(outsider, '*'))[0]).toMatchObject({ verdict: 'skipped', rule: 'filtered:bevatel' });
    await flow.editContact(outsider, { consent: 'opted_in' });
    hubspot.control.edit(unqualified, { hs_lead_status: 'OPEN' });
    await until('both have partners', async () => flow.hubspotOf(outsider) !== null && (await flow.contacts()).some(({ fields }) => fields['email'] === 'un@acme.test'));
    await flow.untilQuiet();
    expect([hubspot.control.contactCount(), (await flow.contacts()).length]).toEqual([3, 3]);
  });

  it('freezes a pair that leaves, and goes on where it stopped when it is back', async () => {
    await flow.editContact(laila, { consent: 'opted_out', company_name: 'meanwhile' });
    await until('it is known to be outside', async () => (await flow.linkOf(laila)).state.groups['company_name']?.skipped === 'filtered:bevatel');
    await flow.untilQuiet();
    expect(outside()['company']).toBe('قصير');
    await flow.editContact(laila, { consent: 'opted_in' });
    await until('the edit goes out', () => outside()['company'] === 'meanwhile');
  });
});
