/** What tests and the demo rely on beyond the wire format: faults, limits, index lag, webhook troubles, actors. */
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HubSpotSandbox } from './start.ts';
import { startHubSpotSandbox } from './start.ts';

let sandbox: HubSpotSandbox;
let nowMs: number;
const later: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  nowMs = 1_767_225_600_000;
  sandbox = await startHubSpotSandbox({ now: () => nowMs, uniqueProperties: ['bevatel_contact_id'] });
});
afterEach(async () => {
  await Promise.all([...later.splice(0).map((close) => close()), sandbox.stop()]);
});

const contactsPath = '/crm/v3/objects/contacts';
interface Answer { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> }
async function call(method: string, path: string, body?: unknown, token = sandbox.token): Promise<Answer> {
  const answer = await fetch(sandbox.url + path, {
    method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) as Record<string, unknown> };
}
const rename = (id: string, firstname: string) => call('PATCH', `${contactsPath}/${id}`, { properties: { firstname } });
const seedOne = (): string => sandbox.control.seed([{ firstname: 'old', email: 'one@x.test' }])[0] as string;

interface Event { readonly [key: string]: unknown }
async function receive(statuses: number[] = []): Promise<{ readonly url: string; readonly calls: Event[][] }> {
  const calls: Event[][] = [];
  const app = Fastify();
  app.post('/hook', async (request, reply) => {
    calls.push(request.body as Event[]);
    return reply.code(statuses.shift() ?? 200).send();
  });
  const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/hook`;
  later.push(() => app.close());
  return { url, calls };
}

describe('faults', () => {
  it('drops the answer of a write that was applied, or the call before it is', async () => {
    const id = seedOne();
    sandbox.control.addFault({ endpoint: 'contacts.update', fault: { kind: 'drop_after' }, times: 1 });
    await expect(rename(id, 'applied')).rejects.toThrow();
    expect(sandbox.control.contact(id)?.properties['firstname']).toBe('applied');
    sandbox.control.addFault({ endpoint: 'contacts.update', fault: { kind: 'drop_before' }, times: 1 });
    await expect(rename(id, 'never')).rejects.toThrow();
    expect(sandbox.control.contact(id)?.properties['firstname']).toBe('applied');
  });

  it('holds a call whose caller has left and lets it land late', async () => {
    const id = seedOne();
    sandbox.control.addFault({ endpoint: 'contacts.update', fault: { kind: 'hold_before' }, times: 1 });
    const left = new AbortController();
    const gone = fetch(`${sandbox.url}${contactsPath}/${id}`, {
      method: 'PATCH', signal: left.signal, body: JSON.stringify({ properties: { firstname: 'late' } }),
      headers: { authorization: `Bearer ${sandbox.token}`, 'content-type': 'application/json' },
    }).catch(() => 'left');
    await vi.waitFor(() => expect(sandbox.control.heldCount()).toBe(1));
    left.abort();
    expect(await gone).toBe('left');
    expect(sandbox.control.contact(id)?.properties['firstname']).toBe('old');
    sandbox.control.releaseHeld();
    await vi.waitFor(() => expect(sandbox.control.contact(id)?.properties['firstname']).toBe('late'));
  });

  it('answers a storm of 429 with the documented body, with and without Retry-After', async () => {
    sandbox.control.addFault({ fault: { kind: 'status', status: 429, policyName: 'SECONDLY' }, times: 1 });
    sandbox.control.addFault({ fault: { kind: 'status', status: 429, headers: { 'retry-after': '3' } }, times: 1 });
    const first = await call('GET', contactsPath);
    expect(first).toMatchObject({ status: 429, body: { errorType: 'RATE_LIMIT', policyName: 'SECONDLY' } });
    expect(first.headers.get('retry-after')).toBeNull();
    expect((await call('GET', contactsPath)).headers.get('retry-after')).toBe('3');
    expect((await call('GET', contactsPath)).status).toBe(200);
    expect(sandbox.control.counts()).toEqual({ 'contacts.list': 3 });
  });

  it('refuses a missing, wrong or revoked token', async () => {
    expect((await call('GET', contactsPath, undefined, 'wrong')).status).toBe(401);
    sandbox.control.revokeToken(sandbox.token);
    expect(await call('GET', contactsPath)).toMatchObject({ status: 401, body: { category: 'INVALID_AUTHENTICATION' } });
  });
});

describe('limits', () => {
  it('counts a rolling ten seconds, tells it in headers, and keeps search apart', async () => {
    sandbox.control.setLimits({ perTenSeconds: 2, perDay: 100, searchPerSecond: 1 });
    const first = await call('GET', contactsPath);
    const shown = ['max', 'remaining', 'interval-milliseconds', 'daily', 'daily-remaining'].map((name) => first.headers.get(`x-hubspot-ratelimit-${name}`));
    expect(shown).toEqual(['2', '1', '10000', '100', '99']);
    await call('GET', contactsPath);
    expect((await call('GET', contactsPath)).body['policyName']).toBe('TEN_SECONDLY_ROLLING');
    const search = await call('POST', `${contactsPath}/search`, {});
    expect([search.status, search.headers.get('x-hubspot-ratelimit-max')]).toEqual([200, null]);
    expect((await call('POST', `${contactsPath}/search`, {})).body['policyName']).toBe('SECONDLY');
    nowMs += 10_000;
    expect((await call('GET', contactsPath)).status).toBe(200);
  });
});

describe('search index', () => {
  it('shows a write only after its lag, while a read shows it at once', async () => {
    sandbox.control.setIndexLagMs(2_000);
    const id = seedOne();
    nowMs += 2_000;
    await rename(id, 'new');
    const found = async (): Promise<unknown> => (await call('POST', `${contactsPath}/search`, { properties: ['firstname'] })).body['results'];
    expect(await found()).toMatchObject([{ id, properties: { firstname: 'old' } }]);
    expect((await call('GET', `${contactsPath}/${id}?properties=firstname`)).body).toMatchObject({ properties: { firstname: 'new' } });
    nowMs += 2_000;
    expect(await found()).toMatchObject([{ id, properties: { firstname: 'new' } }]);
    sandbox.control.archive(id);
    nowMs += 2_000;
    expect(await found()).toEqual([]);
  });
});

describe('values', () => {
  it('keeps a lifecycle stage from going back until it is cleared', async () => {
    const id = seedOne();
    const stage = async (lifecyclestage: string): Promise<unknown> => (await call('PATCH', `${contactsPath}/${id}`, { properties: { lifecyclestage } })).body['properties'];
    expect(await stage('customer')).toMatchObject({ lifecyclestage: 'customer' });
    expect(await stage('lead')).toMatchObject({ lifecyclestage: 'customer' });
    await stage('');
    expect(await stage('lead')).toMatchObject({ lifecyclestage: 'lead' });
  });

  it('leaves no stamp and no history for a write that changes nothing', async () => {
    const id = seedOne();
    nowMs += 5;
    await rename(id, 'old');
    expect(sandbox.control.contact(id)).toMatchObject({ updatedAtMs: nowMs - 5, history: { firstname: [{ value: 'old' }] } });
  });

  it('limits a list with history to 50', async () => {
    expect((await call('GET', `${contactsPath}?limit=51&propertiesWithHistory=firstname`)).status).toBe(400);
    expect((await call('GET', `${contactsPath}?limit=50&propertiesWithHistory=firstname`)).status).toBe(200);
  });
});

describe('webhooks', () => {
  it('tells who wrote: people, our app, another app', async () => {
    const { url, calls } = await receive();
    sandbox.control.configureWebhooks({ targetUrl: url });
    const id = seedOne();
    sandbox.control.addApp('other', 777);
    sandbox.control.edit(id, { firstname: 'human' });
    await rename(id, 'ours');
    await call('PATCH', `${contactsPath}/${id}`, { properties: { firstname: 'theirs' } }, 'other');
    await vi.waitFor(() => expect(calls.flat()).toHaveLength(3));
    const told = calls.flat().map(({ subscriptionType, objectId, propertyValue, changeSource, sourceId }) => [subscriptionType, objectId, propertyValue, changeSource, sourceId]);
    const type = 'contact.propertyChange';
    expect(told).toEqual([
      [type, Number(id), 'human', 'CRM_UI', 'userId:55'],
      [type, Number(id), 'ours', 'INTEGRATION', String(sandbox.appId)],
      [type, Number(id), 'theirs', 'INTEGRATION', '777'],
    ]);
  });

  it('tells creation, deletion, restore, merge and erasure', async () => {
    const { url, calls } = await receive();
    const [a, b, c] = sandbox.control.seed([{ firstname: 'a' }, { firstname: 'b' }, { firstname: 'c' }]) as [string, string, string];
    sandbox.control.configureWebhooks({ targetUrl: url });
    sandbox.control.create({ firstname: 'd' });
    sandbox.control.archive(c);
    sandbox.control.restore(c);
    const survivor = sandbox.control.merge(a, b, { mintId: true });
    sandbox.control.erase(c);
    await vi.waitFor(() => expect(calls.flat()).toHaveLength(9));
    expect(calls.flat().map(({ subscriptionType }) => subscriptionType)).toEqual([
      'contact.creation', 'contact.propertyChange', 'contact.deletion', 'contact.restore', 'contact.merge',
      'contact.deletion', 'contact.deletion', 'contact.privacyDeletion', 'contact.deletion',
    ]);
    expect(calls.flat()[4]).toMatchObject({ primaryObjectId: Number(a), mergedObjectIds: [Number(b)], newObjectId: Number(survivor.id) });
  });

  it('retries with a growing attempt number until it is accepted', async () => {
    const { url, calls } = await receive([500, 401]);
    sandbox.control.configureWebhooks({ targetUrl: url, retryDelaysMs: [1, 1, 1] });
    sandbox.control.create({ firstname: 'a' });
    await vi.waitFor(() => expect(sandbox.control.webhookCounts()).toMatchObject({ calls: 3, failedCalls: 2, delivered: 2 }));
    expect(calls.map((events) => events[0]?.['attemptNumber'])).toEqual([0, 1, 2]);
  });

  it('loses and doubles as told, and splits at 100 events', async () => {
    const { url, calls } = await receive();
    const ids = sandbox.control.seed(Array.from({ length: 150 }, (_, index) => ({ firstname: `n${index}` })));
    sandbox.control.configureWebhooks({ targetUrl: url, loss: 1 });
    for (const id of ids) sandbox.control.edit(id, { city: 'a' });
    expect(sandbox.control.webhookCounts().lost).toBe(150);
    sandbox.control.configureWebhooks({ loss: 0, duplication: 1, reorder: true });
    for (const id of ids) sandbox.control.edit(id, { city: 'b' });
    await vi.waitFor(() => expect(calls.flat()).toHaveLength(300));
    expect(Math.max(...calls.map((events) => events.length))).toBe(100);
    expect(new Set(calls.flat().map(({ objectId }) => objectId)).size).toBe(150);
  });

  it('tells subscribed properties only', async () => {
    const { url, calls } = await receive();
    sandbox.control.configureWebhooks({ targetUrl: url, properties: ['phone'] });
    sandbox.control.edit(seedOne(), { city: 'a', phone: '1' });
    await vi.waitFor(() => expect(sandbox.control.webhooksIdle()).toBe(true));
    expect(calls.flat().map(({ propertyName }) => propertyName)).toEqual(['phone']);
  });
});

describe('control by HTTP', () => {
  it('plays the human, shows the state, and sets faults and webhooks', async () => {
    const id = seedOne();
    await call('POST', `/sandbox/contacts/${id}/edit`, { properties: { firstname: 'played' } });
    expect((await call('GET', `/sandbox/contacts/${id}`)).body).toMatchObject({ properties: { firstname: 'played' }, history: { firstname: [{ actor: { sourceType: 'CRM_UI' } }, {}] } });
    expect((await call('POST', '/sandbox/faults', { endpoint: 'contacts.list', fault: { kind: 'status', status: 503 } })).status).toBe(204);
    expect((await call('GET', contactsPath)).status).toBe(503);
    await call('DELETE', '/sandbox/faults');
    expect((await call('GET', contactsPath)).status).toBe(200);
    expect((await call('POST', '/sandbox/webhooks', { loss: 2 })).status).toBe(400);
    expect((await call('GET', '/sandbox')).body).toMatchObject({ contacts: 1, calls: { 'contacts.list': 2 } });
  });
});
