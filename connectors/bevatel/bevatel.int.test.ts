import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';

import { isolatedStack } from '../../tests/stack/fixture.ts';
import type { Connector, ConnectorContext, CreateOp, RemoveOp, UpdateOp, WriteOutcome } from '../connector.ts';
import { createBevatelConnector } from './bevatel.ts';
import { startBevatelSandbox } from './sandbox/server.ts';

const stack = await isolatedStack('bevatel-connector');
const sandbox = await startBevatelSandbox({
  databaseUrl: stack.databaseUrl,
  keys: [{ key: 'key-a', tenantId: 'acme', name: 'bevatel-sync' }],
});
const { control } = sandbox;

const calls: [string, string][] = [];
const pauses: number[] = [];
const context: ConnectorContext = {
  tenantId: 'acme',
  integrationId: 'hs-1',
  limiter: { take: async () => undefined, feedback: (_kind, told) => { if (told.pauseMs !== undefined) pauses.push(told.pauseMs); } },
  clock: Date.now,
  onCall: (operation, outcome) => { calls.push([operation, outcome]); },
};
const FIELDS = ['contact_first_name', 'email', 'tags', 'consent', 'custom.tier'];
const request = { fields: FIELDS, histories: false };
const options = () => ({ signal: new AbortController().signal, lane: 'live' as const });
const connect = (over: Partial<{ baseUrl: string; key: string; timeoutMs: number }> = {}): Connector =>
  createBevatelConnector({ baseUrl: sandbox.url, key: 'key-a', ...over }, context);
const bevatel = connect();

afterAll(() => sandbox.stop());
beforeEach(async () => {
  control.clearFaults();
  control.resetCounters();
  calls.length = 0;
  pauses.length = 0;
  await control.sql('TRUNCATE contacts, idempotency_keys, erased_contacts');
});

let attempts = 0;
const create = (over: Partial<CreateOp> = {}): CreateOp => ({
  kind: 'create', attemptId: `a${(attempts += 1)}`, values: { contact_first_name: 'ليلى' }, reference: `x${attempts}`, ...over,
});
const update = (id: string, over: Partial<UpdateOp> = {}): UpdateOp => ({
  kind: 'update', attemptId: `a${(attempts += 1)}`, id, values: { email: 'l@x.co' }, condition: '1', reference: null, ...over,
});
async function write(connector: Connector, ...operations: (CreateOp | UpdateOp)[]): Promise<WriteOutcome[]> {
  const outcomes = await connector.write(operations, request, options());
  return operations.map((operation) => {
    const outcome = outcomes.find((one) => one.attemptId === operation.attemptId);
    if (outcome === undefined) throw new Error(`no outcome of ${operation.attemptId}`);
    return outcome;
  });
}

describe('reading', () => {
  test('a listing shows every contact once with the fields asked for, empty ones as null', async () => {
    const ids = await control.seed('acme', Array.from({ length: 250 }, (_, i) => ({
      fields: { contact_first_name: `n${i}`, tags: ['a'], custom: { tier: 'gold', other: 1 } }, external_references: { 'hs-1': `x${i}` },
    })));
    const first = await bevatel.list({ cursor: null, fields: FIELDS }, options());
    const second = await bevatel.list({ cursor: first.next, fields: FIELDS }, options());
    expect([first.total, first.records.length, second.records.length, second.next]).toEqual([250, 200, 50, null]);
    expect([...first.records, ...second.records].map((record) => record.id)).toEqual(ids.toSorted());
    expect(first.records[0]).toMatchObject({ revision: '1', references: { 'hs-1': expect.stringMatching(/^x/) as string }, fieldTimes: {} });
    expect(second.records[0]?.values).toEqual({
      contact_first_name: expect.stringMatching(/^n/) as string, email: null, tags: ['a'], consent: null, 'custom.tier': 'gold',
    });
  });

  test('I9: what became of an id is told, in as few calls as the batch size allows', async () => {
    const [alive = '', deleted = '', erased = '', loser = ''] = await control.seed('acme', Array.from({ length: 150 }, () => ({ fields: {} })));
    const headers = { authorization: 'Bearer key-a', 'if-match': '"1"' };
    await fetch(`${sandbox.url}/v1/contacts/${deleted}`, { method: 'DELETE', headers });
    await fetch(`${sandbox.url}/v1/contacts/${erased}?erase=true`, { method: 'DELETE', headers });
    await fetch(`${sandbox.url}/v1/contacts/${loser}/merge`, {
      method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ into: alive }),
    });
    const results = await bevatel.read([alive, deleted, erased, loser, 'c_none'], request, options());
    expect(new Map(results.map((result) => [result.id, result]))).toEqual(new Map([
      [alive, { kind: 'found', id: alive, record: expect.objectContaining({ id: alive }) as unknown }],
      [deleted, { kind: 'gone', id: deleted, how: 'deleted' }],
      [erased, { kind: 'gone', id: erased, how: 'erased' }],
      [loser, { kind: 'merged', id: loser, mergedInto: alive }],
      ['c_none', { kind: 'gone', id: 'c_none', how: 'not_found' }],
    ]));
    expect(control.counters().batchRead.calls).toBe(1);
  });
});

describe('writing', () => {
  test('a create is applied with the partner\'s id, and found by it', async () => {
    const [outcome] = await write(bevatel, create({ reference: 'x:1', values: { contact_first_name: 'ليلى', tags: ['vip'], 'custom.tier': 'gold' } }));
    expect(outcome).toMatchObject({ kind: 'applied', record: { revision: '1', references: { 'hs-1': 'x:1' }, values: { tags: ['vip'], 'custom.tier': 'gold' } } });
    const found = await bevatel.findByReference(['x:1', 'x:2'], request, options());
    expect([...found.keys()]).toEqual(['x:1']);
    expect(found.get('x:1')?.values['contact_first_name']).toBe('ليلى');
  });

  test('a list in a custom attribute, which holds none, is one text', async () => {
    expect(await write(bevatel, create({ values: { tags: ['a', 'b'], 'custom.tier': ['a', 'b'] } }))).toMatchObject([{ kind: 'applied', record: { values: { tags: ['a', 'b'], 'custom.tier': 'a;b' } } }]);
  });

  test('I4: a create whose answer was lost is unknown, looked up by reference, and never made twice', async () => {
    control.fault({ kind: 'dropAnswer', endpoint: 'batchWrite' });
    const lost = create({ reference: 'x9' });
    expect(await write(bevatel, lost)).toMatchObject([{ kind: 'unknown', error: { class: 'unknown_outcome' } }]);
    const found = (await bevatel.findByReference(['x9'], request, options())).get('x9');
    expect(await write(bevatel, lost)).toMatchObject([{ kind: 'applied', record: { id: found?.id } }]);
    expect(await write(bevatel, create({ reference: 'x9' }))).toEqual([
      { attemptId: `a${attempts}`, kind: 'exists', id: found?.id, byReference: true },
    ]);
    expect(await control.sql('SELECT id FROM contacts')).toHaveLength(1);
  });

  test('I2: an update is written only onto the version it is based on', async () => {
    const [id = ''] = await control.seed('acme', [{ fields: { email: 'old@x.co' } }]);
    expect(await write(bevatel, update(id, { reference: 'x5' }))).toMatchObject([{ kind: 'applied', record: { revision: '2', references: { 'hs-1': 'x5' } } }]);
    expect(await write(bevatel, update(id, { values: { email: 'late@x.co' } }))).toMatchObject([
      { kind: 'moved', record: { revision: '2', values: { email: 'l@x.co' } } },
    ]);
    expect(await write(bevatel, update(id, { condition: null }))).toMatchObject([{ kind: 'rejected' }]);
  });

  test('I8: every operation of a batch has its own outcome', async () => {
    const ids = await control.seed('acme', Array.from({ length: 4 }, () => ({ fields: {} })));
    const [fine = '', gone = '', holder = '', bad = ''] = ids;
    await control.sql('UPDATE contacts SET deleted_at = now() WHERE id = $1', [gone]);
    await control.sql(`UPDATE contacts SET external_references = '{"hs-1": "x7"}' WHERE id = $1`, [holder]);
    const outcomes = await write(bevatel,
      update(fine), update(gone), update('c_none'), update(bad, { reference: 'x7' }),
      update(bad, { values: { consent: 'perhaps', email: 'x'.repeat(300), 'custom.tier': 'x'.repeat(66_000) } }));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['applied', 'gone', 'gone', 'rejected', 'rejected']);
    expect(outcomes[1]).toMatchObject({ how: 'deleted' });
    expect(outcomes[2]).toMatchObject({ how: 'not_found' });
    expect(outcomes[3]).toMatchObject({ error: { code: 'unique_taken' } });
    expect(outcomes[4]).toMatchObject({ error: { code: 'value_rejected' }, fields: expect.arrayContaining(['consent', 'email', 'custom.tier']) as unknown });
    expect(JSON.stringify(outcomes[4])).not.toContain('perhaps');
    expect(control.counters().batchWrite.calls).toBe(1);
  });
});

describe('removing', () => {
  const removal = (id: string, over: Partial<RemoveOp> = {}): RemoveOp => ({ kind: 'remove', attemptId: `a${(attempts += 1)}`, id, way: 'delete', condition: '1', ...over });
  const remove = (...operations: RemoveOp[]): Promise<readonly WriteOutcome[]> => bevatel.remove(operations, request, options());

  test('I9: a deletion is of the version that it is based on, and is done once', async () => {
    const [fine = '', edited = ''] = await control.seed('acme', [{ fields: {} }, { fields: { email: 'old@x.co' } }]);
    await control.sql(`UPDATE contacts SET email = 'new@x.co' WHERE id = $1`, [edited]);
    const first = removal(fine);
    expect(await remove(first, removal(edited))).toMatchObject([{ kind: 'removed' }, { kind: 'moved', record: { revision: '2', values: { email: 'new@x.co' } } }]);
    expect(await remove(first)).toMatchObject([{ kind: 'removed' }]);
    expect(await control.sql('SELECT id FROM contacts WHERE deleted_at IS NOT NULL')).toEqual([{ id: fine }]);
    expect(await remove(removal(edited, { condition: null }), removal(edited, { way: 'archive' }))).toMatchObject([{ kind: 'rejected' }, { kind: 'rejected' }]);
  });

  test('I9: an erasure goes over any version and over a deleted contact', async () => {
    const [edited = '', deleted = ''] = await control.seed('acme', [{ fields: { email: 'old@x.co' } }, { fields: { email: 'd@x.co' } }]);
    await control.sql(`UPDATE contacts SET email = 'new@x.co' WHERE id = $1`, [edited]);
    await control.sql('UPDATE contacts SET deleted_at = now() WHERE id = $1', [deleted]);
    const erase = (id: string) => removal(id, { way: 'erase', condition: null });
    expect(await remove(erase(edited), erase(deleted), erase('c_none'))).toMatchObject([{ kind: 'removed' }, { kind: 'removed' }, { kind: 'gone', how: 'not_found' }]);
    expect(await remove(erase(edited))).toMatchObject([{ kind: 'removed' }]);
    expect(await control.sql('SELECT id FROM contacts')).toEqual([]);
  });

  test('a merged contact is told with its survivor; an answer that did not come leaves it unknown', async () => {
    const [merged = '', lost = ''] = await control.seed('acme', [{ fields: {} }, { fields: {} }]);
    await control.sql(`UPDATE contacts SET deleted_at = now(), merged_into = 'c_9' WHERE id = $1`, [merged]);
    expect(await remove(removal(merged))).toMatchObject([{ kind: 'gone', how: 'merged', mergedInto: 'c_9' }]);
    control.fault({ kind: 'dropAnswer', endpoint: 'delete' });
    expect(await remove(removal(lost))).toMatchObject([{ kind: 'unknown', error: { class: 'unknown_outcome' } }]);
    control.fault({ kind: 'status', status: 429, endpoint: 'delete', retryAfterSeconds: 2 });
    expect(await remove(removal(lost))).toMatchObject([{ kind: 'failed', error: { code: 'rate_limited' } }]);
    expect(pauses).toEqual([2_000]);
  });
});

describe('failures', () => {
  test('I10: 429 and 503 with the service\'s code are not applied, and their Retry-After reaches the limiter', async () => {
    const [id = ''] = await control.seed('acme', [{ fields: {} }]);
    control.fault({ kind: 'status', status: 429, retryAfterSeconds: 2 });
    expect(await write(bevatel, update(id))).toMatchObject([{ kind: 'failed', error: { code: 'rate_limited', facts: { retryAfterMs: 2_000 } } }]);
    control.fault({ kind: 'status', status: 503, retryAfterSeconds: 1 });
    expect(await write(bevatel, update(id))).toMatchObject([{ kind: 'failed', error: { code: 'system_unavailable' } }]);
    expect(pauses).toEqual([2_000, 1_000]);
    expect(calls).toEqual([['batch_write', '429'], ['batch_write', '5xx']]);
  });

  test('a write that may have been applied is unknown: 5xx, a cut connection, a deadline', async () => {
    const [id = ''] = await control.seed('acme', [{ fields: {} }]);
    control.fault({ kind: 'status', status: 502 });
    control.fault({ kind: 'cut' });
    control.fault({ kind: 'hang' });
    for (const connector of [bevatel, bevatel, connect({ timeoutMs: 60 })]) {
      expect(await write(connector, update(id))).toMatchObject([{ kind: 'unknown', error: { code: 'write_unanswered' } }]);
    }
  });

  test('a read that fails is to be tried again; a wrong key is not', async () => {
    control.fault({ kind: 'hang' });
    await expect(connect({ timeoutMs: 60 }).read(['c'], request, options())).rejects.toMatchObject({ code: 'system_timeout', class: 'retry' });
    control.fault({ kind: 'cut' });
    await expect(bevatel.read(['c'], request, options())).rejects.toMatchObject({ code: 'system_unavailable' });
    await expect(connect({ key: 'wrong' }).read(['c'], request, options())).rejects.toMatchObject({ code: 'unauthorised', class: 'reauthenticate' });
    expect(await write(connect({ key: 'wrong' }), create())).toMatchObject([{ kind: 'failed', error: { code: 'unauthorised' } }]);
  });

  test('nobody listening proves that nothing was sent', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const away = connect({ baseUrl: `http://127.0.0.1:${port}` });
    expect(await write(away, create())).toMatchObject([{ kind: 'failed', error: { code: 'system_unavailable' } }]);
  });

  test('an answer outside the contract: a read fails for good, a write is unknown', async () => {
    const server = createServer((_request, response) => response.end('{"surprise":true}')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const strange = connect({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await expect(strange.read(['c'], request, options())).rejects.toMatchObject({ code: 'unexpected_answer' });
    expect(await write(strange, create())).toMatchObject([{ kind: 'unknown' }]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('a call whose time is over is not sent', async () => {
    const signal = AbortSignal.abort();
    await expect(bevatel.read(['c'], request, { signal, lane: 'live' })).rejects.toMatchObject({ code: 'system_timeout' });
    expect(control.counters().batchRead.calls).toBe(0);
  });
});

test('a mapping is checked against the contract, and the address and key against the service', async () => {
  const uses = [
    { field: 'email', type: 'email' as const, written: true },
    { field: 'nickname', type: 'text' as const, written: true },
    { field: 'consent', type: 'picklist' as const, written: true, values: ['opted_in', 'maybe'] },
  ];
  expect((await bevatel.checkMapping(uses, { creates: true }, options())).map(({ field, code }) => [field, code])).toEqual([
    ['nickname', 'unknown_field'], ['consent', 'unknown_option'],
  ]);
  await expect(connect({ key: 'wrong' }).checkMapping(uses, { creates: true }, options())).rejects.toMatchObject({ code: 'unauthorised' });
});

test('there is nothing to poll: Bevatel pushes', async () => {
  expect(await bevatel.changedSince(null, options())).toEqual({ changed: [], next: {}, more: false });
});
