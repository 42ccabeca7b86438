import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { afterAll, expect, test } from 'vitest';
import { createCodecs } from '../../../runtime/codec.ts';
import { consumeBatches } from '../../../runtime/consume.ts';
import { connectKafka } from '../../../runtime/kafka.ts';
import { createLogger } from '../../../runtime/logger.ts';
import type { ContactChange } from '../../../schemas/change.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { TOPICS, changesTopic, topicName } from '../../../schemas/topics.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';
import { startBevatelSandbox } from '../sandbox/server.ts';
import type { ChangeMessage } from './contact-publisher.ts';
import { createContactPublisher } from './contact-publisher.ts';
import { OUTBOX, changeEmail, drainOutbox } from './example.ts';

const stack = await isolatedStack('bevatel-publisher');
const { topicPrefix } = stack;
const logger = createLogger({ service: 'test', level: 'silent' });
const sandbox = await startBevatelSandbox({ databaseUrl: stack.databaseUrl, keys: [] });
const pool = new Pool({ connectionString: stack.databaseUrl });
const kafka = await connectKafka({ brokers: stack.kafkaBrokers, clientId: 'contact-service', logger });
await kafka.ensureTopics(topicPrefix, TOPICS);
const codecs = createCodecs({ registryUrl: stack.schemaRegistryUrl, topicPrefix });
await codecs.prepare();
const producer = kafka.publisher();

const seen: ContactChange[] = [];
const topic = topicName(topicPrefix, changesTopic('live'));
const consumption = await consumeBatches(kafka, {
  groupId: `${topicPrefix}reader`, topics: [topic], logger, onFatal: () => undefined,
  positions: { kind: 'stored', positionOf: () => Promise.resolve(0n), onExpired: () => Promise.resolve() },
  onBatch: async ({ records }) => {
    for (const decoded of await codecs.changes.decodeAll(records.map(({ value }) => value))) if (decoded.ok) seen.push(decoded.value);
    return { kind: 'done', nextOffset: (records.at(-1)?.offset ?? -1n) + 1n };
  },
});

afterAll(async () => {
  await consumption.stop();
  await producer.close();
  await kafka.close();
  await pool.end();
  await sandbox.stop();
});

test('I7: an edit in the service reaches the topic as Avro, also when Kafka was away once', async () => {
  const [id = ''] = await sandbox.control.seed('acme', [{
    fields: { contact_first_name: 'ليلى', tags: ['vip'], custom: { score: 3 } }, external_references: { 'hs-1': '7' },
  }]);
  await pool.query(OUTBOX);
  await changeEmail(pool, { tenantId: 'acme', id, email: 'l@x.co', by: 'user:ali' });
  let away = true;
  const send = async (messages: readonly ChangeMessage[]) => {
    if (away) throw new SyncError('kafka_unavailable', 'no broker');
    await producer.publish(messages);
  };
  const publisher = createContactPublisher({ encode: codecs.changes.encode, send, topicPrefix, clock: Date.now, newId: randomUUID });
  await expect(drainOutbox(pool, publisher)).rejects.toMatchObject({ code: 'kafka_unavailable' });
  away = false;
  expect([await drainOutbox(pool, publisher), await drainOutbox(pool, publisher)]).toEqual([1, 0]);
  await expect.poll(() => seen, { timeout: 20_000 }).toHaveLength(1);
  const [row] = await sandbox.control.sql<{ updated_at: Date }>('SELECT updated_at FROM contacts');
  expect(seen[0]).toMatchObject({
    tenantId: 'acme', side: 'bevatel', recordId: id, kind: 'image', revision: '2', capture: 'publish', references: { 'hs-1': '7' },
    image: { contact_first_name: 'ليلى', email: 'l@x.co', owner: null, tags: ['vip'], 'custom.score': 3 },
    fieldTimes: { email: { at: row?.updated_at.getTime(), actor: 'user:ali' } },
  });
});
