/**
 * The raw probe of edit-to-visible, as a process of its own: the same hops, no logic. Started by figure.ts.
 *
 *   Bevatel commit → slot → Kafka → one row upserted → HubSpot batch update
 *   HubSpot edit → webhook → Kafka → batch read → Kafka → one row upserted → Bevatel batch write
 *
 * What it wrote itself it knows by value; that is all it knows.
 */
import Fastify from 'fastify';
import pg from 'pg';
import { createContactCdc } from '../../connectors/bevatel/cdc/contact-cdc.ts';
import type { Consumption } from '../../runtime/consume.ts';
import { consumeBatches } from '../../runtime/consume.ts';
import { createPool } from '../../runtime/database.ts';
import { connectKafka } from '../../runtime/kafka.ts';
import type { KafkaRecord } from '../../runtime/kafka.ts';
import { createLogger } from '../../runtime/logger.ts';

const env = (name: string): string => process.env[name] ?? '';
const prefix = env('TOPIC_PREFIX');
const topics = { hints: `${prefix}probe.hints`, changes: `${prefix}probe.changes` };
const logger = createLogger({ service: 'probe', level: 'error' });
const kafka = await connectKafka({ brokers: env('KAFKA_BROKERS').split(','), clientId: 'probe', logger });
const topic = { says: 'a probe', schema: 'contact-hint', key: [], partitions: 3, retentionMs: 86_400_000, cleanup: 'delete', writers: [], readers: [] } as const;
await kafka.ensureTopics(prefix, [{ ...topic, name: 'probe.hints' }, { ...topic, name: 'probe.changes' }]);
const publisher = kafka.publisher();
const pool = createPool({ databaseUrl: env('DATABASE_URL'), applicationName: 'probe', onError: () => undefined });
await pool.query('create table if not exists probe_seen (id text primary key, value jsonb not null)');

interface Seen {
  readonly side: 'bevatel' | 'external';
  readonly id: string;
  readonly partner: string;
  readonly value: string | null;
  readonly version: number;
}

/** Bevatel wants to know the version that is written over. */
const versions = await presentVersions();
const known = new Map<string, string | null>();

async function presentVersions(): Promise<Map<string, number>> {
  const client = new pg.Client({ connectionString: env('BEVATEL_CDC_URL') });
  await client.connect();
  const { rows } = await client.query<{ id: string; version: string }>('select id, version from contacts');
  await client.end();
  return new Map(rows.map(({ id, version }) => [id, Number(version)]));
}

function send(topicName: string, id: string, value: object): { topic: string; key: string; value: Buffer } {
  return { topic: topicName, key: id, value: Buffer.from(JSON.stringify(value)) };
}

function read<T>(records: readonly KafkaRecord[]): T[] {
  return records.map(({ value }) => JSON.parse(String(value)) as T);
}

async function call(url: string, token: string, body: object): Promise<unknown> {
  const answer = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

const hubspot = (path: string, body: object): Promise<unknown> => call(`${env('HUBSPOT_URL')}/crm/v3/objects/contacts/batch/${path}`, env('BENCH_HUBSPOT_TOKEN'), body);

async function readHubSpot(records: readonly KafkaRecord[]): Promise<void> {
  const ids = [...new Set(read<{ id: string }>(records).map(({ id }) => id))];
  const answer = await hubspot('read', { inputs: ids.map((id) => ({ id })), properties: ['jobtitle', 'bevatel_contact_id'] }) as { results: { id: string; properties: Record<string, string | null> }[] };
  await publisher.publish(answer.results.map(({ id, properties }) => send(topics.changes, id, {
    side: 'external', id, partner: properties['bevatel_contact_id'] ?? '', value: properties['jobtitle'] ?? null, version: 0,
  } satisfies Seen)));
}

async function write(records: readonly KafkaRecord[]): Promise<void> {
  const all = [...new Map(read<Seen>(records).map((one) => [one.id, one])).values()];
  const seen = all.filter((one) => known.get(one.id) !== one.value);
  for (const one of seen) known.set(one.id, one.value);
  if (seen.length === 0) return;
  await pool.query({
    name: 'probe-upsert', text: 'insert into probe_seen select * from unnest($1::text[], $2::jsonb[]) on conflict (id) do update set value = excluded.value',
    values: [seen.map(({ id }) => id), seen.map((one) => JSON.stringify(one))],
  });
  const toHubSpot = seen.filter(({ side, value }) => side === 'bevatel' && value?.startsWith('probe'));
  const toBevatel = seen.filter(({ side, value }) => side === 'external' && value?.startsWith('probe'));
  await Promise.all([
    toHubSpot.length === 0 ? null : hubspot('update', { inputs: toHubSpot.map(({ partner, value }) => ({ id: partner, properties: { company: value } })) }),
    toBevatel.length === 0 ? null : call(`${env('BEVATEL_URL')}/v1/contacts/batch/write`, env('BENCH_BEVATEL_KEY'), {
      items: toBevatel.map(({ partner, value }) => ({ op: 'update', ref: partner, id: partner, if_match: versions.get(partner) ?? 1, fields: { custom: { job_title: value, city: 'Jeddah' } } })),
    }),
  ]);
}

function consume(topicName: string, onRecords: (records: readonly KafkaRecord[]) => Promise<void>): Promise<Consumption> {
  return consumeBatches(kafka, {
    groupId: `${topicName}.probe`, topics: [topicName], positions: { kind: 'group' }, logger, onFatal: () => process.exit(1),
    onBatch: async ({ records }) => {
      await onRecords(records);
      return { kind: 'done', nextOffset: (records.at(-1)?.offset ?? 0n) + 1n };
    },
  });
}

const consumptions = await Promise.all([consume(topics.hints, readHubSpot), consume(topics.changes, write)]);
const server = Fastify();
server.post('/hooks/hubspot', async (request) => {
  const events = request.body as { objectId: number }[];
  await publisher.publish(events.map(({ objectId }) => send(topics.hints, String(objectId), { id: String(objectId) })));
  return { accepted: events.length };
});
const url = await server.listen({ host: '127.0.0.1', port: 0 });
const stopping = new AbortController();
const cdc = createContactCdc({ databaseUrl: env('BEVATEL_CDC_URL'), name: 'bench_probe' });
await cdc.prepare();
const streaming = cdc.stream({
  signal: stopping.signal,
  onBatch: async (events) => {
    const rows = events.flatMap(({ new: row }) => (row ? [row] : []));
    for (const row of rows) versions.set(row.id, Number(row.version));
    await publisher.publish(rows.map((row) => send(topics.changes, row.id, {
      side: 'bevatel', id: row.id, partner: Object.values((row.external_references ?? {}) as Record<string, string>)[0] ?? '', value: String(row['company_name']), version: Number(row.version),
    } satisfies Seen)));
  },
});
process.once('SIGTERM', () => void (async () => {
  stopping.abort();
  await streaming;
  await Promise.all([server.close(), ...consumptions.map((one) => one.stop())]);
  await cdc.remove();
  await kafka.close();
  await pool.end();
})());
console.log(JSON.stringify({ ready: true, url }));
