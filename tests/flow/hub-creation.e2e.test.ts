/** I4, hub and spoke: a person that two HubSpots of one tenant bring is made in Bevatel once, and has no second record anywhere. */
import { describe, expect, it } from 'vitest';
import type { HubSpotSandbox } from '../../connectors/hubspot/sandbox/start.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, HASTY, INTEGRATION, SETTLE_MS, until } from './rig.ts';

const SETTINGS = { poll: { everyMs: 500 }, deletes: { to_external: 'archive', to_bevatel: 'delete', versusEdit: 'edit_wins', settleMs: SETTLE_MS } };
const SECOND = 'crm2';
const flow = await Flow.open(await isolatedStack('hub_creation'), { integration: SETTINGS, deliver: HASTY });
const { hubspot, bevatel } = flow;
const second = await flow.addHubSpot(SECOND, { portalId: 5_151, appId: 9_500 }, SETTINGS);
const ids = { both: ['Both', 'Twice', 'Again'].map((name) => [bring(hubspot, name), bring(second, name)] as const), first: bring(hubspot, 'OnlyFirst'), second: bring(second, 'OnlySecond') };
await flow.start();

function mailOf(name: string): string {
  return `${name.toLowerCase()}@acme.test`;
}

function bring(system: HubSpotSandbox, name: string, more: Readonly<Record<string, string>> = {}): string {
  return system.control.create({ firstname: name, email: mailOf(name), ...more }).id;
}

function contactsOf(name: string) {
  return flow.contacts().then((all) => all.filter(({ fields }) => fields['email'] === mailOf(name)));
}

function recordsOf(system: HubSpotSandbox, name: string): string[] {
  return system.control.contacts().filter(({ archived, properties }) => !archived && properties['email'] === mailOf(name)).map(({ id }) => id);
}

/** Resolves when everything is at rest; then the person is there once everywhere, tied together, and nobody is held. */
async function expectOnce(name: string, first: string, other: string): Promise<void> {
  await until(`${name} is tied to both`, async () => {
    const [contact] = await contactsOf(name);
    return contact?.external_references[INTEGRATION] === first && contact.external_references[SECOND] === other;
  });
  await flow.untilQuiet();
  const contacts = await contactsOf(name);
  expect(contacts).toHaveLength(1);
  expect([recordsOf(hubspot, name), recordsOf(second, name)]).toEqual([[first], [other]]);
  const links = (await flow.links()).filter(({ bevatelId }) => bevatelId === contacts[0]?.id);
  expect(links.map(({ integrationId, externalId, state }) => [integrationId, externalId, state.hold])).toEqual(expect.arrayContaining([[INTEGRATION, first, undefined], [SECOND, other, undefined]]));
  expect(links).toHaveLength(2);
}

const BOTH_ORDERS: readonly (readonly [string, HubSpotSandbox, HubSpotSandbox])[] = [[INTEGRATION, hubspot, second], [SECOND, second, hubspot]];

/** The one brings the person; the other does when that one's creation has reached Bevatel. */
async function oneAfterTheOther(name: string, one: HubSpotSandbox, other: HubSpotSandbox, more: Readonly<Record<string, string>> = {}): Promise<{ readonly first: string; readonly other: string }> {
  const { calls } = bevatel.control.counters().batchWrite;
  const early = bring(one, name, more);
  await until('the first creation is under way', () => bevatel.control.counters().batchWrite.calls > calls);
  const late = bring(other, name);
  return one === hubspot ? { first: early, other: late } : { first: late, other: early };
}

describe('at the first sync', () => {
  it('who is in both HubSpots and not in Bevatel is made there once', async () => {
    for (const [index, [first, other]] of ids.both.entries()) await expectOnce(['Both', 'Twice', 'Again'][index] ?? '', first, other);
  });

  it('who is in one of them is made in Bevatel and in the other', async () => {
    await expectOnce('OnlyFirst', ids.first, recordsOf(second, 'OnlyFirst')[0] ?? '');
    await expectOnce('OnlySecond', recordsOf(hubspot, 'OnlySecond')[0] ?? '', ids.second);
  });
});

describe.each(BOTH_ORDERS)('later, when %s is first', (system, one, other) => {
  it('both bring a new person at the same moment', async () => {
    const [early, late] = [bring(one, `Moment-${system}`), bring(other, `Moment-${system}`)];
    await (one === hubspot ? expectOnce(`Moment-${system}`, early, late) : expectOnce(`Moment-${system}`, late, early));
  });

  it('the second brings the person while the first one\'s creation is under way', async () => {
    bevatel.control.fault({ kind: 'delay', ms: 700, endpoint: 'batchWrite' });
    const brought = await oneAfterTheOther(`Slow-${system}`, one, other);
    await expectOnce(`Slow-${system}`, brought.first, brought.other);
  });

  it('the answer to the first one\'s creation is lost', async () => {
    bevatel.control.fault({ kind: 'dropAnswer', endpoint: 'batchWrite' });
    const brought = await oneAfterTheOther(`Lost-${system}`, one, other);
    await expectOnce(`Lost-${system}`, brought.first, brought.other);
  });

  it('the first one\'s call never arrives', async () => {
    bevatel.control.fault({ kind: 'hang', endpoint: 'batchWrite' });
    const brought = await oneAfterTheOther(`Hung-${system}`, one, other);
    await expectOnce(`Hung-${system}`, brought.first, brought.other);
    bevatel.control.clearFaults();
  });

  it('the first one\'s creation is refused for good: the second goes on, and the first is matched with what it made', async () => {
    bevatel.control.fault({ kind: 'delay', ms: 700, endpoint: 'batchWrite' });
    const brought = await oneAfterTheOther(`Refused-${system}`, one, other, { company: 'x'.repeat(300) });
    await expectOnce(`Refused-${system}`, brought.first, brought.other);
  });

  it('both had the contact, it is deleted, and both were edited since: it is made again once, and the other follows', async () => {
    const name = `Revived-${system}`;
    const email = mailOf(name);
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: name, email });
    await until('the second HubSpot has it too', () => second.control.findBy('bevatel_contact_id', bevatelId) !== undefined);
    await flow.untilQuiet();
    const beside = second.control.findBy('bevatel_contact_id', bevatelId)?.id ?? '';
    await flow.withoutDelivery(async () => {
      one.control.edit(one === hubspot ? externalId : beside, { company: 'from the one' });
      other.control.edit(one === hubspot ? beside : externalId, { lastname: 'from the other' });
      await until('both edits are known', async () => (await linksOf(bevatelId)).every(({ state }) => Object.values(state.groups).some(({ wanted }) => wanted?.side === 'bevatel')));
      await flow.deleteContact(bevatelId);
      await until('both know of the deletion', async () => (await linksOf(bevatelId)).every(({ state }) => state.gone?.bevatel !== undefined));
    });
    await expectOnce(name, externalId, beside);
    expect((await contactsOf(name))[0]?.fields).toMatchObject({ company_name: 'from the one', contact_last_name: 'from the other' });
  });
});

async function linksOf(bevatelId: string) {
  return (await flow.links()).filter((link) => link.bevatelId === bevatelId);
}
