/** Two HubSpots of one tenant: what is edited in one reaches Bevatel and the other, once (design §5, §6). */
import { expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, until } from './rig.ts';

const TOLERANCE_MS = 300;
/** Nothing is polled while a test runs. */
const SETTINGS = { conflicts: { policy: 'latest_wins', toleranceMs: TOLERANCE_MS, fallback: 'manual' }, poll: { everyMs: 3_600_000 } };
const flow = await Flow.open(await isolatedStack('hub'), { integration: SETTINGS });
const { hubspot, bevatel } = flow;
const second = await flow.addHubSpot('crm2', { portalId: 5_151, appId: 9_500 }, SETTINGS);
await flow.start();

function inSecond(bevatelId: string): Readonly<Record<string, string>> | undefined {
  return second.control.findBy('bevatel_contact_id', bevatelId)?.properties;
}

async function newPair(name: string): Promise<{ bevatelId: string; first: string; second: string }> {
  const { bevatelId, externalId } = await flow.pair({ contact_first_name: name, email: `${name.toLowerCase()}@acme.test`, company_name: 'o' });
  await until('the second HubSpot has it too', () => inSecond(bevatelId) !== undefined);
  await flow.untilQuiet();
  return { bevatelId, first: externalId, second: second.control.findBy('bevatel_contact_id', bevatelId)?.id ?? '' };
}

it('I3: an edit in one HubSpot reaches Bevatel and the other HubSpot, written once on each, and comes to rest', async () => {
  const ids = await newPair('Spoke');
  const version = (await flow.contact(ids.bevatelId))?.version ?? 0;
  const editedAt = hubspot.control.edit(ids.first, { company: 'from one' }).history['company']?.[0]?.timestampMs ?? 0;
  await until('the second has it', () => inSecond(ids.bevatelId)?.['company'] === 'from one');
  await flow.untilQuiet();
  expect(await flow.contact(ids.bevatelId)).toMatchObject({ version: version + 1, fields: { company_name: 'from one' } });
  expect(flow.historyOf(ids.first, 'company')).toEqual(['o by app 9000', 'from one by a human']);
  expect(second.control.contact(ids.second)?.history['company']?.map(({ value }) => value)).toEqual(['from one', 'o']);
  const links = (await flow.links()).filter(({ bevatelId }) => bevatelId === ids.bevatelId);
  expect(links.map(({ integrationId }) => integrationId).toSorted()).toEqual(['crm', 'crm2']);
  // I5: on both links the value carries the time and actor of its source, not of our writes.
  for (const { state } of links) expect(state.seen.bevatel?.times['company_name']).toMatchObject({ from: editedAt, to: editedAt, actor: 'user:55' });
});

it('I5: a later edit in the second HubSpot is not beaten by the time at which we wrote the first one\'s into Bevatel (trace 5)', async () => {
  const ids = await newPair('Later');
  const writes = bevatel.control.counters().batchWrite.calls;
  bevatel.control.fault({ kind: 'delay', ms: 2_000, endpoint: 'batchWrite' });
  second.control.configureWebhooks({ loss: 1 });
  hubspot.control.edit(ids.first, { company: 'earlier' });
  const firstAt = Date.now();
  await until('the write to Bevatel is under way', () => bevatel.control.counters().batchWrite.calls > writes);
  await until('the tolerance is over', () => Date.now() > firstAt + TOLERANCE_MS + 100);
  // Made before our write lands in Bevatel, seen by the guard of the write that follows from it.
  second.control.edit(ids.second, { company: 'later' });
  await until('the later edit is everywhere', async () =>
    (await flow.contact(ids.bevatelId))?.fields['company_name'] === 'later' && hubspot.control.contact(ids.first)?.properties['company'] === 'later' && inSecond(ids.bevatelId)?.['company'] === 'later');
  second.control.configureWebhooks({ loss: 0 });
  await flow.untilQuiet();
  const said = (await flow.verdicts(ids.bevatelId, 'company_name')).filter(({ conflict }) => conflict !== undefined);
  expect(said.length).toBeGreaterThan(0);
  for (const one of said) expect(one).toMatchObject({ verdict: 'conflict_resolved', rule: 'policy:latest_wins', bevatel: ['earlier'], external: ['later'], writeTo: 'bevatel' });
  expect(second.control.contact(ids.second)?.history['company']?.map(({ value }) => value)).toEqual(['later', 'o']);
});

it('I1: an edit in Bevatel reaches both', async () => {
  const ids = await newPair('Hub');
  await flow.editContact(ids.bevatelId, { company_name: 'from the hub' });
  await until('both have it', () => hubspot.control.contact(ids.first)?.properties['company'] === 'from the hub' && inSecond(ids.bevatelId)?.['company'] === 'from the hub');
  await flow.untilQuiet();
});
