/** What PostgreSQL promises delivery: leases that pass each other over, one link per record, restarts after a race (I4, §6). */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Link } from '../../domain/link.ts';
import { inTransaction } from '../../runtime/database.ts';
import { SyncError } from '../../schemas/errors.ts';
import { lockByKey, lockDue } from '../../store/leases.ts';
import type { LeaseRequest } from '../../store/leases.ts';
import { lockLinks, saveLinks } from '../../store/links.ts';
import type { LinkWrite } from '../../store/links.ts';
import { openTestDeps } from '../../tests/stack/deps.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';

const { pool } = await openTestDeps(await isolatedStack('leases'));
const NOW = 1_000_000;
const REQUEST: LeaseRequest = { tenantId: 'acme', integrationId: 'crm', limit: 10, now: NOW, mayCreate: true, backfill: { atLeast: 100, orAfterMs: 500 } };

beforeEach(async () => {
  await pool.query('truncate links');
});

/** A pair on which a value is wanted in the external system. */
function wanting(number: number): Link {
  return {
    tenantId: 'acme', integrationId: 'crm', linkId: `l${String(number).padStart(3, '0')}`, bevatelId: `b${number}`, externalId: `x${number}`, erased: false,
    state: { seen: {}, attempts: [], groups: { company_name: { wanted: { side: 'external', values: ['new'] } } } },
  };
}

async function insert(links: readonly Link[], more: Partial<LinkWrite> = {}): Promise<void> {
  await inTransaction(pool, (client) => saveLinks(client, links.map((link) => ({ link, lane: 'live', lease: 'keep', ...more })), [], NOW));
}

async function due(request: Partial<LeaseRequest> = {}): Promise<string[]> {
  return inTransaction(pool, async (client) => (await lockDue(client, { ...REQUEST, ...request })).map(({ link }) => link.linkId));
}

describe('leases', () => {
  it('two workers at the same time never get the same link', async () => {
    await insert(Array.from({ length: 20 }, (_, index) => wanting(index)));
    const both = Promise.withResolvers<void>();
    let inside = 0;
    const take = () => inTransaction(pool, async (client) => {
      const taken = (await lockDue(client, REQUEST)).map(({ link }) => link.linkId);
      inside += 1;
      if (inside === 2) both.resolve();
      await both.promise;
      return taken;
    });
    const [first, second] = await Promise.all([take(), take()]);
    expect([first?.length, second?.length]).toEqual([10, 10]);
    expect(new Set([...(first ?? []), ...(second ?? [])]).size).toBe(20);
  });

  it('a leased link is passed over until its lease ends, as after a crash', async () => {
    await insert([wanting(1)]);
    await inTransaction(pool, async (client) => {
      const [stored] = await lockDue(client, REQUEST);
      saveLinks(client, [], [{ link: stored?.link as Link, lane: null, lease: { id: 'lease', until: NOW + 3_000 }, dueAt: NOW + 3_000 }], NOW);
    });
    expect(await due()).toEqual([]);
    expect(await due({ now: NOW + 2_999 })).toEqual([]);
    expect(await due({ now: NOW + 3_000 })).toEqual(['l001']);
  });

  it('a change during the lease keeps it: the link is not written by two at once', async () => {
    await insert([wanting(1)]);
    await inTransaction(pool, async (client) => {
      const [stored] = await lockDue(client, REQUEST);
      saveLinks(client, [], [{ link: stored?.link as Link, lane: null, lease: { id: 'lease', until: NOW + 3_000 }, dueAt: NOW + 3_000 }], NOW);
    });
    await inTransaction(pool, async (client) => {
      const [stored] = await lockByKey(client, [wanting(1)]);
      expect(stored?.leaseId).toBe('lease');
      saveLinks(client, [], [{ link: stored?.link as Link, lane: 'live', lease: 'keep' }], NOW + 10);
    });
    expect(await due({ now: NOW + 20 })).toEqual([]);
    expect(await due({ now: NOW + 3_000 })).toEqual(['l001']);
  });

  it('live goes before backfill, which waits until a batch is full or old', async () => {
    await insert([wanting(1)], { lane: 'backfill' });
    await insert([wanting(2)]);
    expect(await due()).toEqual(['l002']);
    expect(await due({ now: NOW + 500 })).toEqual(['l002', 'l001']);
    expect(await due({ backfill: { atLeast: 1, orAfterMs: 60_000 } })).toEqual(['l002', 'l001']);
  });

  it('partners are not created before both sides were listed', async () => {
    await insert([{ ...wanting(1), externalId: null, state: { seen: {}, attempts: [], groups: {}, create: 'external' } }]);
    expect(await due({ mayCreate: false })).toEqual([]);
    expect(await due()).toEqual(['l001']);
  });
});

describe('I4: one link per record', () => {
  const codeOf = (work: Promise<unknown>): Promise<unknown> => work.then(() => 'inserted', (error: { code?: string }) => error.code);

  it('a second link of the same Bevatel contact or external record in one integration is refused', async () => {
    await insert([wanting(1)]);
    expect(await codeOf(insert([{ ...wanting(2), bevatelId: 'b1' }]))).toBe('23505');
    expect(await codeOf(insert([{ ...wanting(2), externalId: 'x1' }]))).toBe('23505');
    expect(await codeOf(insert([{ ...wanting(2), bevatelId: null, externalId: null }]))).toBe('23514');
  });

  it('another integration or tenant has its own, and one-sided links are many', async () => {
    await insert([wanting(1)]);
    await insert([{ ...wanting(1), integrationId: 'crm2' }, { ...wanting(1), tenantId: 'other' }]);
    await insert([{ ...wanting(2), externalId: null }, { ...wanting(3), externalId: null }]);
    expect((await pool.query('select 1 from links')).rowCount).toBe(5);
  });

  it('hub and spoke: a Bevatel record locks its links of all integrations of its tenant, in the common order', async () => {
    await insert([{ ...wanting(1), integrationId: 'crm2' }, wanting(1), { ...wanting(1), tenantId: 'other' }]);
    const locked = await inTransaction(pool, (client) => lockLinks(client, [{ tenantId: 'acme', integrationId: null, side: 'bevatel', recordId: 'b1' }]));
    expect(locked.map(({ link }) => `${link.tenantId}/${link.integrationId}`)).toEqual(['acme/crm', 'acme/crm2']);
  });
});

describe('races', () => {
  it('a deadlock restarts the one that lost it, and both effects stand', async () => {
    await insert([wanting(1), wanting(2)]);
    const bothHold = Promise.withResolvers<void>();
    const attempts = [0, 0];
    let holding = 0;
    const crosswise = (who: 0 | 1, first: string, second: string) => inTransaction(pool, async (client) => {
      attempts[who] = (attempts[who] ?? 0) + 1;
      const bump = (linkId: string) => client.query({ text: 'update links set version = version + 1 where link_id = $1', values: [linkId] });
      await bump(first);
      holding += 1;
      if (holding === 2) bothHold.resolve();
      await bothHold.promise;
      await bump(second);
    });
    await Promise.all([crosswise(0, 'l001', 'l002'), crosswise(1, 'l002', 'l001')]);
    expect((attempts[0] ?? 0) + (attempts[1] ?? 0)).toBeGreaterThan(2);
    const { rows } = await pool.query<{ version: string }>('select version from links');
    expect(rows.map(({ version }) => Number(version))).toEqual([3, 3]);
  });

  it('any other failure is not repeated, and leaves nothing behind', async () => {
    let attempts = 0;
    await expect(inTransaction(pool, async (client) => {
      attempts += 1;
      saveLinks(client, [{ link: wanting(1), lane: 'live', lease: 'keep' }], [], NOW);
      throw new SyncError('unexpected_answer', 'half-way');
    })).rejects.toMatchObject({ code: 'unexpected_answer' });
    expect([attempts, (await pool.query('select 1 from links')).rowCount]).toEqual([1, 0]);
  });
});
