import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Pool } from 'pg';
import { isolatedStack } from '../tests/stack/fixture.ts';
import { createPool } from '../runtime/database.ts';
import { loadMigrations, migrate } from '../runtime/migrate.ts';
import { sleep } from '../runtime/sleep.ts';
import type { ContactHint } from '../schemas/change.ts';
import { zIntegration } from '../schemas/integration.ts';
import type { Integration } from '../schemas/integration.ts';
import { listIntegrations, markMatched, readIntegration, recordError, recordSuccess, setPaused, upsertIntegration } from './integrations.ts';
import { advanceListing, beginAnew, beginListing, finishListing, readListing } from './listings.ts';
import { createLocks } from './locks.ts';
import { countWaitingOf, dueHints, parkHints, postponeWaiting, removeWaiting, waitingAmong } from './waiting-hints.ts';
import { watchIntegrations } from './watch-integrations.ts';
import { moveWatermark, readWatermark } from './watermarks.ts';

const stack = await isolatedStack('capture-state');
const KEY = { tenantId: 'acme', integrationId: 'crm' };
let pool: Pool;

beforeAll(async () => {
  await migrate({ databaseUrl: stack.databaseUrl, migrations: await loadMigrations() });
  pool = createPool({ databaseUrl: stack.databaseUrl, applicationName: 'test', onError: () => undefined });
});
afterAll(async () => {
  await pool.end();
});

function file(more: Record<string, unknown> = {}): Integration {
  return zIntegration.parse({
    integration: 'crm', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'T' }, bevatel: { baseUrl: 'http://localhost', keyEnv: 'K' }, match: ['email'],
    fields: [{ bevatel: 'email', external: 'email', lens: 'email' }], ...more,
  });
}

describe('integrations', () => {
  it('applied twice they change nothing; changed, paused and removed ones are told', async () => {
    const told: string[] = [];
    expect(await upsertIntegration(pool, file(), 1)).toBe('ADDED');
    const watch = await watchIntegrations({
      pool, sleep, everyMs: 10, onAdded: () => told.push('added'), onChanged: () => told.push('changed'), onRemoved: () => told.push('removed'), onPaused: ({ paused }) => told.push(paused ? 'paused' : 'resumed'),
    });
    expect(await upsertIntegration(pool, file(), 2)).toBe('UNCHANGED');
    expect((await readIntegration(pool, KEY))?.appliedAt).toBe(1);
    expect(await upsertIntegration(pool, file({ direction: 'to_bevatel' }), 3)).toBe('CHANGED');
    await vi.waitFor(() => expect(told).toEqual(['added', 'changed']));
    await setPaused(pool, KEY, true);
    await vi.waitFor(() => expect(told.at(-1)).toBe('paused'));
    await setPaused(pool, KEY, false);
    await vi.waitFor(() => expect(told.at(-1)).toBe('resumed'));
    expect(watch.get(KEY)?.config.direction).toBe('to_bevatel');
    await pool.query('delete from integrations');
    await vi.waitFor(() => expect(told.at(-1)).toBe('removed'));
    await watch.stop();
  });

  it('remember the newest success, the last error and the first match', async () => {
    await upsertIntegration(pool, file(), 1);
    await recordSuccess(pool, KEY, 20);
    await recordSuccess(pool, KEY, 10);
    await recordError(pool, KEY, { code: 'unauthorised', message: 'the token was refused', at: 5 });
    await markMatched(pool, KEY, 7);
    await markMatched(pool, KEY, 8);
    expect((await listIntegrations(pool))[0]).toMatchObject({ lastSuccessAt: 20, lastError: { code: 'unauthorised', at: 5 }, matchedAt: 7, paused: false });
    expect(await setPaused(pool, { tenantId: 'acme', integrationId: 'nosuch' }, true)).toBe(false);
  });
});

describe('watermarks', () => {
  it('I7: move only from where they stand', async () => {
    const key = { ...KEY, side: 'external' as const };
    expect(await moveWatermark(pool, key, null, { fromMs: 1, lastId: '0' }, 1)).toBe('STORED');
    expect(await moveWatermark(pool, key, null, { fromMs: 9 }, 1)).toBe('ANOTHER_POLL_WENT_ON');
    expect(await moveWatermark(pool, key, { lastId: '0', fromMs: 1 }, { fromMs: 2, lastId: '7' }, 2)).toBe('STORED');
    expect(await moveWatermark(pool, key, { fromMs: 1, lastId: '0' }, { fromMs: 3, lastId: '0' }, 3)).toBe('ANOTHER_POLL_WENT_ON');
    expect(await readWatermark(pool, key)).toEqual({ position: { fromMs: 2, lastId: '7' }, polledAt: 2 });
  });
});

describe('listings', () => {
  const key = { ...KEY, side: 'external' as const };
  const page = (from: string | null, cursor: string | null) => ({ listingId: 'backfill:1', from, cursor, records: 100, total: 250 });

  it('go on from their cursor, count what landed, and end once', async () => {
    expect(await beginListing(pool, key, 'backfill:1', 1)).toMatchObject({ listingId: 'backfill:1', lane: 'backfill', cursor: null, listedAt: null });
    expect(await beginListing(pool, key, 'backfill:2', 2)).toMatchObject({ listingId: 'backfill:1' });
    expect(await advanceListing(pool, key, page(null, 'a'))).toBe('STORED');
    expect(await advanceListing(pool, key, page(null, 'a'))).toBe('ANOTHER_LISTING_WENT_ON');
    expect(await readListing(pool, key)).toMatchObject({ cursor: 'a', records: 100, total: 250 });
    expect(await finishListing(pool, key, page('a', null), 9)).toBe('STORED');
    expect(await finishListing(pool, key, page('a', null), 10)).toBe('ANOTHER_LISTING_WENT_ON');
    expect(await readListing(pool, key)).toMatchObject({ records: 200, total: 200, listedAt: 9 });
  });

  it('begun anew they forget marks and place, and a running one loses its turn', async () => {
    await pool.query("update listings set marks = '{0,1}', stored_at = 5");
    await beginAnew(pool, key, 'repair:2', 20);
    expect(await readListing(pool, key)).toMatchObject({ listingId: 'repair:2', lane: 'repair', cursor: null, records: 0, listedAt: null, storedAt: null });
    expect(await advanceListing(pool, key, page(null, 'b'))).toBe('ANOTHER_LISTING_WENT_ON');
    await beginAnew(pool, key, 'repair:3', 30);
    expect((await readListing(pool, key))?.listingId).toBe('repair:2');
  });
});

describe('waiting hints', () => {
  const hint = (recordId: string, more: Partial<ContactHint> = {}): ContactHint => ({
    hintId: 'h', ...KEY, side: 'external', recordId, lane: 'live', origin: 'webhook', event: 'changed', field: null, value: null, revision: null, occurredAt: 1, receivedAt: 1, mergedInto: null, ...more,
  });

  it('one row per record; a hint that comes during the read is not lost; the survivor of a merge stays known', async () => {
    await parkHints(pool, [hint('1', { mergedInto: '9' }), hint('2')], 10, 10);
    expect(await dueHints(pool, KEY, 9, 10)).toEqual([]);
    const read = await dueHints(pool, KEY, 10, 10);
    await parkHints(pool, [hint('1', { event: 'deleted' })], 99, 99);
    await removeWaiting(pool, read);
    const left = await dueHints(pool, KEY, 10, 10);
    expect(left.map(({ hint: one }) => [one.recordId, one.event, one.mergedInto])).toEqual([['1', 'deleted', '9']]);
    await postponeWaiting(pool, KEY, 50);
    expect(await dueHints(pool, KEY, 49, 10)).toEqual([]);
    expect(await dueHints(pool, KEY, 50, 10)).toHaveLength(1);
  });

  it('the most urgent lane goes first, and a record keeps the most urgent one that asked for it', async () => {
    await pool.query('delete from waiting_hints');
    await parkHints(pool, [hint('repaired', { lane: 'repair' }), hint('both', { lane: 'repair' })], 1, 1);
    await parkHints(pool, [hint('live'), hint('both')], 5, 5);
    await parkHints(pool, [hint('both', { lane: 'repair' })], 9, 9);
    expect((await dueHints(pool, KEY, 10, 10)).map(({ hint: one }) => [one.recordId, one.lane])).toEqual([['both', 'live'], ['live', 'live'], ['repaired', 'repair']]);
    expect(await waitingAmong(pool, KEY, 'external', ['live', 'nosuch'])).toEqual(new Set(['live']));
    expect([await countWaitingOf(pool, KEY, 2), await countWaitingOf(pool, KEY, 10)]).toEqual([2, 3]);
  });
});

describe('locks', () => {
  it('have one holder; a released one goes to the next', async () => {
    const [one, two] = [createLocks(pool), createLocks(pool)];
    const held = await one.tryHold('job');
    expect(held).not.toBeNull();
    expect([await two.tryHold('job'), await one.tryHold('job')]).toEqual([null, null]);
    await held?.release();
    expect(await two.tryHold('job')).not.toBeNull();
    await Promise.all([one.close(), two.close()]);
  });

  it('I7: a lost connection ends the job of its holder, and the lock is free again', async () => {
    const [one, two] = [createLocks(pool), createLocks(pool)];
    const held = await one.tryHold('job');
    await pool.query("select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database where l.locktype = 'advisory' and d.datname = current_database()");
    await vi.waitFor(() => expect(held?.signal.aborted).toBe(true));
    await vi.waitFor(async () => expect(await two.tryHold('job')).not.toBeNull());
    await Promise.all([one.close(), two.close()]);
  });
});
