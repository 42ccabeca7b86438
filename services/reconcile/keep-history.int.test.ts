/** The history of decisions, tended: days made ahead, and removed when no tenant keeps them. */
import { afterAll, describe, expect, it, vi } from 'vitest';
import { inTransaction } from '../../runtime/database.ts';
import { zIntegration } from '../../schemas/integration.ts';
import { insertDecisions } from '../../store/decisions.ts';
import { DAY_MS, listPartitions, makePartition } from '../../store/history-partitions.ts';
import { historySince } from '../../store/history.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import { createLocks } from '../../store/locks.ts';
import { openTestDeps } from '../../tests/stack/deps.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { keepHistory, prepareHistory } from './keep-history.ts';

const TODAY = Date.UTC(2026, 4, 1);
const opened = await openTestDeps(await isolatedStack('keep-history'), { clock: () => TODAY + 12 * 3_600_000 });
const { pool } = opened;
const deps = { ...opened, locks: createLocks(pool) };
const elsewhere = createLocks(pool);
afterAll(async () => { await Promise.all([deps.locks.close(), elsewhere.close()]); });

async function apply(tenant: string, keepDays: number): Promise<void> {
  await upsertIntegration(pool, zIntegration.parse({
    integration: 'crm', tenant, system: 'hubspot', connection: { tokenEnv: 'T' }, bevatel: { baseUrl: 'http://bevatel.test', keyEnv: 'K' }, match: [], history: { keepDays },
    fields: [{ bevatel: 'company_name', external: 'company' }],
  }), 1);
}

/** One decision of a tenant, so many days ago. */
async function decided(tenantId: string, daysAgo: number): Promise<void> {
  const decidedAt = TODAY - daysAgo * DAY_MS + 1;
  await inTransaction(pool, (transaction) => insertDecisions(transaction, [{
    source: { source: 's', offset: 0 },
    decision: { decisionId: `${tenantId}${daysAgo}`, tenantId, integrationId: 'crm', linkId: 'l', bevatelId: null, externalId: null, causeId: 'c', cause: 'change', side: null, verdict: 'propagate', groups: [], decidedAt },
  }]));
}

async function kept(): Promise<string[]> {
  const { rows } = await pool.query<{ decision_id: string }>('select decision_id from decisions order by decided_at, tenant_id');
  return rows.map(({ decision_id: id }) => id);
}

async function days(): Promise<number[]> {
  return (await listPartitions(pool)).map(({ from }) => Math.round((from - TODAY) / DAY_MS));
}

describe('keepHistory', () => {
  it('makes the days to come, and nothing twice', async () => {
    await Promise.all([prepareHistory(deps), prepareHistory({ ...deps, locks: elsewhere })]);
    await prepareHistory(deps);
    expect(await days()).toEqual([0, 1, 2, 3]);
  });

  it('drops days that no tenant keeps, and deletes what single tenants do not; says since when all are kept', async () => {
    await apply('short', 3);
    await apply('long', 10);
    for (const daysAgo of [12, 11, 10, 9, 5, 3, 2]) await makePartition(pool, TODAY - daysAgo * DAY_MS);
    for (const daysAgo of [200, 12, 10, 9, 5, 3, 2, 0]) for (const tenant of ['short', 'long']) await decided(tenant, daysAgo);
    const stopping = new AbortController();
    const keeping = keepHistory(deps, stopping.signal);
    await vi.waitFor(async () => { expect(await kept()).toEqual(['long10', 'long9', 'long5', 'long3', 'short3', 'long2', 'short2', 'long0', 'short0']); }, { timeout: 20_000 });
    stopping.abort();
    await keeping;
    expect(await days()).toEqual([-10, -9, -5, -3, -2, 0, 1, 2, 3]);
    expect([await historySince(pool, { tenantId: 'short', integrationId: 'crm' }), await historySince(pool, { tenantId: 'long', integrationId: 'crm' })]).toEqual([TODAY - 3 * DAY_MS, TODAY - 10 * DAY_MS]);
  });

  it('is done by one process at a time', async () => {
    const held = await elsewhere.tryHold('history');
    await pool.query('drop table decisions_20260504');
    await prepareHistory(deps);
    expect(await days()).not.toContain(3);
    await held?.release();
    await prepareHistory(deps);
    expect(await days()).toContain(3);
  });
});
