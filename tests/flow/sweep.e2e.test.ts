/** The sweep: both sides are compared in the background within a budget, and drift is mended without anybody's order. */
import { describe, expect, it } from 'vitest';
import { zCertificateList } from '../../schemas/verification.ts';
import { listAudit } from '../../store/audit.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import { listRuns } from '../../store/verifications.ts';
import type { Run } from '../../store/verifications.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { startOperator } from './operator.ts';
import { Flow, TENANT, until } from './rig.ts';

const OFF = { recordsPerHour: 0 };
const flow = await Flow.open(await isolatedStack('sweep'), { integration: { poll: { everyMs: 3_600_000 }, sweep: OFF } });
const { hubspot } = flow;
await flow.start();

/** An integration that is applied anew is polled at once; what is lost afterwards no poll within the test finds. */
async function allow(recordsPerHour: number): Promise<void> {
  const { pool, clock } = flow.deps;
  const from = clock();
  await upsertIntegration(pool, { ...flow.integration, sweep: { recordsPerHour, everyMinutes: 1 } }, from);
  await until('it was polled', async () => Number((await pool.query<{ at: string }>('select polled_at as at from watermarks')).rows[0]?.at) > from);
}

async function loseEdit(externalId: string, company: string): Promise<void> {
  hubspot.control.configureWebhooks({ loss: 1 });
  hubspot.control.edit(externalId, { company });
  await until('the webhook is lost', () => hubspot.control.webhooksIdle());
  hubspot.control.configureWebhooks({ loss: 0 });
}

/** The only sweep that there is. */
async function theRound(): Promise<Run> {
  const [run, ...others] = await listRuns(flow.deps.pool, { tenantId: TENANT, integrationId: null, limit: 10 });
  if (!run || others.length > 0) throw new Error(`${others.length + 1} runs instead of one`);
  return run;
}

async function rounds(): Promise<number> {
  return Number((await flow.deps.pool.query("select from verifications where kind = 'sweep'")).rowCount);
}

describe('sweep', () => {
  it('with a budget of 0 does nothing, and says so', async () => {
    const operator = await startOperator(flow);
    expect((await operator.status()).sweep).toEqual({ state: 'off', recordsPerHour: 0, round: null, lastRound: null });
    await operator.role.stop();
    expect(await rounds()).toBe(0);
  });

  it('I1: mends a lost edit by itself, certifies its round, and shows both', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Swept', email: 'swept@acme.test', company_name: 'o' });
    await allow(1_000_000_000);
    await loseEdit(externalId, 'found by the sweep');
    const operator = await startOperator(flow);
    await until('the edit is in Bevatel', async () => (await flow.contact(bevatelId))?.fields['company_name'] === 'found by the sweep');
    await until('the round has ended', async () => (await operator.status()).sweep.lastRound !== null);
    const { sweep } = await operator.status();
    expect(sweep).toMatchObject({ state: 'resting', round: null, lastRound: { drift: { unseen: 1, gone: 0, stray: 0, unlinked: 0, differing: 0 }, unexplained: 0 } });
    const { certificates } = zCertificateList.parse(await operator.call('GET', '/v1/certificates?kind=sweep'));
    expect(certificates).toMatchObject([{ id: sweep.lastRound?.certificate, ok: true, pairs: 1, equal: 1, requestedBy: 'service' }]);
    expect(await listAudit(flow.deps.pool, TENANT, 10)).toContainEqual(expect.objectContaining({ actor: 'service', action: 'sweep.repair', target: 'crm reads:2 decided:0' }));
    const metrics = await (await fetch(`${operator.role.url}/metrics`)).text();
    expect(metrics).toMatch(/sync_drift\{integration="acme\/crm",kind="unseen"\} 1/);
    await operator.role.stop();
  });

  it('pays for each record from its budget before it goes on, and after a restart goes on where it was', async () => {
    const { pool, clock } = flow.deps;
    await pool.query("delete from verifications where kind = 'sweep'");
    await allow(3_600);
    const first = await startOperator(flow);
    await until('a round has begun', async () => (await rounds()) === 1);
    const saved = await theRound();
    expect(saved.nextAt - saved.startedAt).toBe(100_000);
    await pool.query('update verifications set next_at = $1', [clock()]);
    await until('the first page is listed', async () => (await theRound()).phase === 'external');
    await first.role.stop();
    const stopped = await theRound();
    expect(stopped.state).toBe('running');
    expect(stopped.nextAt - stopped.updatedAt).toBe(1_000);
    const second = await startOperator(flow);
    await until('the round has ended', async () => (await theRound()).state === 'done');
    expect(await second.run(stopped.runId)).toMatchObject({ state: 'done', certificate: { ok: true, pairs: 1, calls: { list: 2, read: 2 } } });
    await second.role.stop();
  });

  it('stays away while the integration is paused', async () => {
    await flow.deps.pool.query("delete from verifications where kind = 'sweep'");
    await flow.deps.pool.query('update integrations set paused = true');
    const operator = await startOperator(flow);
    expect((await operator.verify()).ok).toBe(true);
    expect((await operator.status()).sweep.state).toBe('paused');
    expect(await rounds()).toBe(0);
  });
});
