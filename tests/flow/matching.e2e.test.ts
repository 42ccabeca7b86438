/** Matching: who is who when it is not plain, and nothing is created where that is not known (design §5; I4). */
import { describe, expect, it } from 'vitest';
import type { Link } from '../../domain/link.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, TENANT, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('matching'));
const { hubspot, bevatel } = flow;

const [father = '', mother = '', twinOne = '', twinTwo = '', ...alike] = await bevatel.control.seed(TENANT, [
  { fields: { contact_first_name: 'محمد', contact_last_name: 'القحطاني', phone_number: '+966500000002' } },
  { fields: { contact_first_name: 'نورة', contact_last_name: 'العتيبي', phone_number: '+966500000002' } },
  // The same number twice: whose is HubSpot's?
  { fields: { contact_first_name: 'Twin One', phone_number: '+966500000001' } },
  { fields: { contact_first_name: 'Twin Two', phone_number: '+966500000001' } },
  ...Array.from({ length: 40 }, (_, index) => ({ fields: { contact_first_name: `Alike ${index}`, email: `alike${index}@acme.test` } })),
]);
const [motherThere = '', fatherThere = '', ofTwins = ''] = hubspot.control.seed([
  { firstname: 'Noura', lastname: 'Al-Otaibi', phone: '050 000 0002' },
  { firstname: 'Mohammed', lastname: 'Al Qahtani', phone: '00966500000002' },
  { firstname: 'Twin', phone: '050 000 0001' },
  ...Array.from({ length: 40 }, (_, index) => ({ firstname: `Alike ${index}`, email: `ALIKE${index}@acme.test` })),
]);
await flow.start();

async function linksOf(...ids: readonly string[]): Promise<Link[]> {
  return (await flow.links()).filter((link) => ids.includes(link.bevatelId ?? '') || ids.includes(link.externalId ?? ''));
}

function candidatesOf(link: Link | undefined): string[] {
  const hold = link?.state.hold;
  return hold && 'candidates' in hold ? [...hold.candidates].toSorted() : [];
}

it('I4: one number, two contacts: all three are held with their candidates named, and nobody is created for any, whoever came first', async () => {
  const [link] = await linksOf(ofTwins);
  const twins = await linksOf(twinOne, twinTwo);
  expect(link).toMatchObject({ bevatelId: null, state: { hold: { kind: 'multi_match', rule: 'phone' } } });
  expect(candidatesOf(link)).toEqual(twins.map(({ linkId }) => linkId).toSorted());
  for (const twin of twins) {
    expect(twin).toMatchObject({ externalId: null, state: { hold: { kind: 'multi_match' } } });
    expect(candidatesOf(twin)).toEqual([link?.linkId]);
    expect(flow.hubspotOf(twin.bevatelId ?? '')).toBeNull();
  }
});

it('I4: a number that a family shares: each is found by the name, in either script', async () => {
  for (const [bevatelId, externalId] of [[father, fatherThere], [mother, motherThere]]) {
    expect((await linksOf(bevatelId ?? ''))[0]).toMatchObject({ bevatelId, externalId });
  }
});

it('I4: the same forty people on both sides, spelt otherwise, in whatever batches they came: linked once each', async () => {
  expect(alike).toHaveLength(40);
  const links = await linksOf(...alike);
  expect(links).toHaveLength(40);
  expect(links.every(({ externalId }) => externalId !== null)).toBe(true);
  expect(new Set(links.map(({ externalId }) => externalId)).size).toBe(40);
});

describe('the same person made on both sides at the same time', () => {
  it('I4: becomes one pair, or is held as a possible duplicate: never two of them on a side', async () => {
    const count = hubspot.control.contactCount();
    const made = hubspot.control.create({ firstname: 'At Once', email: 'at.once@acme.test' });
    const id = await flow.createContact({ contact_first_name: 'At Once', email: 'at.once@acme.test' });
    await until('both are known', async () => (await linksOf(id)).length === 1 && (await linksOf(made.id)).length === 1);
    await flow.untilQuiet();
    expect(hubspot.control.contactCount()).toBe(count + 1);
    const contacts = (await flow.contacts()).filter(({ fields }) => fields['email'] === 'at.once@acme.test');
    const links = await linksOf(id, made.id);
    if (contacts.length > 1) expect(links.some(({ state }) => state.hold?.kind === 'possible_duplicate')).toBe(true);
    else expect(links.map(({ bevatelId, externalId }) => ({ bevatelId, externalId }))).toEqual([{ bevatelId: id, externalId: made.id }]);
  });

  it('I4: while the create of the partner is under way: the newcomer waits for the outcome and is held', async () => {
    hubspot.control.addFault({ endpoint: 'contacts.batchUpsert', fault: { kind: 'hold_before' }, times: 1 });
    const id = await flow.createContact({ contact_first_name: 'Reserved', phone_number: '+966500000099' });
    await until('the create is under way', () => hubspot.control.heldCount() === 1);
    const made = hubspot.control.create({ firstname: 'Reserved', phone: '050 000 0099' });
    await until('the newcomer is known', async () => (await linksOf(made.id)).length === 1);
    expect((await linksOf(made.id))[0]?.state.hold).toMatchObject({ kind: 'possible_duplicate' });
    hubspot.control.releaseHeld();
    await until('the create is done', async () => (await linksOf(id))[0]?.externalId !== null);
    await flow.untilQuiet();
    expect((await flow.contacts()).filter(({ fields }) => fields['phone_number'] === '+966500000099')).toHaveLength(1);
    expect((await linksOf(made.id))[0]).toMatchObject({ bevatelId: null });
  });
});
