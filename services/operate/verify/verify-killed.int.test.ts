/** A comparison outlives the process that does it: kill -9, and another goes on where it was. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../../deploy/local/ports.ts';
import { zVerification } from '../../../schemas/verification.ts';
import type { Verification } from '../../../schemas/verification.ts';
import { RoleProcess } from '../../../simulation/chaos/roles.ts';
import { until } from '../../../tests/flow/rig.ts';
import { API_KEY, BEVATEL_KEY, INTEGRATION, openRig, TENANT } from '../../../tests/operate-rig.ts';
import type { Rig } from '../../../tests/operate-rig.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';

const PAIRS = 600;
const PAGES = PAIRS / 100;

const stack = await isolatedStack('verify-killed');
let rig: Rig;
let processes: readonly RoleProcess<'operate'>[];

beforeAll(async () => {
  rig = await openRig(stack, { isRunning: false });
  const bevatel = await rig.bevatel.control.seed(TENANT, Array.from({ length: PAIRS }, () => ({ fields: { contact_first_name: 'a' } })));
  const external = rig.hubspot.control.seed(Array.from({ length: PAIRS }, () => ({ firstname: 'a' })));
  await rig.store(...bevatel.map((bevatelId, index) => ({
    bevatelId, externalId: external[index] ?? '', bevatel: { contact_first_name: 'a', company_name: null, email: null }, external: { firstname: 'a', company: null, email: null },
  })));
  const ports = await freePorts(2);
  processes = ports.map((port) => new RoleProcess('operate', port, {
    KAFKA_BROKERS: stack.kafkaBrokers.join(','), SCHEMA_REGISTRY_URL: stack.schemaRegistryUrl, DATABASE_URL: stack.databaseUrl, TOPIC_PREFIX: stack.topicPrefix,
    OPERATE_PORT: String(port), API_KEY, HUBSPOT_TOKEN: 'pat-na1-sandbox', BEVATEL_KEY, LOG_LEVEL: 'warn',
  }));
});
afterAll(async () => {
  await Promise.all(processes.map((one) => one.end('SIGKILL')));
  await rig.close();
});

async function call(process: RoleProcess<'operate'>, path: string, body?: object): Promise<Verification> {
  const answer = await fetch(`${process.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST', headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return zVerification.parse(await answer.json());
}

describe('verify', () => {
  it('goes on where it was after kill -9, in another process, and counts nothing twice', async () => {
    const [first, second] = processes;
    if (!first || !second) throw new Error('two processes are needed');
    await first.start();
    rig.hubspot.control.addFault({ endpoint: 'contacts.batchRead', fault: { kind: 'delay_after', delayMs: 150 }, probability: 1 });
    const { id } = await call(first, '/v1/verifications', { tenant: TENANT, integration: INTEGRATION, settleMs: 0 });
    await until('some of it is examined', async () => (await call(first, `/v1/verifications/${id}`)).examined >= 200);
    await first.end('SIGKILL');
    rig.hubspot.control.clearFaults();
    const { rows: [left] } = await rig.deps.pool.query<{ state: string; examined: number }>("select state, (tally->>'examined')::int as examined from verifications where run_id = $1", [id]);
    expect(left?.state).toBe('running');
    expect(left?.examined).toBeLessThan(PAIRS);
    await second.start();
    await until('it has ended', async () => (await call(second, `/v1/verifications/${id}`)).state !== 'running');
    const { certificate } = await call(second, `/v1/verifications/${id}`);
    expect(certificate).toMatchObject({ id, ok: true, pairs: PAIRS, equal: PAIRS, listed: { bevatel: PAIRS, external: PAIRS }, calls: { read: 2 * PAGES } });
    expect(rig.hubspot.control.counts()['contacts.batchRead']).toBeLessThanOrEqual(PAGES + 1);
  });
});
