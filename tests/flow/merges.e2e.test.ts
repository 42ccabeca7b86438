/** Merges on either side, on the whole flow: links follow, losers are never taken for deletions, two stay two until somebody says so (I4, I9). */
import { Client } from '@hubspot/api-client';
import { afterEach, describe, expect, it } from 'vitest';
import { signV3, SIGNATURE_V3_HEADER, TIMESTAMP_HEADER } from '../../connectors/hubspot/signature.ts';
import type { Link } from '../../domain/link.ts';
import { zConflictList } from '../../schemas/api.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { startOperator } from './operator.ts';
import { Flow, HASTY, PUBLISH_KEY, SETTLE_MS, TENANT, until } from './rig.ts';
import type { Pair } from './rig.ts';

const flow = await Flow.open(await isolatedStack('merges'), { deliver: HASTY, integration: { guards: { merges: 'off' }, deletes: { to_external: 'archive', to_bevatel: 'delete', settleMs: SETTLE_MS }, poll: { everyMs: 500 } } });
const { hubspot, bevatel, deps } = flow;
await flow.apply();
await flow.startDeliver();
await flow.startReconcile();
const capture = await flow.startCapture();
await flow.untilQuiet();
const operator = await startOperator(flow);
/** HubSpot's own client, which nobody here wrote. */
const official = new Client({ accessToken: hubspot.token, basePath: hubspot.url }).crm.contacts.basicApi;

afterEach(() => { hubspot.control.setMergeMintsId(false); });

let made = 0;
/** `by: phone`: after a merge HubSpot keeps both addresses, and nobody else can have them. */
async function twoPairs(by: 'email' | 'phone' = 'email'): Promise<readonly [Pair, Pair]> {
  made += 1;
  const [one, two] = await flow.pairs(['one', 'two'].map((which, at) => ({
    contact_first_name: `${which} ${made}`, company_name: which, ...(by === 'email' ? { email: `${which}.${made}@merges.test` } : { phone_number: `+96650000${String(made).padStart(3, '0')}${at}` }),
  })));
  if (!one || !two) throw new Error('no pairs');
  return [one, two];
}

async function linksOf(...pairs: readonly Pair[]): Promise<Link[]> {
  const ids = new Set(pairs.flatMap(({ bevatelId, externalId }) => [bevatelId, externalId]));
  const survivors = pairs.flatMap(({ externalId }) => hubspot.control.contacts().filter(({ properties }) => properties['hs_merged_object_ids']?.split(';').includes(externalId)).map(({ id }) => id));
  return (await flow.links()).filter(({ bevatelId, externalId }) => ids.has(bevatelId ?? '') || ids.has(externalId ?? '') || survivors.includes(externalId ?? ''));
}

async function redirectOf(id: string): Promise<string | undefined> {
  return (await deps.pool.query<{ new_id: string }>('select new_id from redirects where old_id = $1', [id])).rows[0]?.new_id;
}

/** Late news of an id: HubSpot's webhook, and a change that Bevatel publishes. */
async function deletionTold(externalId: string): Promise<void> {
  const body = Buffer.from(JSON.stringify([{ eventId: 1, subscriptionId: 1, portalId: hubspot.portalId, appId: hubspot.appId, occurredAt: Date.now(), subscriptionType: 'contact.deletion', objectId: Number(externalId) }]));
  const url = `${capture.url}/hooks/hubspot`;
  const timestampMs = Date.now();
  const signature = signV3({ secret: hubspot.clientSecret, method: 'POST', url, body, timestampMs });
  const answer = await fetch(url, { method: 'POST', body: new Uint8Array(body), headers: { 'content-type': 'application/json', [SIGNATURE_V3_HEADER]: signature, [TIMESTAMP_HEADER]: String(timestampMs) } });
  expect(answer.ok).toBe(true);
}

async function published(...changes: readonly object[]): Promise<void> {
  const answer = await fetch(`${capture.url}/v1/bevatel/contacts/changes`, { method: 'POST', headers: { authorization: `Bearer ${PUBLISH_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ changes }) });
  expect(answer.status).toBe(202);
}

describe('by HubSpot\'s own client', () => {
  it.each([false, true])('I9: the link follows to the survivor (third id minted: %s), late news of the loser delete nobody, and edits go both ways', async (mints) => {
    made += 1;
    const pair = await flow.pair({ contact_first_name: `Primary ${made}`, email: `primary.${made}@merges.test`, company_name: 'o' });
    const second = hubspot.control.create({ firstname: `Secondary ${made}`, email: `secondary.${made}@merges.test` });
    await until('the second one has its contact', async () => (await flow.links()).some(({ bevatelId, externalId }) => externalId === second.id && bevatelId !== null));
    await flow.untilQuiet();
    const contacts = (await flow.contacts()).length;
    hubspot.control.setMergeMintsId(mints);
    const survivor = await official.merge({ primaryObjectId: pair.externalId, objectIdToMerge: second.id });
    const read = await official.getById(survivor.id, ['hs_merged_object_ids']);
    expect(read.properties['hs_merged_object_ids']?.split(';')).toEqual(mints ? [pair.externalId, second.id] : [second.id]);
    expect(survivor.id === pair.externalId).toBe(!mints);
    await until('the link follows', async () => (await flow.linkOf(pair.bevatelId)).externalId === survivor.id);
    await until('the id that went away leads to it', async () => (await redirectOf(second.id)) === survivor.id);
    await deletionTold(second.id);
    await flow.untilQuiet();
    expect(await flow.contacts()).toHaveLength(contacts);
    expect(hubspot.control.contact(survivor.id)?.archived).toBe(false);
    await flow.editContact(pair.bevatelId, { company_name: 'from Bevatel' });
    await until('HubSpot has it', () => hubspot.control.contact(survivor.id)?.properties['company'] === 'from Bevatel');
    hubspot.control.edit(survivor.id, { lastname: 'from HubSpot' });
    await until('Bevatel has it', async () => (await flow.contact(pair.bevatelId))?.fields['contact_last_name'] === 'from HubSpot');
    expect((await flow.links()).filter(({ externalId }) => externalId === survivor.id)).toHaveLength(1);
  });
});

describe('of two linked records', () => {
  it('I4: the partners wait for a word; merged by one command, one pair is left', async () => {
    const [one, two] = await twoPairs();
    hubspot.control.merge(one.externalId, two.externalId);
    await until('the other waits', async () => (await flow.linkOf(two.bevatelId)).state.hold?.kind === 'partner_merged');
    await flow.untilQuiet();
    expect(await flow.contact(two.bevatelId)).not.toBeNull();
    const { conflicts } = zConflictList.parse(await operator.call('GET', '/v1/conflicts'));
    const held = conflicts.find(({ bevatelId }) => bevatelId === two.bevatelId);
    expect(held).toMatchObject({ type: 'partner_merged', candidates: [(await flow.linkOf(one.bevatelId)).linkId] });
    await operator.call('POST', '/v1/conflicts/resolve', { id: held?.id, merge: true, tenant: undefined, integration: undefined });
    await until('Bevatel has one', async () => (await flow.contact(two.bevatelId)) === null);
    await until('one link is left', async () => (await linksOf(one, two)).length === 1);
    await flow.untilQuiet();
    expect(await linksOf(one, two)).toMatchObject([{ bevatelId: one.bevatelId, externalId: one.externalId }]);
    expect((await linksOf(one, two))[0]?.state).not.toHaveProperty('hold');
    expect(await redirectOf(two.bevatelId)).toBe(one.bevatelId);
    expect(hubspot.control.contact(one.externalId)?.archived).toBe(false);
  });

  it('I4: kept apart by one command, the one that was left gets a record of its own', async () => {
    const [one, two] = await twoPairs('phone');
    hubspot.control.merge(one.externalId, two.externalId);
    await until('the other waits', async () => (await flow.linkOf(two.bevatelId)).state.hold?.kind === 'partner_merged');
    await flow.untilQuiet();
    const held = zConflictList.parse(await operator.call('GET', '/v1/conflicts')).conflicts.find(({ bevatelId }) => bevatelId === two.bevatelId);
    await operator.call('POST', '/v1/conflicts/resolve', { id: held?.id, apart: true, tenant: undefined, integration: undefined });
    await until('it has a partner', async () => (await flow.linkOf(two.bevatelId)).externalId !== null && (await flow.linkOf(two.bevatelId)).state.hold === undefined);
    await flow.untilQuiet();
    const [left, other] = [await flow.linkOf(one.bevatelId), await flow.linkOf(two.bevatelId)];
    expect(left.externalId).toBe(one.externalId);
    expect(other.externalId).not.toBe(one.externalId);
    expect(flow.hubspotOf(two.bevatelId)?.id).toBe(other.externalId);
  });

  it.each<[string, 'bevatel' | 'external', boolean]>([
    ['HubSpot first', 'external', false], ['HubSpot first, minting an id', 'external', true], ['Bevatel first', 'bevatel', false],
  ])('I4: both sides merge the same two people, %s: one pair, and nothing is held', async (_order, first, mintId) => {
    const [one, two] = await twoPairs();
    const merges = { external: () => hubspot.control.merge(one.externalId, two.externalId, { mintId }), bevatel: () => flow.mergeContacts(two.bevatelId, one.bevatelId) };
    await merges[first]();
    await flow.untilQuiet();
    await merges[first === 'bevatel' ? 'external' : 'bevatel']();
    await until('one link is left', async () => (await linksOf(one, two)).length === 1);
    await flow.untilQuiet();
    const [link] = await linksOf(one, two);
    expect(link?.bevatelId).toBe(one.bevatelId);
    expect(link?.state.hold).toBeUndefined();
    expect(link?.state.absorbed).toBeUndefined();
    expect((await flow.decisions()).flatMap(({ groups }) => groups).some(({ conflict }) => conflict === 'merge_merge')).toBe(true);
  });

  it('I9: an old id that comes late from Bevatel is known: it makes nobody and deletes nobody', async () => {
    const [one, two] = await twoPairs();
    await flow.mergeContacts(two.bevatelId, one.bevatelId);
    hubspot.control.merge(one.externalId, two.externalId);
    await until('one link is left', async () => (await linksOf(one, two)).length === 1);
    await flow.untilQuiet();
    const before = { contacts: hubspot.control.contactCount(), links: (await flow.links()).length };
    await published({ recordId: two.bevatelId, revision: 1, kind: 'image', image: { contact_first_name: 'late' } }, { recordId: two.bevatelId, revision: 2, kind: 'deleted' });
    await until('they were decided', async () => (await deps.pool.query("select from decisions where groups::text like '%merged_into%'")).rowCount !== 0);
    await flow.untilQuiet();
    expect({ contacts: hubspot.control.contactCount(), links: (await flow.links()).length }).toEqual(before);
    expect((await flow.linkOf(one.bevatelId)).state.gone).toBeUndefined();
  });
});

describe('what comes out of a merge again', () => {
  it('a contact that was merged away in Bevatel and is brought back waits for a word, since it names the survivor\'s partner; then it gets one of its own', async () => {
    const [one, two] = await twoPairs('phone');
    await flow.mergeContacts(two.bevatelId, one.bevatelId);
    hubspot.control.merge(one.externalId, two.externalId);
    await until('one link is left', async () => (await linksOf(one, two)).length === 1);
    await flow.untilQuiet();
    await bevatel.control.sql('update contacts set deleted_at = null, merged_into = null where tenant_id = $1 and id = $2', [TENANT, two.bevatelId]);
    await until('it has a link, and waits', async () => (await flow.links()).some(({ bevatelId, state }) => bevatelId === two.bevatelId && state.hold?.kind === 'possible_duplicate'));
    await flow.untilQuiet();
    const held = zConflictList.parse(await operator.call('GET', '/v1/conflicts')).conflicts.find(({ bevatelId }) => bevatelId === two.bevatelId);
    await operator.call('POST', '/v1/conflicts/resolve', { id: held?.id, apart: true, tenant: undefined, integration: undefined });
    await until('it has a partner', async () => (await flow.linkOf(two.bevatelId)).externalId !== null);
    await flow.untilQuiet();
    expect((await flow.linkOf(two.bevatelId)).externalId).not.toBe((await flow.linkOf(one.bevatelId)).externalId);
    expect(await redirectOf(two.bevatelId)).toBeUndefined();
  });
});
