/** Needs a Postgres of its own, since it restarts it and lets it forget. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { freePorts } from '../../../deploy/local/ports.ts';
import { postgresUrl, preparePostgres } from '../../../deploy/local/postgres.ts';
import { startBevatelSandbox } from '../sandbox/server.ts';
import type { StreamState } from './contact-cdc.ts';
import { createContactCdc } from './contact-cdc.ts';

const folder = await mkdtemp(join(tmpdir(), 'bevatel-cdc-'));
const [port = 0] = await freePorts(1);
const { part, password } = await preparePostgres({ dataDir: join(folder, 'data'), logFile: join(folder, 'log'), port, throwaway: false });
const start = () => part.start(() => Promise.resolve());
await start();
const databaseUrl = postgresUrl(port, password);
const sandbox = await startBevatelSandbox({ databaseUrl, keys: [] });
const { sql, seed } = sandbox.control;

afterAll(async () => {
  await sandbox.stop();
  await part.discard();
  await rm(folder, { recursive: true, force: true });
});

test('the stream survives restarts and crashes of Postgres, and loses and invents nothing', async () => {
  const states: StreamState[] = [];
  const seen = new Set<string>();
  const cdc = createContactCdc({
    databaseUrl, name: 'restart', retryDelayMs: 20, maxRetryDelayMs: 200, onState: (state) => states.push(state),
  });
  await cdc.prepare();
  const control = new AbortController();
  const streaming = cdc.stream({
    signal: control.signal,
    onBatch: async (events) => {
      for (const event of events) seen.add(`${event.new?.id}@${event.new?.version}`);
    },
  });
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGINT'] as const) {
    await seed('t', Array.from({ length: 200 }, () => ({ fields: { owner: signal } })));
    await sql('UPDATE contacts SET owner = $1', [`after ${signal}`]);
    await part.stop(signal);
    await start();
  }
  const truth = await sql<{ n: number }>('SELECT sum(version) AS n FROM contacts');
  await expect.poll(() => seen.size, { timeout: 20_000 }).toBe(Number(truth[0]?.n));
  expect(states.filter((state) => state.kind === 'retrying').length).toBeGreaterThan(0);
  control.abort();
  expect(await streaming).toEqual({ kind: 'stopped' });
  await cdc.remove();
});

test('a slot that Postgres has invalidated ends the stream by name, and prepare makes it anew', async () => {
  await sql(`ALTER SYSTEM SET idle_replication_slot_timeout = '1s'`);
  await sql('SELECT pg_reload_conf()');
  const cdc = createContactCdc({ databaseUrl, name: 'forgotten' });
  expect(await cdc.prepare()).toBe('created');
  const status = async () => {
    await sql('CHECKPOINT');
    const [slot] = await sql<{ wal_status: string }>(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'forgotten'`);
    return slot?.wal_status;
  };
  await expect.poll(status, { timeout: 30_000 }).toBe('lost');
  const end = await cdc.stream({ signal: AbortSignal.timeout(20_000), onBatch: () => Promise.resolve() });
  expect(end).toEqual({ kind: 'slot_lost', reason: 'invalidated' });
  expect([await cdc.prepare(), await cdc.prepare()]).toEqual(['recreated', 'present']);
  await cdc.remove();
});
