import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Contact, ContactPatch, Fault, MissingContact } from '../contact-api.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';
import { contact, contactPage } from '../contact-api.ts';
import type { BevatelSandbox } from './server.ts';
import { startBevatelSandbox } from './server.ts';

const database = await isolatedStack('bevatel-api');
let sandbox: BevatelSandbox;

beforeAll(async () => {
  sandbox = await startBevatelSandbox({
    databaseUrl: database.databaseUrl,
    keys: [
      { key: 'key-a', tenantId: 'tenant-a', name: 'crm' },
      { key: 'key-b', tenantId: 'tenant-b', name: 'crm' },
    ],
  });
});
afterAll(async () => {
  await sandbox.stop();
});
beforeEach(async () => {
  sandbox.control.clearFaults();
  sandbox.control.resetCounters();
  await sandbox.control.sql('TRUNCATE contacts, idempotency_keys, erased_contacts');
});

/** Whatever an answer may hold; each test looks at the part that its endpoint gives. */
interface Body extends Contact {
  contact: Contact;
  error: { code: string; contact_id?: string; faults: Fault[] };
  results: (Contact & { ref: string; status: number; contact: Contact; error: { contact_id?: string } })[];
  missing: MissingContact[];
}
interface Reply {
  status: number;
  headers: Headers;
  body: Body;
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const answer = await fetch(`${sandbox.url}/v1${path}`, {
    method,
    headers: {
      authorization: 'Bearer key-a',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: JSON.parse(text === '' ? '{}' : text) as Body };
}

function expectDefined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected a value');
  return value;
}

const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 30_000 });

let keys = 0;
async function created(fields: ContactPatch, extra: object = {}): Promise<Contact> {
  const reply = await call('POST', '/contacts', { fields, ...extra }, { 'idempotency-key': `k${(keys += 1)}` });
  expect(reply.status).toBe(201);
  return contact.parse(reply.body);
}

const patch = (id: string, version: number, fields: unknown, headers: Record<string, string> = {}) =>
  call('PATCH', `/contacts/${id}`, { fields }, { 'if-match': `"${version}"`, ...headers });

describe('creating', () => {
  test('a contact starts at version 1 with its actor, and every field null unless given', async () => {
    const made = await created({ contact_first_name: 'ليلى', tags: ['vip', '🎈'], custom: { score: 3, vip: true } });
    expect(made).toMatchObject({ version: 1, updated_by: 'app:crm', deleted: false, external_references: {} });
    expect(made.fields).toMatchObject({ contact_first_name: 'ليلى', email: null, tags: ['vip', '🎈'] });
    expect(made.fields.custom).toEqual({ score: 3, vip: true });
    expect((await call('GET', `/contacts/${made.id}`)).body).toEqual(made);
  });

  test('I4: the same idempotency key gives the same contact, also from many calls at once', async () => {
    const create = () => call('POST', '/contacts', { fields: { email: 'a@b.co' } }, { 'idempotency-key': 'once' });
    const replies = await Promise.all(Array.from({ length: 8 }, create));
    expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(1);
    expect(replies.map((reply) => reply.status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    const replayed = replies.filter((reply) => reply.headers.get('idempotent-replay') === 'true');
    expect(replayed.map((reply) => reply.status)).toEqual(new Array(7).fill(200));
  });

  test('an external reference has one living holder, and finds it', async () => {
    const reference = { external_reference: { integration_id: 'hs-1', external_id: 'x:7' } };
    const first = await created({ email: 'a@b.co' }, reference);
    const second = await call('POST', '/contacts', { fields: {}, ...reference }, { 'idempotency-key': 'other' });
    expect(second.status).toBe(409);
    expect(second.body.error).toEqual({ code: 'external_reference_taken', contact_id: first.id });
    expect(second.body.contact.id).toBe(first.id);
    const found = await call('GET', '/contacts?external_reference=hs-1:x:7');
    expect(found.body.results.map((one) => one.id)).toEqual([first.id]);
    await call('DELETE', `/contacts/${first.id}`, undefined, { 'if-match': '"1"' });
    expect((await call('GET', '/contacts?external_reference=hs-1:x:7')).body.results).toEqual([]);
    await created({}, reference);
  });

  test('all faults of a contact are named at once', async () => {
    const fields = {
      contact_first_name: '🙂'.repeat(101),
      consent: 'maybe',
      nickname: 'x',
      custom: { a: [1] },
      company_name: 'a\u0000b',
      owner: '\ud800',
    };
    const reply = await call('POST', '/contacts', { fields }, { 'idempotency-key': 'bad' });
    expect(reply.status).toBe(422);
    const paths = reply.body.error.faults.map((fault) => fault.path);
    expect(new Set(paths)).toEqual(
      new Set(['fields', 'fields.contact_first_name', 'fields.consent', 'fields.custom.a', 'fields.company_name', 'fields.owner']),
    );
    expect((await call('POST', '/contacts', { fields: { contact_first_name: '🙂'.repeat(100) } }, { 'idempotency-key': 'good' })).status).toBe(201);
  });
});

describe('updating', () => {
  test('an absent field stays, a null one is cleared, custom merges by key', async () => {
    const made = await created({ email: 'a@b.co', owner: 'sam', tags: ['x'], custom: { a: 1, b: 'two' } });
    const reply = await patch(made.id, 1, { owner: null, tags: [], custom: { b: null, c: true } }, { 'x-actor': 'user:ali' });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('etag')).toBe('"2"');
    expect(reply.body).toMatchObject({ version: 2, updated_by: 'user:ali' });
    expect(reply.body.fields).toMatchObject({ email: 'a@b.co', owner: null, tags: [], custom: { a: 1, b: null, c: true } });
    expect((await patch(made.id, 2, { custom: null, tags: null })).body.fields).toMatchObject({ custom: null, tags: null });
  });

  test('a patch that changes nothing makes no version', async () => {
    const made = await created({ email: 'a@b.co', custom: { a: 1 } });
    const reply = await patch(made.id, 1, { email: 'a@b.co', custom: { a: 1 } }, { 'x-actor': 'user:ali' });
    expect([reply.status, reply.body]).toEqual([200, made]);
  });

  test('I2: a moved version is refused with the current contact; no condition is refused too', async () => {
    const made = await created({ email: 'a@b.co' });
    await patch(made.id, 1, { email: 'c@d.co' });
    const late = await patch(made.id, 1, { email: 'e@f.co' });
    expect([late.status, late.body.error.code, late.body.contact.version]).toEqual([412, 'version_mismatch', 2]);
    expect((await patch(made.id, 9, { email: 'e@f.co' })).status).toBe(412);
    expect((await call('PATCH', `/contacts/${made.id}`, { fields: {} })).status).toBe(428);
  });

  test('of many writers with the same condition one wins', async () => {
    const made = await created({ owner: 'nobody' });
    const replies = await Promise.all(Array.from({ length: 10 }, (_, i) => patch(made.id, 1, { owner: `w${i}` })));
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    expect(replies.filter((reply) => reply.status === 412)).toHaveLength(9);
  });
});

describe('ending', () => {
  test('deleted, erased, merged and unknown contacts are told apart', async () => {
    const [deleted, erased, loser, survivor] = await Promise.all([
      created({ email: 'd@b.co' }),
      created({ email: 'e@b.co' }),
      created({ email: 'l@b.co', tags: ['a', 'b'], custom: { a: 1, b: 1 } }),
      created({ owner: 'sam', tags: ['b', 'c'], custom: { b: 2 } }),
    ]);
    const condition = { 'if-match': '"1"' };
    expect((await call('DELETE', `/contacts/${deleted.id}`, undefined, condition)).status).toBe(204);
    expect((await call('DELETE', `/contacts/${erased.id}?erase=true`, undefined, condition)).status).toBe(204);
    const merged = await call('POST', `/contacts/${loser.id}/merge`, { into: survivor.id });
    expect(merged.body.fields).toMatchObject({ email: 'l@b.co', owner: 'sam', tags: ['b', 'c', 'a'], custom: { a: 1, b: 2 } });

    const ids = [survivor.id, deleted.id, erased.id, loser.id, 'c_none'];
    const read = await call('POST', '/contacts/batch/read', { ids });
    expect(read.body.results.map((one) => one.id)).toEqual([survivor.id]);
    expect(read.body.missing).toEqual([
      { id: deleted.id, reason: 'deleted' },
      { id: erased.id, reason: 'erased' },
      { id: loser.id, reason: 'merged', merged_into: survivor.id },
      { id: 'c_none', reason: 'not_found' },
    ]);
    const single = await Promise.all(ids.map((id) => call('GET', `/contacts/${id}`)));
    expect(single.map((reply) => reply.status)).toEqual([200, 404, 410, 404, 404]);
    expect(single[3]?.body.error).toEqual({ code: 'merged', merged_into: survivor.id });
    const left = await sandbox.control.sql(`SELECT id FROM contacts WHERE id = '${erased.id}'`);
    expect(left).toEqual([]);
  });

  test('a deletion at an old version is refused; an erasure may go over any', async () => {
    const made = await created({});
    await patch(made.id, 1, { owner: 'x' });
    expect((await call('DELETE', `/contacts/${made.id}`, undefined, { 'if-match': '"1"' })).status).toBe(412);
    expect((await call('DELETE', `/contacts/${made.id}`)).status).toBe(428);
    expect((await call('DELETE', `/contacts/${made.id}`, undefined, { 'if-match': '*' })).status).toBe(422);
    expect((await call('DELETE', `/contacts/${made.id}?erase=true`, undefined, { 'if-match': '*' })).status).toBe(204);
  });
});

describe('batches', () => {
  test('each item answers as if called alone, in order, and a name used twice counts twice', async () => {
    const [one, two, gone] = [await created({ owner: 'a' }), await created({ owner: 'b' }), await created({})];
    await call('DELETE', `/contacts/${gone.id}`, undefined, { 'if-match': '"1"' });
    const reference = { integration_id: 'hs', external_id: '1' };
    const items = [
      { op: 'update', ref: 'r0', id: two.id, if_match: 1, fields: { owner: 'c' } },
      { op: 'update', ref: 'r1', id: two.id, if_match: 2, fields: { owner: 'd' } },
      { op: 'update', ref: 'r2', id: two.id, if_match: 2, fields: { owner: 'e' } },
      { op: 'create', ref: 'r3', idempotency_key: 'same', fields: { email: 'n@b.co' }, external_reference: reference },
      { op: 'create', ref: 'r4', idempotency_key: 'same', fields: { email: 'n@b.co' }, external_reference: reference },
      { op: 'create', ref: 'r5', idempotency_key: 'else', fields: {}, external_reference: reference },
      { op: 'update', ref: 'r6', id: one.id, if_match: 1, fields: {}, external_reference: reference },
      { op: 'update', ref: 'r7', id: one.id, if_match: 1, fields: {}, external_reference: { integration_id: 'hs', external_id: '2' } },
      { op: 'update', ref: 'r8', id: gone.id, if_match: 1, fields: { owner: 'x' } },
      { op: 'update', ref: 'r9', id: one.id, if_match: 1, fields: { owner: 7 } },
      { op: 'update', ref: 'r10', id: 'c_none', if_match: 1, fields: {} },
      { op: 'upsert', ref: 'r11' },
    ];
    const { status, body } = await call('POST', '/contacts/batch/write', { items });
    const resultAt = (place: number) => expectDefined(body.results[place]);
    expect(status).toBe(207);
    expect(body.results.map((result) => result.ref)).toEqual(items.map((item) => item.ref));
    expect(body.results.map((result) => result.status)).toEqual([
      200, 200, 412, 201, 200, 409, 409, 200, 404, 422, 404, 422,
    ]);
    expect(resultAt(2).contact.fields.owner).toBe('d');
    expect(resultAt(5).error.contact_id).toBe(resultAt(3).contact.id);
    expect(resultAt(7).contact.external_references).toEqual({ hs: '2' });
  });

  test('more items than the limit are refused whole', async () => {
    const ids = Array.from({ length: 101 }, (_, i) => `c_${i}`);
    expect((await call('POST', '/contacts/batch/read', { ids })).status).toBe(422);
  });

  test('concurrent batches over the same contacts lose no version', async () => {
    const ids = await sandbox.control.seed('tenant-a', Array.from({ length: 50 }, () => ({ fields: { owner: '0' } })));
    const write = (owner: string, order: string[]) =>
      call('POST', '/contacts/batch/write', {
        items: order.map((id) => ({ op: 'update', ref: id, id, if_match: 1, fields: { owner } })),
      });
    const replies = await Promise.all([write('a', ids), write('b', ids.toReversed()), write('c', ids)]);
    const won = replies.flatMap((reply) => reply.body.results).filter((result) => result.status === 200);
    expect(won).toHaveLength(50);
  });
});

describe('listing', () => {
  test('pages follow the order of ids and hold every living contact once', async () => {
    const ids = await sandbox.control.seed('tenant-a', Array.from({ length: 450 }, (_, i) => ({ fields: { owner: `${i}` } })));
    await sandbox.control.seed('tenant-b', [{ fields: {} }]);
    const seen: string[] = [];
    let query = '';
    do {
      const page = contactPage.parse((await call('GET', `/contacts${query}`)).body);
      expect(page.total).toBe(450);
      seen.push(...page.results.map((one) => one.id));
      query = page.next_cursor === null ? '' : `?cursor=${page.next_cursor}`;
    } while (query !== '');
    expect(seen).toEqual(ids.toSorted());
  });

  test('a limit or cursor that makes no sense is refused', async () => {
    expect((await call('GET', '/contacts?limit=201')).status).toBe(422);
    expect((await call('GET', '/contacts?cursor=nonsense')).status).toBe(422);
  });
});

describe('I11: tenants', () => {
  test('a key sees and changes its own tenant only', async () => {
    const made = await created({ email: 'a@b.co' });
    const other = { authorization: 'Bearer key-b' };
    expect((await call('GET', `/contacts/${made.id}`, undefined, other)).status).toBe(404);
    expect((await patch(made.id, 1, { owner: 'x' }, other)).status).toBe(404);
    expect((await call('GET', '/contacts', undefined, other)).body.results).toEqual([]);
    expect((await call('GET', '/contacts', undefined, { authorization: 'Bearer nobody' })).status).toBe(401);
  });
});

describe('edits by plain SQL', () => {
  test('a real update grows the version and is by sql, unless the statement names the actor', async () => {
    const made = await created({ owner: 'a' });
    await sandbox.control.sql('UPDATE contacts SET owner = $1 WHERE id = $2', ['b', made.id]);
    const second = (await call('GET', `/contacts/${made.id}`)).body;
    expect(second).toMatchObject({ version: 2, updated_by: 'sql' });
    await sandbox.control.sql('UPDATE contacts SET owner = $1, updated_by = $2 WHERE id = $3', ['c', 'sql', made.id]);
    await sandbox.control.sql('UPDATE contacts SET owner = $1, updated_by = updated_by WHERE id = $2', ['c', made.id]);
    const third = (await call('GET', `/contacts/${made.id}`)).body;
    expect(third).toMatchObject({ version: 3, updated_by: 'sql' });
    expect(Date.parse(third.updated_at)).toBeGreaterThanOrEqual(Date.parse(second.updated_at));
    expect((await patch(made.id, 3, { owner: 'd' })).body).toMatchObject({ version: 4, updated_by: 'app:crm' });
    expect((await patch(made.id, 4, { owner: 'e' })).body).toMatchObject({ version: 5, updated_by: 'app:crm' });
  });
});

describe('faults', () => {
  test('a refusal with Retry-After applies nothing and is counted', async () => {
    const made = await created({ owner: 'a' });
    sandbox.control.fault({ kind: 'status', status: 429, retryAfterSeconds: 3, endpoint: 'update' });
    const refused = await patch(made.id, 1, { owner: 'b' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3']);
    expect((await patch(made.id, 1, { owner: 'b' })).body.version).toBe(2);
    expect(sandbox.control.counters().update).toEqual({ calls: 2, items: 2, statuses: { 200: 1, 429: 1 } });
  });

  test('a dropped answer is applied, a cut call is not', async () => {
    const made = await created({ owner: 'a' });
    sandbox.control.fault({ kind: 'dropAnswer', endpoint: 'update' });
    await expect(patch(made.id, 1, { owner: 'b' })).rejects.toThrow('fetch failed');
    sandbox.control.fault({ kind: 'cut', endpoint: 'update' });
    await expect(patch(made.id, 2, { owner: 'c' })).rejects.toThrow('fetch failed');
    expect((await call('GET', `/contacts/${made.id}`)).body).toMatchObject({ version: 2, fields: { owner: 'b' } });
  });

  test('a delayed call lands after its caller gave up', async () => {
    const made = await created({ owner: 'a' });
    sandbox.control.fault({ kind: 'delay', ms: 60, endpoint: 'update' });
    const impatient = fetch(`${sandbox.url}/v1/contacts/${made.id}`, {
      method: 'PATCH',
      headers: { authorization: 'Bearer key-a', 'if-match': '"1"', 'content-type': 'application/json' },
      body: JSON.stringify({ fields: { owner: 'late' } }),
      signal: AbortSignal.timeout(30),
    });
    await expect(impatient).rejects.toThrow('timeout');
    await eventually(async () => (await call('GET', `/contacts/${made.id}`)).body.fields.owner).toBe('late');
  });

  test('a hanging call ends when its fault is removed, without effect', async () => {
    const made = await created({ owner: 'a' });
    const remove = sandbox.control.fault({ kind: 'hang', endpoint: 'update' });
    const outcome = expect(patch(made.id, 1, { owner: 'b' })).rejects.toThrow('fetch failed');
    await eventually(() => sandbox.control.counters().update.calls).toBe(1);
    remove();
    await outcome;
    expect((await call('GET', `/contacts/${made.id}`)).body.version).toBe(1);
  });

  test('the service clock can be wrong by hours', async () => {
    const skewed = await startBevatelSandbox({
      databaseUrl: database.databaseUrl,
      keys: [],
      clockSkewMs: -3 * 3_600_000,
    });
    const [id = ''] = await skewed.control.seed('tenant-a', [{ fields: { owner: 'a' } }]);
    await skewed.stop();
    const { created_at: birth } = (await call('GET', `/contacts/${id}`)).body;
    expect(Date.now() - Date.parse(birth)).toBeGreaterThan(2.9 * 3_600_000);
  });
});
