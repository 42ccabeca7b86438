/** An operator's words on who is whom, on the whole flow: nobody is doubled, and no record carries another's id (I4). */
import { expect, it } from 'vitest';
import { zLinksChange } from '../../schemas/api-identity.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { startOperator } from './operator.ts';
import { Flow, HASTY, INTEGRATION, until } from './rig.ts';
import type { Pair } from './rig.ts';

const flow = await Flow.open(await isolatedStack('rearranged'), { deliver: HASTY, integration: { poll: { everyMs: 500 } } });
const { hubspot } = flow;
await flow.start();
const operator = await startOperator(flow);

let made = 0;
async function pairs(count: number): Promise<Pair[]> {
  return flow.pairs(Array.from({ length: count }, () => {
    made += 1;
    return { contact_first_name: `Person ${made}`, phone_number: `+96650100${String(made).padStart(4, '0')}` };
  }));
}

async function order(path: string, body: object): Promise<void> {
  const { token } = zLinksChange.parse(await operator.call('POST', `/v1/links/${path}`, { ...body, dryRun: true }));
  zLinksChange.parse(await operator.call('POST', `/v1/links/${path}`, { ...body, dryRun: false, token }));
}

/** What either side says of its partner. */
async function named(bevatelId: string, externalId: string): Promise<unknown> {
  return [(await flow.contact(bevatelId))?.external_references[INTEGRATION] ?? null, hubspot.control.contact(externalId)?.properties['bevatel_contact_id'] ?? null];
}

async function untilNamed(bevatelId: string, externalId: string, names: readonly [string | null, string | null]): Promise<void> {
  await until(`they name ${names.join(' and ') || 'nobody'}`, async () => JSON.stringify(await named(bevatelId, externalId)) === JSON.stringify(names));
}

it('unlink: both give up the other\'s id, edits stay where they are, and the same number does not pair them again', async () => {
  const [pair] = await pairs(1);
  if (!pair) throw new Error('no pair');
  await order('unlink', { link: pair.bevatelId });
  await untilNamed(pair.bevatelId, pair.externalId, [null, null]);
  const count = hubspot.control.contactCount();
  await flow.editContact(pair.bevatelId, { contact_last_name: 'here' });
  hubspot.control.edit(pair.externalId, { lastname: 'there' });
  await flow.untilQuiet();
  expect((await flow.linkOf(pair.bevatelId)).externalId).toBeNull();
  expect((await flow.contact(pair.bevatelId))?.fields['contact_last_name']).toBe('here');
  expect(hubspot.control.contactCount()).toBe(count);

  await order('link', { a: `bevatel:${pair.bevatelId}`, b: `external:${pair.externalId}` });
  await untilNamed(pair.bevatelId, pair.externalId, [pair.externalId, pair.bevatelId]);
});

it('relink: two pairs that were crossed are put right, and each names its partner', async () => {
  const [one, two] = await pairs(2);
  if (!one || !two) throw new Error('no pairs');
  await order('relink', { a: one.bevatelId, b: two.externalId });
  await flow.untilQuiet();
  await order('relink', { a: two.bevatelId, b: one.externalId });
  await untilNamed(one.bevatelId, two.externalId, [two.externalId, one.bevatelId]);
  await untilNamed(two.bevatelId, one.externalId, [one.externalId, two.bevatelId]);
  await flow.untilQuiet();
  expect((await flow.links()).filter(({ bevatelId }) => bevatelId === one.bevatelId || bevatelId === two.bevatelId).map(({ externalId }) => externalId).toSorted()).toEqual([one.externalId, two.externalId].toSorted());
});

it('split: two people who share a number get a partner each', async () => {
  const [pair] = await pairs(1);
  if (!pair) throw new Error('no pair');
  await order('split', { link: pair.bevatelId });
  await until('each has a partner', async () => {
    const links = (await flow.links()).filter(({ bevatelId, externalId }) => bevatelId === pair.bevatelId || externalId === pair.externalId);
    return links.length === 2 && links.every(({ bevatelId, externalId, state }) => bevatelId !== null && externalId !== null && !state.hold);
  });
  await flow.untilQuiet();
  const partner = flow.hubspotOf(pair.bevatelId)?.id ?? '';
  expect(partner).not.toBe(pair.externalId);
  await untilNamed(pair.bevatelId, partner, [partner, pair.bevatelId]);
  const other = hubspot.control.contact(pair.externalId)?.properties['bevatel_contact_id'] ?? '';
  await untilNamed(other, pair.externalId, [pair.externalId, other]);
  expect(new Set([pair.bevatelId, other]).size).toBe(2);
  const phone = (await flow.contact(pair.bevatelId))?.fields['phone_number'];
  expect((await flow.contacts()).filter(({ fields }) => fields['phone_number'] === phone)).toHaveLength(2);
});
