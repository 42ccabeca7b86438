/**
 * With a Postgres of its own: these tests restart it and change its settings, and making a slot waits for every
 * transaction of the whole server.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';

import { freePorts } from '../../../deploy/local/ports.ts';
import { postgresUrl, preparePostgres } from '../../../deploy/local/postgres.ts';
import { startBevatelSandbox } from '../sandbox/server.ts';
import { changeOfRow } from './change-of-row.ts';
import type { ContactCdc, ContactCdcOptions, StreamEnd, StreamState } from './contact-cdc.ts';
import { createContactCdc } from './contact-cdc.ts';
import type { RowEvent } from './row-event.ts';

const folder = await mkdtemp(join(tmpdir(), 'bevatel-cdc-'));
const [port = 0] = await freePorts(1);
const { part, password } = await preparePostgres({ dataDir: join(folder, 'data'), logFile: join(folder, 'log'), port, throwaway: false });
const startPostgres = () => part.start(() => Promise.resolve());
await startPostgres();
const databaseUrl = postgresUrl(port, password);
const sandbox = await startBevatelSandbox({
  databaseUrl,
  keys: [{ key: 'k', tenantId: 't', name: 'crm' }],
});
const { sql, seed } = sandbox.control;
const name = 'bevatel_sync';

const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 30_000 });

interface Reader {
  events: RowEvent[];
  states: StreamState[];
  ended: Promise<StreamEnd>;
  stop(): Promise<StreamEnd>;
}
const readers: Reader[] = [];
let cdc: ContactCdc;

afterAll(async () => {
  await sandbox.stop();
  await part.discard();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await sql('TRUNCATE contacts, idempotency_keys, erased_contacts');
  cdc = make();
  await cdc.prepare();
});
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.stop().catch(() => undefined)));
  await eventually(() => cdc.remove().then(() => 'removed', (error: Error) => error.message)).toBe('removed');
});

function make(over: Partial<ContactCdcOptions> = {}): ContactCdc {
  return createContactCdc({ databaseUrl, name, retryDelayMs: 20, statusIntervalMs: 200, ...over });
}

/** Starts a stream that keeps what it acknowledged. */
function read(over: Partial<ContactCdcOptions> = {}, accept: (events: readonly RowEvent[]) => Promise<void> = async () => undefined): Reader {
  const control = new AbortController();
  const events: RowEvent[] = [];
  const states: StreamState[] = [];
  const ended = make({ ...over, onState: (state) => states.push(state) }).stream({
    signal: control.signal,
    onBatch: async (batch) => {
      await accept(batch);
      events.push(...batch);
    },
  });
  const reader = { events, states, ended, stop: () => { control.abort(); return ended; } };
  ended.catch(() => undefined);
  readers.push(reader);
  return reader;
}

const idsOf = (events: readonly RowEvent[]) => events.map((event) => event.new?.id ?? event.old?.id);
const numbered = (count: number, prefix = 'c') =>
  Array.from({ length: count }, (_, i) => ({ id: `${prefix}${i}`, fields: { owner: '0' } }));

test('inserts, updates and deletes come in commit order with the row before and after', async () => {
  const reader = read();
  await seed('t', [{ id: 'c1', fields: { contact_first_name: 'ليلى', tags: ['a,b', '🎈'], custom: { n: 1.5 } } }]);
  await sql(`UPDATE contacts SET owner = 'sam', updated_by = 'user:ali' WHERE id = 'c1'`);
  await sql(`UPDATE contacts SET owner = 'sam' WHERE id = 'c1'`);
  await sql(`DELETE FROM contacts WHERE id = 'c1'`);
  await eventually(() => reader.events.length).toBe(3);
  expect(reader.events.map((event) => event.op)).toEqual(['insert', 'update', 'delete']);
  const [inserted, updated, removed] = reader.events;
  expect(inserted?.new).toMatchObject({ tenant_id: 't', version: '1', tags: ['a,b', '🎈'], custom: { n: 1.5 } });
  expect([updated?.old?.['owner'], updated?.new?.['owner'], updated?.new?.updated_by]).toEqual([null, 'sam', 'user:ali']);
  expect([removed?.new, removed?.old?.version]).toEqual([null, '2']);
  const [row] = await sql<{ at: Date }>('SELECT clock_timestamp() AS at');
  expect((row?.at.getTime() ?? 0) - (removed?.commitTime ?? 0)).toBeLessThan(60_000);
});

test('an edit through the API becomes a change with the time and actor of the changed field', async () => {
  const [id = ''] = await seed('t', [{ fields: { email: 'a@b.co', owner: 'sam' } }]);
  const reader = read();
  const call = (method: string, path: string, headers: object, body?: object) =>
    fetch(`${sandbox.url}/v1/contacts/${path}`, {
      method,
      headers: { authorization: 'Bearer k', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const answer = await call('PATCH', id, { 'if-match': '"1"', 'x-actor': 'user:ali' }, { fields: { email: 'c@d.co' } });
  const { updated_at: updatedAt } = (await answer.json()) as { updated_at: string };
  await call('DELETE', `${id}?erase=true`, { 'if-match': '"2"' });
  await eventually(() => reader.events.at(-1)?.op).toBe('delete');
  const changes = reader.events.map((event) => changeOfRow(event, { newId: () => 'x' })).filter((change) => change?.recordId === id);
  const edit = changes.find((change) => change?.revision === '2');
  expect(edit).toMatchObject({ kind: 'image', image: { email: 'c@d.co', owner: 'sam' } });
  expect(edit?.fieldTimes).toEqual({ email: { at: Date.parse(updatedAt), actor: 'user:ali' } });
  expect(changes.filter((change) => change?.kind === 'erased')).toHaveLength(1);
  expect(JSON.stringify(changes.at(-1))).not.toContain('c@d.co');
});

test('a large value that an update did not touch is in its image', async () => {
  const note = Array.from({ length: 2_000 }, (_, i) => (i * 7_919).toString(36)).join('-');
  const [id = ''] = await seed('t', [{ fields: { custom: { note } } }]);
  const reader = read();
  await sql('UPDATE contacts SET owner = $1 WHERE id = $2', ['x', id]);
  await eventually(() => reader.events.at(-1)?.op).toBe('update');
  expect(reader.events.at(-1)?.new?.['custom']).toEqual({ note });
});

test('I2: snapshot and stream leave no gap while many writers write', async () => {
  const extra = make({ name: `${name}_x` });
  await seed('t', numbered(500));
  let writing = true;
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; writing; i += 1) {
      await sql('UPDATE contacts SET owner = $1 WHERE id = $2', [`${writer}.${i}`, `c${(i * 7 + writer) % 500}`]);
      if (i % 10 === 0) await sql('INSERT INTO contacts (tenant_id, id) VALUES ($1, $2)', ['t', `w${writer}.${i}`]);
      if (i % 25 === 24) await sql('DELETE FROM contacts WHERE id = $1', [`w${writer}.${i - 4}`]);
    }
  });
  expect(await extra.prepare()).toBe('created');
  const control = new AbortController();
  const copy = new Map<string, { version: bigint; gone: boolean }>();
  const fold = async (events: readonly RowEvent[]) => {
    for (const event of events) {
      const row = event.new ?? event.old;
      const version = BigInt(row?.version ?? 0) + (event.op === 'delete' ? 1n : 0n);
      if ((copy.get(row?.id ?? '')?.version ?? 0n) < version) copy.set(row?.id ?? '', { version, gone: event.op === 'delete' });
    }
  };
  const streaming = extra.stream({ signal: control.signal, onBatch: fold });
  const { complete } = await extra.snapshot({ signal: control.signal, onBatch: fold, pageRows: 40 });
  expect(complete).toBe(true);
  writing = false;
  await Promise.all(writers);
  const rows = await sql<{ id: string; version: number }>('SELECT id, version FROM contacts');
  const truth = rows.map((row) => `${row.id}@${row.version}`).sort();
  await eventually(() => [...copy].filter(([, { gone }]) => !gone).map(([id, { version }]) => `${id}@${version}`).sort()).toEqual(truth);
  control.abort();
  await streaming;
  await eventually(() => extra.remove().then(() => true, () => false)).toBe(true);
});

test('I7: what was not acknowledged comes again, what was does not', async () => {
  let left = 7;
  const first = read({ maxBatchRows: 1, maxRetryDelayMs: 50 }, async () => {
    if (left === 0) throw new Error('Kafka is away');
    left -= 1;
  });
  await Promise.all(Array.from({ length: 40 }, (_, i) => sql('INSERT INTO contacts (tenant_id, id) VALUES ($1, $2)', ['t', `n${i}`])));
  await eventually(() => first.states.filter((state) => state.kind === 'retrying').length).toBeGreaterThan(1);
  await first.stop();
  const second = read();
  await eventually(() => first.events.length + second.events.length).toBe(40);
  expect(first.events).toHaveLength(7);
  expect(new Set(idsOf([...first.events, ...second.events])).size).toBe(40);
});

test('I7: of two commits side by side in the log, confirming the first does not confirm the second', async () => {
  const writers = [new Client({ connectionString: databaseUrl }), new Client({ connectionString: databaseUrl })];
  for (const [index, writer] of writers.entries()) {
    await writer.connect();
    await writer.query('BEGIN');
    await writer.query('INSERT INTO contacts (tenant_id, id) VALUES ($1, $2)', ['t', `side${index}`]);
  }
  await Promise.all(writers.map((writer) => writer.query('COMMIT')));
  await Promise.all(writers.map((writer) => writer.end()));
  let left = 1;
  const first = read({ maxBatchRows: 1, maxRetryDelayMs: 50 }, async () => {
    if (left === 0) throw new Error('Kafka is away');
    left -= 1;
  });
  await eventually(() => first.states.filter((state) => state.kind === 'retrying').length).toBeGreaterThan(1);
  await first.stop();
  const second = read();
  await eventually(() => second.events.length).toBe(1);
  expect(new Set(idsOf([...first.events, ...second.events]))).toEqual(new Set(['side0', 'side1']));
});

test('a stop waits for the batch at hand, and Postgres remembers it', async () => {
  const release = Promise.withResolvers<void>();
  const first = read({}, () => release.promise);
  await seed('t', numbered(10));
  await eventually(() => first.states.length).toBeGreaterThan(0);
  const stopped = first.stop();
  release.resolve();
  expect(await stopped).toEqual({ kind: 'stopped' });
  const second = read();
  await seed('t', numbered(1, 'late'));
  await eventually(() => second.events.length).toBeGreaterThan(0);
  const all = idsOf([...first.events, ...second.events]);
  expect([all.length, new Set(all).size]).toEqual([11, 11]);
});

test('a transaction larger than a batch is confirmed only as a whole', async () => {
  let accepted = 0;
  const first = read({ maxBatchRows: 100 }, async () => {
    accepted += 1;
    if (accepted > 3) throw new Error('Kafka is away');
  });
  await seed('t', numbered(1_000));
  await eventually(() => first.states.some((state) => state.kind === 'retrying')).toBe(true);
  await first.stop();
  const second = read();
  await eventually(() => second.events.length).toBe(1_000);
});

test('a caller slower than wal_sender_timeout keeps its connection', async () => {
  const database = new URL(databaseUrl).pathname.slice(1);
  await sql(`ALTER DATABASE "${database}" SET wal_sender_timeout = '800ms'`);
  const release = Promise.withResolvers<void>();
  const reader = read({ maxBatchRows: 10 }, () => release.promise);
  for (let i = 0; i < 20; i += 1) await seed('t', numbered(500, `s${i}-`));
  const admin = new Client({ connectionString: databaseUrl });
  await admin.connect();
  const connectedFor = async () => {
    const { rows } = await admin.query<{ seconds: number | null }>(
      `SELECT extract(epoch FROM clock_timestamp() - r.backend_start)::float8 AS seconds
         FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.slot_name = $1`, [name]);
    return rows[0]?.seconds ?? 0;
  };
  await eventually(connectedFor).toBeGreaterThan(3);
  await admin.end();
  release.resolve();
  await eventually(() => reader.events.length).toBe(10_000);
  expect(reader.states).toEqual([{ kind: 'streaming' }]);
  await sql(`ALTER DATABASE "${database}" RESET wal_sender_timeout`);
});

test('a severed connection is made anew from the confirmed position', async () => {
  const reader = read();
  await seed('t', numbered(5));
  await eventually(() => reader.events.length).toBe(5);
  await sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [name]);
  await seed('t', numbered(5, 'after'));
  await eventually(() => new Set(idsOf(reader.events)).size).toBe(10);
  expect(reader.states.map((state) => state.kind)).toContain('retrying');
});

test('of two readers one waits, and takes over when the other stops', async () => {
  const first = read();
  await eventually(() => first.states.at(-1)?.kind).toBe('streaming');
  const second = read();
  await eventually(() => second.states.at(-1)?.kind).toBe('standby');
  await first.stop();
  await eventually(() => second.states.at(-1)?.kind).toBe('streaming');
  await seed('t', numbered(3));
  await eventually(() => idsOf(second.events)).toEqual(['c0', 'c1', 'c2']);
});

test('a slot that is gone ends the stream by name, and prepare says that changes were missed', async () => {
  const reader = read();
  await eventually(() => reader.states.at(-1)?.kind).toBe('streaming');
  await eventually(async () => {
    await sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [name]);
    await sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [name]).catch(() => undefined);
    return sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [name]);
  }).toEqual([]);
  expect(await reader.ended).toEqual({ kind: 'slot_lost', reason: 'missing' });
  expect([await cdc.prepare(), await cdc.prepare()]).toEqual(['created', 'present']);
});

test('I10: the lag of the slot is readable while the caller holds back, and gone afterwards', async () => {
  expect(await make({ name: 'no_such_slot' }).lag()).toBeUndefined();
  const release = Promise.withResolvers<void>();
  read({}, () => release.promise);
  await seed('t', numbered(100));
  await eventually(async () => (await cdc.lag())?.bytes).toBeGreaterThan(1_000);
  await eventually(async () => (await cdc.lag())?.seconds).toBeGreaterThan(0);
  release.resolve();
  await eventually(() => cdc.lag()).toEqual({ bytes: 0, seconds: 0 });
});

test('what is wrong with the table is said with what to run', async () => {
  await sql('CREATE TABLE strangers (tenant_id text, id text)');
  const of = (table: string) => make({ name: `${name}_y`, table: { schema: 'public', table } });
  await expect(of('nobody').prepare()).rejects.toMatchObject({ code: 'configuration_invalid', message: expect.stringContaining('no table') });
  await expect(of('strangers').prepare()).rejects.toMatchObject({ message: expect.stringContaining('lacks the columns version, updated_at') });
  await sql('ALTER TABLE contacts REPLICA IDENTITY DEFAULT');
  await expect(of('contacts').prepare()).rejects.toMatchObject({
    code: 'replica_identity_missing', message: expect.stringContaining('REPLICA IDENTITY FULL'),
  });
  await sql('ALTER TABLE contacts REPLICA IDENTITY FULL');
  await sql(`SELECT pg_create_logical_replication_slot($1, 'test_decoding')`, [`${name}_z`]);
  await expect(make({ name: `${name}_z` }).prepare()).rejects.toMatchObject({ code: 'configuration_invalid' });
  await sql('SELECT pg_drop_replication_slot($1)', [`${name}_z`]);
});

test('the stream survives restarts and crashes of Postgres, and loses and invents nothing', async () => {
  const reader = read({ maxRetryDelayMs: 200 });
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGINT'] as const) {
    await seed('t', Array.from({ length: 200 }, () => ({ fields: { owner: signal } })));
    await sql('UPDATE contacts SET owner = $1', [`after ${signal}`]);
    await part.stop(signal);
    await startPostgres();
  }
  const truth = await sql<{ n: string }>('SELECT sum(version) AS n FROM contacts');
  await eventually(() => new Set(reader.events.map((event) => `${event.new?.id}@${event.new?.version}`)).size).toBe(Number(truth[0]?.n));
  expect(reader.states.filter((state) => state.kind === 'retrying').length).toBeGreaterThan(0);
  expect(await reader.stop()).toEqual({ kind: 'stopped' });
});

test('a slot that Postgres has invalidated ends the stream by name, and prepare makes it anew', async () => {
  await sql(`ALTER SYSTEM SET idle_replication_slot_timeout = '1s'`);
  await sql('SELECT pg_reload_conf()');
  const status = async () => {
    await sql('CHECKPOINT');
    const [slot] = await sql<{ wal_status: string }>('SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1', [name]);
    return slot?.wal_status;
  };
  await eventually(status).toBe('lost');
  await sql('ALTER SYSTEM RESET idle_replication_slot_timeout');
  await sql('SELECT pg_reload_conf()');
  expect(await read().ended).toEqual({ kind: 'slot_lost', reason: 'invalidated' });
  expect([await cdc.prepare(), await cdc.prepare()]).toEqual(['recreated', 'present']);
});
