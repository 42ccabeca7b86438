import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Redis } from 'ioredis';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { connectRedis } from '../../runtime/redis.ts';
import { SyncError } from '../../schemas/errors.ts';
import { changesTopic, topicName } from '../../schemas/topics.ts';
import type { CaptureRole } from './main.ts';
import { PUBLISH_KEY, TENANT, openRig } from './testing/rig.ts';
import type { Rig } from './testing/rig.ts';

const stack = await isolatedStack('capture-publish');
const PATIENT = { timeout: 20_000, interval: 20 };
let rig: Rig;
let capture: CaptureRole;
let redis: Redis;

beforeAll(async () => {
  rig = await openRig(stack);
  redis = await connectRedis({ url: stack.redisUrl, logger: rig.deps.logger });
  capture = await rig.start({}, {}, { redis });
});
afterAll(async () => {
  await rig.close();
  await redis.quit();
});

interface Answer {
  readonly status: number;
  readonly replayed: boolean;
  readonly body: { readonly results?: readonly { index: number; status: string; changeId: string | null; faults: readonly { path: string; message: string }[] }[]; readonly error?: { code: string; advice: string; faults?: readonly { path: string }[] } };
}

async function post(body: unknown, { key = PUBLISH_KEY, url = capture.url, headers = {} }: { readonly key?: string | null; readonly url?: string; readonly headers?: Record<string, string> } = {}): Promise<Answer> {
  const answer = await fetch(`${url}/v1/bevatel/contacts/changes`, {
    method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
  });
  return { status: answer.status, replayed: answer.headers.get('idempotent-replay') === 'true', body: await answer.json() as Answer['body'] };
}

async function landed(): Promise<number> {
  const ranges = await rig.deps.kafka.ranges([topicName(stack.topicPrefix, changesTopic('live'))]);
  return ranges.reduce((sum, { high }) => sum + Number(high), 0);
}

describe('one change', () => {
  it('is on the live lane when it is answered, as change data capture would show it', async () => {
    const answer = await post({
      recordId: 'c_1', revision: 7, image: { contact_first_name: 'نورة', tags: ['vip'], 'custom.job_title': 'x', email: null },
      fieldTimes: { contact_first_name: { at: 1_700_000_000_000, actor: 'user:ali' } }, modifiedAt: 1_700_000_000_000, references: { crm: '55' },
    });
    expect(answer.status).toBe(202);
    expect(await landed()).toBe(1);
    await vi.waitFor(() => expect(rig.changes('live').find(({ recordId }) => recordId === 'c_1')).toMatchObject({
      changeId: answer.body.results?.[0]?.changeId, tenantId: TENANT, side: 'bevatel', integrationId: null, kind: 'image', revision: '7', capture: 'publish', readById: false,
      image: { contact_first_name: 'نورة', tags: ['vip'], 'custom.job_title': 'x', email: null }, fieldTimes: { contact_first_name: { at: 1_700_000_000_000, actor: 'user:ali' } },
      modifiedAt: 1_700_000_000_000, references: { crm: '55' },
    }), PATIENT);
  });

  it('that breaks a type rule is accepted: the reconciler quarantines it with its bytes', async () => {
    expect((await post({ recordId: 'c_2', revision: '1', image: { email: 'not an address', phone_number: 'x' } })).status).toBe(202);
  });

  it('that breaks the shape is refused with all faults at once, without their values', async () => {
    const before = await landed();
    const answer = await post({ recordId: '', revision: -1, image: { nosuch: 'secret value', email: { a: 1 } }, extra: true });
    expect(answer.status).toBe(422);
    const paths = answer.body.results?.[0]?.faults.map(({ path }) => path) ?? [];
    expect(paths).toEqual(expect.arrayContaining(['recordId', 'revision', 'image.email', '']));
    expect(JSON.stringify(answer.body)).not.toContain('secret value');
    expect(await landed()).toBe(before);
  });

  it('a merge, an erasure and a deletion carry no image', async () => {
    await post({ changes: [{ recordId: 'm1', revision: 3, kind: 'merged', mergedInto: 'm2' }, { recordId: 'e1', revision: 3, kind: 'erased', image: { email: 'gone@example.test' } }] });
    await vi.waitFor(() => expect(rig.changes('live').find(({ recordId }) => recordId === 'e1')).toMatchObject({ kind: 'erased', image: {} }), PATIENT);
    expect(rig.changes('live').find(({ recordId }) => recordId === 'm1')).toMatchObject({ kind: 'merged', mergedInto: 'm2' });
  });
});

describe('a batch', () => {
  it('takes the good changes and names the faults of each bad one', async () => {
    const before = await landed();
    const answer = await post({ changes: [{ recordId: 'a', revision: 1, image: { email: null } }, { recordId: 'b', image: {} }, { recordId: 'c', revision: 1, image: { email: null } }] });
    expect(answer.status).toBe(207);
    expect(answer.body.results?.map(({ status }) => status)).toEqual(['accepted', 'refused', 'accepted']);
    expect(answer.body.results?.[1]?.faults.map(({ path }) => path)).toEqual(expect.arrayContaining(['changes.1.revision']));
    expect(await landed()).toBe(before + 2);
  });

  it('of 500 is taken, of 501 refused', async () => {
    const changes = Array.from({ length: 501 }, (_, index) => ({ recordId: `n${index}`, revision: 1, image: { email: null } }));
    expect((await post({ changes: changes.slice(1) })).status).toBe(202);
    expect((await post({ changes })).status).toBe(422);
  });
});

describe('the door', () => {
  it.each([['no key', null], ['a wrong key', 'publish-key-of-acme-2'], ['half a key', 'publish-key']])('I11: refuses %s', async (_what, key) => {
    const before = await landed();
    const answer = await post({ recordId: 'x', revision: 1, image: { email: null } }, { key });
    expect([answer.status, answer.body.error?.code]).toEqual([401, 'unauthenticated']);
    expect(await landed()).toBe(before);
  });

  it.each([['text that is not JSON', '{'], ['a list', '[]'], ['nothing', '""']])('refuses %s', async (_what, body) => {
    expect((await post(body)).status).toBe(400);
  });

  it('refuses a body that is too large', async () => {
    expect((await post({ recordId: 'x', revision: 1, image: { email: 'x'.repeat(9_000_000) } })).status).toBe(413);
  });

  it('I7: without Kafka\'s acknowledgement it answers 503', async () => {
    const kafka = { ...rig.deps.kafka, publisher: () => ({ publish: () => Promise.reject(new SyncError('kafka_unavailable', 'no broker')), queued: () => 0, close: () => Promise.resolve() }) };
    const broken = await rig.start({}, {}, { kafka });
    const answer = await post({ recordId: 'x', revision: 1, image: { email: null } }, { url: broken.url });
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'kafka_unavailable']);
    await broken.stop();
  });
});

describe('Idempotency-Key', () => {
  it('the same request again gets the first answer and publishes nothing', async () => {
    const body = { changes: [{ recordId: 'i1', revision: 1, image: { email: null } }] };
    const first = await post(body, { headers: { 'idempotency-key': 'k-1' } });
    const before = await landed();
    const second = await post(body, { headers: { 'idempotency-key': 'k-1' } });
    expect(second).toEqual({ ...first, replayed: true });
    expect(await landed()).toBe(before);
  });

  it('another body under the same key is refused', async () => {
    await post({ recordId: 'i2', revision: 1, image: { email: null } }, { headers: { 'idempotency-key': 'k-2' } });
    expect((await post({ recordId: 'i2', revision: 2, image: { email: null } }, { headers: { 'idempotency-key': 'k-2' } })).status).toBe(422);
  });

  it('without Redis a repetition is published again under the same change id', async () => {
    const alone = await rig.start();
    const body = { recordId: 'i3', revision: 1, image: { email: null } };
    const answers = [await post(body, { url: alone.url, headers: { 'idempotency-key': 'k-3' } }), await post(body, { url: alone.url, headers: { 'idempotency-key': 'k-3' } })];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(answers[0]?.body).toEqual(answers[1]?.body);
    await alone.stop();
  });
});

describe('the OpenAPI document', () => {
  it('is served, and says what a change is', async () => {
    const document = await (await fetch(`${capture.url}/openapi.json`)).json() as { paths: Record<string, unknown> };
    expect(Object.keys(document.paths)).toEqual(['/v1/bevatel/contacts/changes']);
    expect(JSON.stringify(document).includes('contact_first_name')).toBe(true);
  });
});
