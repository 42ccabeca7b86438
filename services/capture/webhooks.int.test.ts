import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { signV3, SIGNATURE_V3_HEADER, TIMESTAMP_HEADER } from '../../connectors/hubspot/signature.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { SyncError } from '../../schemas/errors.ts';
import { HINTS_TOPIC, topicName } from '../../schemas/topics.ts';
import type { CaptureRole } from './main.ts';
import { INTEGRATION, TENANT, openRig } from './testing/rig.ts';
import type { Rig } from './testing/rig.ts';

const stack = await isolatedStack('capture-webhooks');
let rig: Rig;
let capture: CaptureRole;

beforeAll(async () => {
  rig = await openRig(stack);
  await rig.apply();
  capture = await rig.start();
});
afterAll(async () => {
  await rig.close();
});

function event(recordId: string, more: Record<string, unknown> = {}) {
  return { eventId: 1, subscriptionId: 1, portalId: rig.hubspot.portalId, appId: rig.hubspot.appId, occurredAt: Date.now(), subscriptionType: 'contact.propertyChange', objectId: Number(recordId), propertyName: 'firstname', propertyValue: 'x', ...more };
}

interface Sent {
  readonly path?: string;
  readonly secret?: string;
  readonly timestampMs?: number;
  readonly headers?: Record<string, string>;
  readonly tamper?: (body: Buffer) => Buffer;
}

async function send(body: Buffer, { path = '/hooks/hubspot', secret = rig.hubspot.clientSecret, timestampMs = Date.now(), headers, tamper = (bytes) => bytes }: Sent = {}): Promise<number> {
  const signature = signV3({ secret, method: 'POST', url: `${capture.url}${path}`, body, timestampMs });
  const answer = await fetch(`${capture.url}${path}`, {
    method: 'POST', body: new Uint8Array(tamper(body)),
    headers: headers ?? { 'content-type': 'application/json', [SIGNATURE_V3_HEADER]: signature, [TIMESTAMP_HEADER]: String(timestampMs) },
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function hintsOnLog(): Promise<number> {
  const ranges = await rig.deps.kafka.ranges([topicName(stack.topicPrefix, HINTS_TOPIC)]);
  return ranges.reduce((sum, { high }) => sum + Number(high), 0);
}

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('what is refused publishes nothing and is counted', () => {
  const refused: readonly [what: string, reason: string, status: number, body: () => Buffer, sent: () => Sent][] = [
    ['a bad signature', 'bad_signature', 401, () => bytes([event('1')]), () => ({ secret: 'another secret' })],
    ['a body that was changed on its way', 'bad_signature', 401, () => bytes([event('1')]), () => ({ tamper: (body) => Buffer.concat([body, Buffer.from(' ')]) })],
    ['a stale timestamp', 'stale_timestamp', 401, () => bytes([event('1')]), () => ({ timestampMs: Date.now() - 301_000 })],
    ['no signature at all', 'missing_signature', 401, () => bytes([event('1')]), () => ({ headers: { 'content-type': 'application/json' } })],
    ['an oversized body', 'oversized', 413, () => Buffer.alloc(1_100_000, 32), () => ({})],
    ['a signed body that is not JSON', 'malformed', 400, () => Buffer.from('{'), () => ({})],
    ['a signed body of another shape', 'malformed', 400, () => bytes({ hello: 1 }), () => ({})],
    ['an unknown account', 'unknown_account', 404, () => bytes([event('1', { portalId: 99 })]), () => ({})],
    ['an unknown system', 'unknown_endpoint', 404, () => bytes([event('1')]), () => ({ path: '/hooks/nosuch' })],
    ['an unknown integration', 'unknown_endpoint', 404, () => bytes([event('1')]), () => ({ path: `/hooks/hubspot/${TENANT}/nosuch` })],
    ['the account of another integration on an endpoint of its own', 'unknown_account', 404, () => bytes([event('1', { portalId: 99 })]), () => ({ path: `/hooks/hubspot/${TENANT}/${INTEGRATION}` })],
  ];
  it.each(refused)('%s', async (_what, reason, status, body, sent) => {
    const [countedBefore, publishedBefore] = [await rig.metric('capture_webhooks_refused_total', { reason }), await hintsOnLog()];
    expect(await send(body(), sent())).toBe(status);
    expect(await rig.metric('capture_webhooks_refused_total', { reason })).toBe(countedBefore + 1);
    expect(await hintsOnLog()).toBe(publishedBefore);
  });

});

describe('the answer waits for Kafka', () => {
  /** Capture whose sends wait for, or fail at, what the test decides. */
  async function startGated(acknowledged: Promise<void>) {
    const kafka = { ...rig.deps.kafka, publisher: () => ({ publish: () => acknowledged, queued: () => 0, close: () => Promise.resolve() }) };
    return rig.start({ publicUrl: capture.url }, {}, { kafka });
  }
  async function post(url: string): Promise<Response> {
    const [body, timestampMs] = [bytes([event('1')]), Date.now()];
    const signature = signV3({ secret: rig.hubspot.clientSecret, method: 'POST', url: `${capture.url}/hooks/hubspot`, body, timestampMs });
    return fetch(`${url}/hooks/hubspot`, { method: 'POST', body: new Uint8Array(body), headers: { [SIGNATURE_V3_HEADER]: signature, [TIMESTAMP_HEADER]: String(timestampMs) } });
  }

  it('I7: a webhook is answered only after the acknowledgement', async () => {
    const gate = Promise.withResolvers<void>();
    const gated = await startGated(gate.promise);
    const { url } = gated;
    let answered = false;
    const answer = post(url).finally(() => { answered = true; });
    await vi.waitFor(async () => expect((await fetch(`${url}/health/live`)).status).toBe(200));
    expect(answered).toBe(false);
    gate.resolve();
    expect((await answer).status).toBe(200);
    await gated.stop();
  });

  it('without an acknowledgement it is 503, so that the sender tries again', async () => {
    const failed = Promise.reject(new SyncError('kafka_unavailable', 'no broker'));
    failed.catch(() => undefined);
    const gated = await startGated(failed);
    const answer = await post(gated.url);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    await gated.stop();
  });
});

describe('from an edit to a change', () => {
  it('a webhook becomes a hint, the hint a read, the read a full image on the live lane', async () => {
    rig.hubspot.control.configureWebhooks({ targetUrl: `${capture.url}/hooks/hubspot` });
    const created = rig.hubspot.control.create({ firstname: 'Noura', email: 'NOURA@example.test', phone: '0501234567', lastname: 'not mapped' });
    await vi.waitFor(() => expect(rig.changes('live').filter(({ recordId }) => recordId === created.id)).not.toHaveLength(0), { timeout: 15_000, interval: 20 });
    const change = rig.changes('live').findLast(({ recordId }) => recordId === created.id);
    expect(change).toMatchObject({
      tenantId: TENANT, side: 'external', integrationId: INTEGRATION, kind: 'image', capture: 'read', readById: true,
      image: { firstname: 'Noura', email: 'noura@example.test', phone: '0501234567', jobtitle: null }, revision: String(created.updatedAtMs),
    });
    expect(Object.keys(change?.histories ?? {})).toContain('firstname');
    expect(change?.observedFrom).toBeLessThanOrEqual(change?.observedTo ?? 0);
  });

  it('hints of one record that come together cost one read', async () => {
    rig.hubspot.control.configureWebhooks({ targetUrl: null });
    const { id } = rig.hubspot.control.create({ firstname: 'Once' });
    rig.hubspot.control.resetCounts();
    expect(await send(bytes(Array.from({ length: 50 }, () => event(id))))).toBe(200);
    await vi.waitFor(() => expect(rig.changes('live').some(({ recordId }) => recordId === id)).toBe(true), { timeout: 15_000, interval: 20 });
    expect(rig.hubspot.control.counts()['contacts.batchRead']).toBe(1);
    expect(rig.changes('live').filter(({ recordId }) => recordId === id)).toHaveLength(1);
  });

  it('I9: a deletion is read before it is believed, and a record that is still there is not deleted', async () => {
    const { id } = rig.hubspot.control.create({ firstname: 'Alive' });
    await send(bytes([event(id, { subscriptionType: 'contact.deletion', propertyName: undefined })]));
    await vi.waitFor(() => expect(rig.changes('live').find(({ recordId }) => recordId === id)?.kind).toBe('image'), { timeout: 15_000, interval: 20 });
    rig.hubspot.control.archive(id);
    await send(bytes([event(id, { subscriptionType: 'contact.deletion', propertyName: undefined })]));
    await vi.waitFor(() => expect(rig.changes('live').findLast(({ recordId }) => recordId === id)?.kind).toBe('deleted'), { timeout: 15_000, interval: 20 });
  });

  it('a privacy deletion is told at once, without a read', async () => {
    const { id } = rig.hubspot.control.create({ firstname: 'Forgotten' });
    rig.hubspot.control.resetCounts();
    await send(bytes([event(id, { subscriptionType: 'contact.privacyDeletion', propertyName: undefined })]));
    await vi.waitFor(() => expect(rig.changes('live').find(({ recordId }) => recordId === id)?.kind).toBe('erased'), { timeout: 15_000, interval: 20 });
    expect(rig.hubspot.control.counts()['contacts.batchRead'] ?? 0).toBe(0);
  });

  it('a merge is told with its survivor', async () => {
    const [kept, lost] = [rig.hubspot.control.create({ firstname: 'Kept' }), rig.hubspot.control.create({ firstname: 'Lost' })];
    rig.hubspot.control.merge(kept.id, lost.id);
    await send(bytes([event(kept.id, { subscriptionType: 'contact.merge', propertyName: undefined, primaryObjectId: Number(kept.id), mergedObjectIds: [Number(lost.id)], newObjectId: Number(kept.id) })]));
    await vi.waitFor(() => expect(rig.changes('live').find(({ recordId }) => recordId === lost.id)).toMatchObject({ kind: 'merged', mergedInto: kept.id }), { timeout: 15_000, interval: 20 });
    await vi.waitFor(() => expect(rig.changes('live').find(({ recordId }) => recordId === kept.id)).toMatchObject({ kind: 'image', mergedIds: [lost.id] }), { timeout: 15_000, interval: 20 });
  });
});
