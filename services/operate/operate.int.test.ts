/** Status, explain, dead letters, pause and resume over the API, with rows made by the store's own functions. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inTransaction } from '../../runtime/database.ts';
import { zDeadLetterDetail, zDeadLetterList, zExplainAnswer, zIntegrationDetail, zIntegrationList, zReplayAnswer, zStatus } from '../../schemas/api.ts';
import type { IntegrationStatus } from '../../schemas/api.ts';
import type { ContactChange } from '../../schemas/change.ts';
import type { ContactDecision, GroupVerdict } from '../../schemas/decision.ts';
import { changesTopic, topicName } from '../../schemas/topics.ts';
import { insertDecisions } from '../../store/decisions.ts';
import { recordError, recordSuccess } from '../../store/integrations.ts';
import { createLagRecorder } from '../../store/lag.ts';
import { beginPosition } from '../../store/positions.ts';
import { insertDeadLetters, supersede } from '../../store/quarantine.ts';
import type { Quarantined } from '../../store/quarantine.ts';
import { listAudit } from '../../store/audit.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { INTEGRATION, openRig, TENANT } from '../../tests/operate-rig.ts';
import type { Rig } from '../../tests/operate-rig.ts';

const stack = await isolatedStack('operate');
const KEY = { tenantId: TENANT, integrationId: INTEGRATION };
let rig: Rig;
let live = '';
beforeAll(async () => {
  rig = await openRig(stack);
  live = topicName(stack.topicPrefix, changesTopic('live'));
});
afterAll(async () => { await rig.close(); });
beforeEach(async () => {
  await rig.deps.pool.query('truncate links, dead_letters, decisions, lag_minutes, listings');
  await rig.deps.pool.query('update integrations set paused = false, last_success_at = null, last_error = null');
});

async function status(): Promise<IntegrationStatus> {
  const { body } = await rig.get('/v1/status');
  const [one] = zStatus.parse(body).integrations;
  if (!one) throw new Error('no integration');
  return one;
}

describe('status', () => {
  it('is never green before the first success', async () => {
    expect(await status()).toMatchObject({ tenant: TENANT, integration: INTEGRATION, system: 'hubspot', state: 'starting', lastSuccessAt: null });
    await recordSuccess(rig.deps.pool, KEY, 1_000);
    expect(await status()).toMatchObject({ state: 'connected', lastSuccessAt: 1_000, reason: null });
  });

  it.each([
    ['an error that is tried again', 'system_unavailable', 'degraded', false],
    ['an error that does not mend by itself', 'unauthorised', 'error', false],
  ] as const)('%s after the last success', async (_what, code, state, ok) => {
    await recordSuccess(rig.deps.pool, KEY, 1_000);
    await recordError(rig.deps.pool, KEY, { code, message: 'it said no', at: 2_000 });
    expect(await status()).toMatchObject({ state, reason: { code, message: 'it said no', at: 2_000 } });
    expect(zStatus.parse((await rig.get('/v1/status')).body).ok).toBe(ok);
    await recordSuccess(rig.deps.pool, KEY, 3_000);
    expect(await status()).toMatchObject({ state: 'connected', reason: null });
  });

  it('pause and resume are shown, audited and wake the roles', async () => {
    rig.woken.length = 0;
    expect(await rig.post(`/v1/integrations/${TENANT}/${INTEGRATION}/pause`, {})).toEqual({ status: 200, body: { tenant: TENANT, integration: INTEGRATION, paused: true } });
    expect(await status()).toMatchObject({ state: 'paused' });
    expect(await rig.post(`/v1/integrations/${TENANT}/${INTEGRATION}/resume`, {})).toMatchObject({ status: 200, body: { paused: false } });
    expect((await listAudit(rig.deps.pool, TENANT, 2)).map(({ action, actor }) => [action, actor])).toEqual([['integration.resume', 'mona'], ['integration.pause', 'mona']]);
    expect(rig.woken).toEqual([`${TENANT}/${INTEGRATION}`, `${TENANT}/${INTEGRATION}`]);
    expect(await rig.post(`/v1/integrations/${TENANT}/nosuch/pause`, {})).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });

  it('counts links, the queue by kind and lane, holds and dead letters', async () => {
    await rig.store(
      { bevatelId: 'b1', externalId: 'x1', bevatel: {}, external: {}, state: { groups: { company_name: { wanted: { side: 'external', values: ['a'] } } } } },
      { bevatelId: 'b2', externalId: null, bevatel: {}, state: { create: 'external' } },
      { bevatelId: 'b3', externalId: null, bevatel: {}, state: { create: 'external', retry: { at: Date.now() + 3_600_000, count: 1 } } },
      { bevatelId: 'b4', externalId: null, bevatel: {}, state: { hold: { kind: 'multi_match', since: 1, candidates: [] } } },
      { bevatelId: 'b5', externalId: 'x5', erased: true },
    );
    await quarantine(letter('1', {}));
    expect(await status()).toMatchObject({
      links: { paired: 1, oneSided: 3, erased: 1 }, conflicts: { links: 1, holds: 1 }, deadLetters: 1,
      queue: expect.arrayContaining([{ kind: 'write', lane: 'live', due: 1, waiting: 0 }, { kind: 'create', lane: 'live', due: 1, waiting: 1 }]) as unknown,
    });
  });

  it('a change that has waited too long degrades, and tells its age', async () => {
    await recordSuccess(rig.deps.pool, KEY, Date.now());
    const [linkId] = await rig.store({ bevatelId: 'b1', externalId: 'x1', bevatel: {}, external: {}, state: { groups: { company_name: { wanted: { side: 'external', values: ['a'] } } } } });
    expect((await status()).state).toBe('connected');
    await rig.deps.pool.query(`update links set state = jsonb_set(jsonb_set(state::jsonb, '{seen,bevatel,recordedAt}', '1000'), '{seen,external,recordedAt}', '1000') where link_id = $1`, [linkId]);
    const told = await status();
    expect(told).toMatchObject({ state: 'degraded', reason: { code: 'overdue' } });
    expect(told.oldestMs).toBeGreaterThan(1_000_000);
  });

  it('tells percentiles of the lag per written side', async () => {
    const lag = createLagRecorder({ pool: rig.deps.pool, clock: rig.deps.clock, flushEveryMs: 3_600_000 });
    for (let ms = 1; ms <= 1_000; ms += 1) lag.record({ ...KEY, side: 'external' }, ms);
    await lag.flush();
    lag.record({ ...KEY, side: 'external' }, 500);
    await lag.stop();
    const { lag: told } = await status();
    expect(told.bevatel).toBeNull();
    expect(told.external?.count).toBe(1_001);
    expect(told.external?.p50Ms).toBeGreaterThanOrEqual(500);
    expect(told.external?.p50Ms).toBeLessThanOrEqual(550);
    expect(told.external?.p99Ms).toBeGreaterThanOrEqual(990);
    expect(told.external?.p99Ms).toBeLessThanOrEqual(1_090);
  });

  it('tells how far the first listings are', async () => {
    const insert = 'insert into listings (tenant_id, integration_id, side, listing_id, records, total, started_at, listed_at, stored_at) values ($1, $2, $3, $4, $5, $6, 1, $7, $8)';
    await rig.deps.pool.query(insert, [TENANT, INTEGRATION, 'bevatel', 'l1', 50, 200, null, null]);
    await rig.deps.pool.query(insert, [TENANT, INTEGRATION, 'external', 'l2', 70, null, 2, 3]);
    expect((await status()).listings.toSorted((a, b) => a.side.localeCompare(b.side))).toEqual([
      { side: 'bevatel', state: 'listing', records: 50, total: 200 }, { side: 'external', state: 'stored', records: 70, total: null },
    ]);
  });

  it('tells the lag of the consumers in records', async () => {
    const publisher = rig.deps.kafka.publisher();
    await publisher.publish(Array.from({ length: 5 }, () => ({ topic: live, key: 'k', value: Buffer.from('x'), partition: 1 })));
    const group = `${stack.topicPrefix}reconcile-live`;
    const lagOf = async () => zStatus.parse((await rig.get('/v1/status')).body).kafka.consumers.find((one) => one.group === group);
    const before = (await lagOf())?.records ?? 0;
    const [range] = (await rig.deps.kafka.ranges([live])).filter(({ partition }) => partition === 1);
    await beginPosition(rig.deps.pool, { group, topic: live, partition: 1 }, Number(range?.high ?? 0n) - 2, Date.now());
    const after = await lagOf();
    expect(before - (after?.records ?? 0)).toBe(Number(range?.high ?? 0n) - 2);
    expect(after?.records).toBe(2);
    expect(after?.seconds).not.toBeNull();
    await rig.deps.pool.query('delete from positions');
  });

  it('I11: the metrics tell the same numbers, and no personal data', async () => {
    await rig.store({ bevatelId: 'b1', externalId: 'x1', bevatel: { company_name: 'Secret Company' }, external: {}, state: { hold: { kind: 'multi_match', since: 1, candidates: [] } } });
    const text = await (await fetch(`${rig.url}/metrics`)).text();
    expect(text).toContain(`sync_integration_state{integration="${TENANT}/${INTEGRATION}",state="connected"} `);
    expect(text).toMatch(/sync_holds\{integration="acme\/crm"\} \d/);
    expect(text).toContain('sync_consumer_lag_records');
    expect(text).not.toContain('Secret');
  });

  it('health needs no key', async () => {
    expect((await fetch(`${rig.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${rig.url}/health/ready`)).status).toBe(200);
  });
});

describe('explain', () => {
  it('tells where each value came from, by which rule, and what was overridden', async () => {
    const [linkId = ''] = await rig.store({
      bevatelId: 'b7', externalId: 'x7', bevatel: { contact_first_name: 'Noura', company_name: 'B', email: null }, external: { firstname: 'Noura', company: 'B', email: null },
      state: { groups: { company_name: { base: [['B'], ['B']] }, email: { skipped: 'invalid:email' } } },
    });
    const won: GroupVerdict = {
      group: 'company_name', verdict: 'conflict_resolved', rule: 'policy:latest_wins', conflict: 'update_update_same_field', bevatel: ['B'], external: ['X'], base: [['o'], ['o']],
      writeTo: 'external', write: ['B'], bevatelAt: 2_000, externalAt: 1_000, bevatelActor: 'mona', externalActor: 'userId:55',
    };
    const earlier: GroupVerdict = { group: 'company_name', verdict: 'propagate', rule: 'one_side_changed', bevatel: ['o'], external: ['X'], writeTo: 'bevatel', externalAt: 500 };
    await decide(linkId, 10, [earlier]);
    await decide(linkId, 20, [won]);
    await decide(linkId, 30, [{ group: 'company_name', verdict: 'in_flight', rule: 'attempt_outstanding' }]);
    for (const contact of ['b7', 'x7']) {
      const { links } = zExplainAnswer.parse((await rig.get(`/v1/explain?contact=${contact}`)).body);
      expect(links).toHaveLength(1);
      expect(links[0]).toMatchObject({ linkId, bevatelId: 'b7', externalId: 'x7', state: 'paired' });
      const company = links[0]?.fields.find(({ group }) => group === 'company_name');
      expect(company).toMatchObject({
        bevatel: { values: ['B'] }, external: { values: ['B'] }, base: { bevatel: ['B'], external: ['B'] },
        origin: { side: 'bevatel', verdict: 'conflict_resolved', rule: 'policy:latest_wins', decidedAt: 20, editedAt: 2_000, actor: 'mona' },
        overridden: [{ side: 'external', values: ['X'], editedAt: 1_000, actor: 'userId:55', by: ['B'], rule: 'policy:latest_wins', decidedAt: 20 }],
      });
      expect(links[0]?.fields.find(({ group }) => group === 'email')).toMatchObject({ skipped: 'invalid:email', origin: null });
    }
    expect(await rig.get('/v1/explain?contact=nobody')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await rig.get(`/v1/explain?contact=b7&tenant=another`)).toMatchObject({ status: 404 });
  });

  async function decide(linkId: string, decidedAt: number, groups: readonly GroupVerdict[]): Promise<void> {
    const decision: ContactDecision = {
      decisionId: `d${decidedAt}`, ...KEY, linkId, bevatelId: 'b7', externalId: 'x7', causeId: 'c', cause: 'change', side: 'bevatel', verdict: 'unchanged', groups, decidedAt,
    };
    await inTransaction(rig.deps.pool, (client) => insertDecisions(client, [{ decision, source: null }]));
  }
});

function letter(id: string, more: Partial<Quarantined>): Quarantined {
  return {
    deadLetterId: id, ...KEY, side: 'bevatel', recordId: 'b1', code: 'value_invalid', detail: 'phone', stage: 'reconcile', topic: live, partition: 2, offset: '7',
    key: Buffer.from('acme/bevatel/-/b1'), bytes: Buffer.from([0, 1, 2, 255]), deadAt: 1_000, ...more,
  };
}

async function quarantine(...letters: readonly Quarantined[]): Promise<void> {
  await inTransaction(rig.deps.pool, (client) => insertDeadLetters(client, letters));
}

/** What was published on the partition since `from`. */
async function published(partition: number, from: bigint): Promise<{ key: Buffer | null; value: Buffer | null }[]> {
  const found: { key: Buffer | null; value: Buffer | null }[] = [];
  const [range] = (await rig.deps.kafka.ranges([live])).filter((one) => one.partition === partition);
  if (!range || range.high <= from) return found;
  const { promise, resolve } = Promise.withResolvers<void>();
  const reader = rig.deps.kafka.createReader({
    groupId: `${stack.topicPrefix}look-${crypto.randomUUID()}`, topics: [live], sessionTimeoutMs: 10_000, maxWaitMs: 20,
    onAssigned: (partitions) => { for (const at of partitions) { reader.seek(at, at.partition === partition ? from : 0n); reader.resume(at); } },
    onRecords: (at, records) => {
      if (at.partition !== partition) return;
      found.push(...records.filter(({ offset }) => offset >= from));
      if ((records.at(-1)?.offset ?? -1n) + 1n >= range.high) resolve();
    },
    onCrash: () => undefined,
  });
  await reader.start();
  await promise;
  await reader.close();
  return found;
}

async function endOf(partition: number): Promise<bigint> {
  return (await rig.deps.kafka.ranges([live])).find((one) => one.partition === partition)?.high ?? 0n;
}

describe('I8: dead letters', () => {
  it('are listed with advice, by status and code, in pages', async () => {
    await quarantine(letter('a', { deadAt: 1 }), letter('b', { deadAt: 2, code: 'undecodable' }), letter('c', { deadAt: 3, recordId: 'b2' }));
    await inTransaction(rig.deps.pool, (client) => supersede(client, [{ tenantId: TENANT, side: 'bevatel', recordId: 'b2' }]));
    const ids = async (query: string) => zDeadLetterList.parse((await rig.get(`/v1/dead-letters${query}`)).body).deadLetters.map(({ id, status: state }) => `${id} ${state}`);
    expect(await ids('')).toEqual(['c superseded', 'b open', 'a open']);
    expect(await ids('?status=superseded')).toEqual(['c superseded']);
    expect(await ids('?code=undecodable')).toEqual(['b open']);
    expect(await ids('?limit=1&after=c')).toEqual(['b open']);
    expect(await ids('?tenant=another')).toEqual([]);
  });

  it('are shown with their original bytes, decoded where that is possible', async () => {
    const change: ContactChange = {
      changeId: 'c1', tenantId: TENANT, side: 'bevatel', integrationId: null, recordId: 'b1', kind: 'image', revision: '1', image: { phone_number: 'call me' },
      fieldTimes: {}, histories: {}, modifiedAt: 1, observedFrom: 1, observedTo: 1, readById: true, capture: 'cdc', references: {}, mergedIds: [], mergedInto: null,
    };
    const bytes = rig.deps.codec.changes.encode(change);
    await quarantine(letter('good', { bytes }), letter('poison', {}));
    const good = zDeadLetterDetail.parse((await rig.get('/v1/dead-letters/good')).body);
    expect(good.bytesBase64).toBe(bytes.toString('base64'));
    expect(good).toMatchObject({ key: 'acme/bevatel/-/b1', decoded: { recordId: 'b1', image: { phone_number: 'call me' } } });
    expect(zDeadLetterDetail.parse((await rig.get('/v1/dead-letters/poison')).body).decoded).toBeNull();
    expect(await rig.get('/v1/dead-letters/nosuch')).toMatchObject({ status: 404 });
  });

  it('a replay is exact: bytes, key, topic and partition; once, audited', async () => {
    const key = Buffer.from([0, 159, 146, 150]);
    await quarantine(letter('exact', { key }));
    const from = await endOf(2);
    const answers = await Promise.all([rig.post('/v1/dead-letters/replay', { id: 'exact' }), rig.post('/v1/dead-letters/replay', { id: 'exact' })]);
    expect(answers.map(({ status: code }) => code).sort()).toEqual([200, 409]);
    expect(answers.map(({ body }) => zReplayAnswer.safeParse(body).data).find((one) => one)).toEqual({ dryRun: false, matched: 1, replayed: 1 });
    const records = await published(2, from);
    expect(records).toHaveLength(1);
    expect(records[0]?.value).toEqual(Buffer.from([0, 1, 2, 255]));
    expect(records[0]?.key).toEqual(key);
    expect(zDeadLetterDetail.parse((await rig.get('/v1/dead-letters/exact')).body).status).toBe('replayed');
    expect((await listAudit(rig.deps.pool, TENANT, 1))[0]).toMatchObject({ actor: 'mona', action: 'dead-letter.replay', target: 'exact' });
  });

  it('a superseded one is not replayed: a newer image has taken its place', async () => {
    await quarantine(letter('old', {}));
    await inTransaction(rig.deps.pool, (client) => supersede(client, [{ tenantId: TENANT, side: 'bevatel', recordId: 'b1' }]));
    const from = await endOf(2);
    expect(await rig.post('/v1/dead-letters/replay', { id: 'old' })).toMatchObject({ status: 409, body: { error: { code: 'state_moved' } } });
    expect(await endOf(2)).toBe(from);
  });

  it('all of a code are replayed in the order of their offsets; a dry run counts only', async () => {
    await quarantine(letter('l9', { offset: '9', bytes: Buffer.from('nine') }), letter('l8', { offset: '8', bytes: Buffer.from('eight') }), letter('other', { code: 'undecodable' }));
    const from = await endOf(2);
    expect((await rig.post('/v1/dead-letters/replay', { code: 'value_invalid', dryRun: true })).body).toEqual({ dryRun: true, matched: 2, replayed: 0 });
    expect(await endOf(2)).toBe(from);
    expect((await rig.post('/v1/dead-letters/replay', { code: 'value_invalid' })).body).toEqual({ dryRun: false, matched: 2, replayed: 2 });
    expect((await published(2, from)).map(({ value }) => value?.toString())).toEqual(['eight', 'nine']);
    expect(await rig.post('/v1/dead-letters/replay', {})).toMatchObject({ status: 422 });
  });
});

describe('integrations', () => {
  it('are listed and shown as applied: secrets by name only', async () => {
    expect(zIntegrationList.parse((await rig.get('/v1/integrations')).body).integrations).toMatchObject([{ tenant: TENANT, integration: INTEGRATION, system: 'hubspot', paused: false }]);
    const { config } = zIntegrationDetail.parse((await rig.get(`/v1/integrations/${TENANT}/${INTEGRATION}`)).body);
    expect(config).toMatchObject({ connection: { tokenEnv: 'HUBSPOT_TOKEN' } });
    expect(JSON.stringify(config)).not.toContain('pat-na1-sandbox');
  });
});
