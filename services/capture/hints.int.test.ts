import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startHubSpotSandbox } from '../../connectors/hubspot/sandbox/start.ts';
import type { HubSpotSandbox } from '../../connectors/hubspot/sandbox/start.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import type { ContactHint } from '../../schemas/change.ts';
import { HINTS_TOPIC, hintKey, topicName } from '../../schemas/topics.ts';
import { setPaused } from '../../store/integrations.ts';
import { INTEGRATION, TENANT, openRig } from './testing/rig.ts';
import type { Received, Rig } from './testing/rig.ts';

const stack = await isolatedStack('capture-hints');
const PATIENT = { timeout: 30_000, interval: 20 };
const OTHER = 'other';
let rig: Rig;
let other: HubSpotSandbox;

beforeAll(async () => {
  rig = await openRig(stack);
  other = await startHubSpotSandbox({ portalId: 77, uniqueProperties: ['bevatel_contact_id'] });
  await rig.apply();
  await rig.apply({ integration: OTHER, connection: { ...rig.integration.connection, baseUrl: other.url, account: '77' } });
  await rig.start();
});
afterAll(async () => {
  await rig.close();
  await other.stop();
});
afterEach(() => {
  rig.hubspot.control.clearFaults();
});

function hint(recordId: string, more: Partial<ContactHint> = {}): ContactHint {
  return {
    hintId: rig.deps.newId(), tenantId: TENANT, side: 'external', integrationId: INTEGRATION, recordId, lane: 'live', origin: 'webhook', event: 'changed', field: 'firstname', value: 'x',
    revision: null, occurredAt: Date.now(), receivedAt: Date.now(), mergedInto: null, ...more,
  };
}

async function publish(...entries: readonly (ContactHint | { readonly key: string; readonly value: Buffer; readonly partition?: number })[]): Promise<void> {
  const publisher = rig.deps.kafka.publisher();
  const topic = topicName(stack.topicPrefix, HINTS_TOPIC);
  await publisher.publish(entries.map((entry) => ('hintId' in entry ? { topic, key: hintKey(entry), value: rig.deps.codec.hints.encode(entry) } : { topic, ...entry })));
  await publisher.close();
}

function changesOf(recordId: string, integrationId = INTEGRATION): Received[] {
  return (['live', 'repair', 'backfill'] as const).flatMap((lane) => rig.changes(lane)).filter((change) => change.recordId === recordId && change.integrationId === integrationId && change.capture === 'read');
}

describe('I8, I10: one system that is away delays only itself', () => {
  it('its hints are parked, those of others go on, and when it answers it is read', async () => {
    const { id } = rig.hubspot.control.create({ firstname: 'Later' });
    const there = other.control.create({ firstname: 'Now' });
    rig.hubspot.control.addFault({ endpoint: 'contacts.batchRead', fault: { kind: 'status', status: 503 } });
    await publish(hint(id), hint(there.id, { integrationId: OTHER }));
    await vi.waitFor(() => expect(changesOf(there.id, OTHER)[0]?.image['firstname']).toBe('Now'), PATIENT);
    await vi.waitFor(async () => expect(await rig.metric('capture_hints_total', { outcome: 'parked' })).toBeGreaterThan(0), PATIENT);
    expect(changesOf(id)).toEqual([]);
    rig.hubspot.control.clearFaults();
    await vi.waitFor(() => expect(changesOf(id)[0]?.image['firstname']).toBe('Later'), PATIENT);
    await vi.waitFor(async () => expect((await rig.deps.pool.query('select 1 from waiting_hints')).rowCount).toBe(0), PATIENT);
  });

  it('the hints of a paused integration wait until it is resumed', async () => {
    const { id } = rig.hubspot.control.create({ firstname: 'Paused' });
    await setPaused(rig.deps.pool, { tenantId: TENANT, integrationId: INTEGRATION }, true);
    const parked = await rig.metric('capture_hints_total', { outcome: 'parked' });
    await vi.waitFor(async () => {
      await publish(hint(id));
      expect(await rig.metric('capture_hints_total', { outcome: 'parked' })).toBeGreaterThan(parked);
    }, { timeout: 20_000, interval: 200 });
    const before = changesOf(id).length;
    await setPaused(rig.deps.pool, { tenantId: TENANT, integrationId: INTEGRATION }, false);
    await vi.waitFor(() => expect(changesOf(id).length).toBeGreaterThan(before), PATIENT);
  });
});

describe('I8: poison', () => {
  it('bytes that are no hint become a dead letter, and the hints behind them on the partition go on', async () => {
    const { id } = rig.hubspot.control.create({ firstname: 'Behind' });
    const next = hint(id);
    const poison = Buffer.from([9, 9, 9, 9, 9, 9]);
    await publish({ key: hintKey(next), value: poison }, next);
    await vi.waitFor(() => expect(changesOf(id)).not.toEqual([]), PATIENT);
    const { rows } = await rig.deps.pool.query<{ code: string; stage: string; bytes: Buffer; topic: string }>("select code, stage, bytes, topic from dead_letters where code = 'undecodable'");
    expect(rows).toEqual([{ code: 'undecodable', stage: 'capture', bytes: poison, topic: topicName(stack.topicPrefix, HINTS_TOPIC) }]);
  });

  it('a hint of an integration that nobody applied is dropped', async () => {
    await publish(hint('1', { integrationId: 'nosuch' }));
    await vi.waitFor(async () => expect(await rig.metric('capture_hints_total', { outcome: 'unknown_integration' })).toBe(1), PATIENT);
  });
});

describe('I3: our own writes', () => {
  async function insertLink(linkId: string, state: unknown, externalId: string | null, bevatelId: string | null = null): Promise<void> {
    await rig.deps.pool.query(
      `insert into links (tenant_id, integration_id, link_id, external_id, bevatel_id, state, updated_at) values ($1, $2, $3, $4, $5, $6, 0)
       on conflict (tenant_id, integration_id, link_id) do update set external_id = excluded.external_id, state = excluded.state`,
      [TENANT, INTEGRATION, linkId, externalId, bevatelId, JSON.stringify(state)],
    );
  }
  function seenAfterWrite(applied: number) {
    return { seen: { external: { revision: '1', values: { firstname: 'ours' }, times: { firstname: { from: 1, to: 1, actor: null, applied } }, observedFrom: 1, recordedAt: 1, modifiedAt: applied, reference: 'c_9', ours: true } }, groups: {}, attempts: [] };
  }
  function outstanding(kind: 'create' | 'update') {
    return { seen: {}, groups: {}, attempts: [{ id: 'a1', side: 'external', kind, groups: { firstname: { sent: ['ours'], source: ['ours'], before: null, time: { from: null, to: null, actor: null } } }, reference: null, condition: null, guard: null, sentAt: 1, deadline: Date.now() + 60_000, status: 'outstanding' }] };
  }

  it('coming back cost no read', async () => {
    const { id } = rig.hubspot.control.create({ firstname: 'ours' });
    await insertLink('l1', seenAfterWrite(5_000), id);
    rig.hubspot.control.resetCounts();
    const dropped = await rig.metric('capture_hints_total', { outcome: 'own_write' });
    await publish(hint(id, { value: 'ours', occurredAt: 5_000 }));
    await vi.waitFor(async () => expect(await rig.metric('capture_hints_total', { outcome: 'own_write' })).toBe(dropped + 1), PATIENT);
    expect(rig.hubspot.control.counts()['contacts.batchRead'] ?? 0).toBe(0);
  });

  it('an echo that overtakes the answer of a create waits for it, and costs no read either', async () => {
    const { id } = rig.hubspot.control.create({ firstname: 'ours' });
    await insertLink('l2', outstanding('create'), null, 'c_9');
    rig.hubspot.control.resetCounts();
    const dropped = await rig.metric('capture_hints_total', { outcome: 'own_write' });
    await publish(hint(id, { event: 'created', field: null, value: null, occurredAt: 6_000 }), hint(id, { field: 'bevatel_contact_id', value: 'c_9', occurredAt: 6_000 }), hint(id, { value: 'ours', occurredAt: 6_000 }));
    await vi.waitFor(async () => expect(await rig.metric('capture_hints_received_total')).toBeGreaterThan(0), PATIENT);
    await insertLink('l2', seenAfterWrite(6_000), id, 'c_9');
    await vi.waitFor(async () => expect(await rig.metric('capture_hints_total', { outcome: 'own_write' })).toBe(dropped + 3), PATIENT);
    expect(rig.hubspot.control.counts()['contacts.batchRead'] ?? 0).toBe(0);
  });

  it.each([
    { creation: 'a creation of ours', linkId: 'l4', former: null, goneAt: null },
    { creation: 'the creation of a record that was deleted', linkId: 'l5', former: '900001', goneAt: 1 },
  ])('a record that nobody knows waits while $creation is under way, and is read when none is', async ({ linkId, former, goneAt }) => {
    const { id } = rig.hubspot.control.create({ firstname: 'somebody new' });
    await insertLink(linkId, outstanding('create'), former, `c_of_${linkId}`);
    await rig.deps.pool.query("update links set due_at = 1, due_kind = 'create', lease_id = 'x', lease_until = $1, gone_at = $2 where link_id = $3", [Date.now() + 60_000, goneAt, linkId]);
    rig.hubspot.control.resetCounts();
    const received = await rig.metric('capture_hints_received_total');
    await publish(hint(id, { event: 'created', field: null, value: null, occurredAt: 6_500 }));
    await vi.waitFor(async () => expect(await rig.metric('capture_hints_received_total')).toBe(received + 1), PATIENT);
    expect(changesOf(id)).toEqual([]);
    await rig.deps.pool.query("update links set lease_id = null, lease_until = null where link_id = $1", [linkId]);
    await vi.waitFor(() => expect(changesOf(id)).toHaveLength(1), PATIENT);
  });

  it('an answer that never comes does not keep the record from being read', async () => {
    const { id } = rig.hubspot.control.create({ firstname: 'ours' });
    await insertLink('l3', outstanding('update'), id);
    await publish(hint(id, { value: 'ours', occurredAt: 7_000 }));
    await vi.waitFor(() => expect(changesOf(id)).toHaveLength(1), PATIENT);
  });
});

describe('Bevatel side', () => {
  it('a hint of an operator reads the contact through Bevatel\'s API', async () => {
    const [id = ''] = await rig.bevatel.control.seed(TENANT, [{ fields: { contact_first_name: 'Asked for', custom: { job_title: 'boss' } } }]);
    await publish(hint(id, { side: 'bevatel', origin: 'operator', lane: 'repair', field: null, value: null }));
    await vi.waitFor(() => expect(rig.changes('repair').find(({ recordId }) => recordId === id)).toMatchObject({
      side: 'bevatel', integrationId: null, capture: 'read', readById: true, revision: '1', image: { contact_first_name: 'Asked for', 'custom.job_title': 'boss' },
    }), PATIENT);
  });
});
