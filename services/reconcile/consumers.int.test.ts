/** Reconcile as it runs: several of it on the same topics, positions from the database, decisions relayed (I7). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContactChange } from '../../schemas/change.ts';
import { zIntegration } from '../../schemas/integration.ts';
import { changeKey, changesTopic, topicName } from '../../schemas/topics.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import type { Deps } from '../../runtime/deps.ts';
import { openTestDeps } from '../../tests/stack/deps.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { topicRecords, until } from '../../tests/flow/rig.ts';
import { groupOf } from './lane-consumer.ts';
import { startReconcile } from './main.ts';

const stack = await isolatedStack('consumers');
const deps = await openTestDeps(stack);
const live = topicName(stack.topicPrefix, changesTopic('live'));
const publisher = deps.kafka.publisher();
type Reconcile = Awaited<ReturnType<typeof startReconcile>>;
const running = new Set<Reconcile>();

beforeAll(async () => {
  await upsertIntegration(deps.pool, zIntegration.parse({
    integration: 'crm', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'T' }, bevatel: { baseUrl: 'http://bevatel.test', keyEnv: 'K' }, match: [],
    fields: [{ bevatel: 'contact_first_name', external: 'firstname' }],
  }), Date.now());
});
afterAll(async () => {
  await Promise.all([...running].map((one) => one.stop()));
  await publisher.close();
});

async function start(): Promise<Reconcile> {
  const own: Deps = { ...deps, metrics: new (deps.metrics.constructor as new () => Deps['metrics'])() };
  const role = await startReconcile(own);
  running.add(role);
  return role;
}

function image(recordId: string, revision: number): ContactChange {
  const now = Date.now();
  return {
    changeId: deps.newId(), tenantId: 'acme', side: 'bevatel', integrationId: null, recordId, kind: 'image', revision: String(revision), image: { contact_first_name: `name ${revision}` },
    fieldTimes: {}, histories: {}, modifiedAt: now, observedFrom: now, observedTo: now, readById: false, capture: 'cdc', references: {}, mergedIds: [], mergedInto: null,
  };
}

async function publish(changes: readonly ContactChange[]): Promise<void> {
  await publisher.publish(changes.map((change) => ({ topic: live, key: changeKey(change), value: deps.codec.changes.encode(change) })));
}

async function decided(): Promise<{ id: string; at: string }[]> {
  const { rows } = await deps.pool.query<{ id: string; at: string }>("select decision_id as id, source || ':' || source_offset as at from decisions");
  return rows;
}

async function newestOf(recordId: string): Promise<unknown> {
  const { rows } = await deps.pool.query<{ revision: string }>("select state #>> '{seen,bevatel,revision}' as revision from links where bevatel_id = $1", [recordId]);
  return rows[0]?.revision;
}

const RECORDS = Array.from({ length: 30 }, (_, index) => `b${index}`);

describe('two consumers', () => {
  it('I7: come and go under load: each change is decided once, and no state goes back', async () => {
    const first = await start();
    const total = 40;
    const publishing = (async () => {
      for (let revision = 1; revision <= total; revision += 1) await publish(RECORDS.map((id) => image(id, revision)));
    })();
    await until('the first one works', async () => (await decided()).length > 60);
    const second = await start();
    await until('they share the partitions', () => first.lanes[0]?.assigned().length !== 3 && (second.lanes[0]?.assigned().length ?? 0) > 0);
    await first.stop();
    await publishing;
    await until('all is decided', async () => (await decided()).length >= RECORDS.length * total);
    const rows = await decided();
    expect(rows).toHaveLength(RECORDS.length * total);
    expect(new Set(rows.map(({ at }) => at)).size).toBe(rows.length);
    expect(await Promise.all(RECORDS.map(newestOf))).toEqual(RECORDS.map(() => String(total)));
  });

  it('I7: the topic of decisions has each of them', async () => {
    const ids = new Set((await decided()).map(({ id }) => id));
    await until('the topic has them all', async () => {
      const told = await deps.codec.decisions.decodeAll((await topicRecords(deps, 'contact.decisions')).map(({ value }) => value));
      const onTopic = new Set(told.flatMap((one) => (one.ok ? [one.value.decisionId] : [])));
      return [...ids].every((id) => onTopic.has(id));
    });
  });
});

describe('offsets that were done already', () => {
  it('I7: Kafka\'s own offsets set back: nothing is decided again', async () => {
    await Promise.all([...running].map((one) => one.stop()));
    const before = await decided();
    const assigned = Promise.withResolvers<void>();
    const reader = deps.kafka.createReader({
      groupId: groupOf(stack.topicPrefix, 'live'), topics: [live], sessionTimeoutMs: 10_000, maxWaitMs: 100,
      onAssigned: () => assigned.resolve(), onRecords: () => undefined, onCrash: assigned.reject,
    });
    await reader.start();
    await assigned.promise;
    await reader.commit((await deps.kafka.ranges([live])).map(({ topic, partition }) => ({ topic, partition, next: 0n })));
    await reader.close();
    await start();
    await publish([image('fresh', 1)]);
    await until('a new change is decided', async () => (await newestOf('fresh')) === '1');
    expect(await decided()).toHaveLength(before.length + 1);
  });

  it('I7: decisions that were committed and not published before a crash are published at the next start', async () => {
    await Promise.all([...running].map((one) => one.stop()));
    const id = `lost-${deps.newId()}`;
    const { rows } = await deps.pool.query<{ partition: number; next_offset: string }>('select partition, next_offset from positions where topic = $1 order by next_offset desc limit 1', [live]);
    const at = rows[0];
    // As a crash right after the commit leaves it: the row and the position stand, the mark of what was relayed does not cover it.
    await deps.pool.query(
      `insert into decisions (tenant_id, integration_id, link_id, decided_at, decision_id, cause, cause_id, verdict, groups, source, source_offset)
       select tenant_id, integration_id, link_id, $1, $2, 'change', 'c', 'unchanged', '[]', $3, $4 from links limit 1`, [Date.now(), id, `${live}-${at?.partition}`, Number(at?.next_offset) - 1]);
    await deps.pool.query('update positions set relayed_offset = next_offset - 1 where topic = $1 and partition = $2', [live, at?.partition]);
    await start();
    await until('it is on the topic', async () => {
      const told = await deps.codec.decisions.decodeAll((await topicRecords(deps, 'contact.decisions')).map(({ value }) => value));
      return told.some((one) => one.ok && one.value.decisionId === id);
    });
  });
});

it('I7: a position beyond the log\'s end refuses to start, and says what to do', async () => {
  await Promise.all([...running].map((one) => one.stop()));
  await deps.pool.query('update positions set next_offset = next_offset + 1000000 where topic = $1', [live]);
  await expect(start()).rejects.toMatchObject({ code: 'position_beyond_log' });
});
