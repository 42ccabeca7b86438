/** What is lost without a name makes every integration be compared and repaired: once, audited, together with the loss (I7). */
import { beforeEach, describe, expect, it } from 'vitest';
import { zIntegration } from '../schemas/integration.ts';
import { openTestDeps } from '../tests/stack/deps.ts';
import { isolatedStack } from '../tests/stack/fixture.ts';
import { listAudit } from './audit.ts';
import { upsertIntegration } from './integrations.ts';
import { beginPosition, passExpired, readPosition } from './positions.ts';
import { repairAll } from './start-run.ts';
import { listRuns, stopRun } from './verifications.ts';

const deps = await openTestDeps(await isolatedStack('start-run'));
const { pool } = deps;
const KEY = { group: 'g', topic: 't', partition: 0 };
const ALL = { tenantId: null, integrationId: null, limit: 10 };

beforeEach(async () => {
  await pool.query('truncate integrations, verifications, audit, positions');
  for (const tenant of ['acme', 'zeta']) {
    await upsertIntegration(pool, zIntegration.parse({
      integration: 'crm', tenant, system: 'hubspot', connection: { tokenEnv: 'T' }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'K' }, match: [], fields: [{ bevatel: 'company_name', external: 'company' }],
    }), 1);
  }
  await beginPosition(pool, KEY, 5, 1);
});

function expire(to: number): Promise<void> {
  return repairAll(deps, 'position_expired t-0', (transaction) => passExpired(transaction, KEY, to));
}

describe('repairAll', () => {
  it('begins a repair of each integration, audited as by the service, in the transaction that passes the lost records', async () => {
    await expire(9);
    expect((await readPosition(pool, KEY))?.nextOffset).toBe(9);
    expect((await listRuns(pool, ALL)).map(({ tenantId, kind, state, phase, order }) => ({ tenantId, kind, state, phase, scope: order.scope.kind, by: order.requestedBy })).toSorted((a, b) => (a.tenantId < b.tenantId ? -1 : 1))).toEqual(
      ['acme', 'zeta'].map((tenantId) => ({ tenantId, kind: 'repair', state: 'running', phase: 'bevatel', scope: 'all', by: 'service' })));
    expect(await listAudit(pool, 'acme', 10)).toMatchObject([{ actor: 'service', action: 'repair', target: 'crm position_expired t-0' }]);
  });

  it('begins none beside one that has just begun, and another one when that has ended', async () => {
    await expire(9);
    await expire(12);
    expect(await listRuns(pool, ALL)).toHaveLength(2);
    expect((await readPosition(pool, KEY))?.nextOffset).toBe(12);
    for (const run of await listRuns(pool, ALL)) await stopRun(pool, run, { state: 'cancelled', error: null }, 2);
    await expire(15);
    expect((await listRuns(pool, ALL)).filter(({ state }) => state === 'running')).toHaveLength(2);
  });

  it('begins nothing when the loss is not made final', async () => {
    await expect(repairAll(deps, 'x', () => { throw new Error('no'); })).rejects.toThrow('no');
    expect(await listRuns(pool, ALL)).toEqual([]);
  });
});
