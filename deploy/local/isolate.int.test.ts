import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stackUrls } from '../../tests/stack/fixture.ts';
import { isolate, type Isolation } from './isolate.ts';
import { withClient } from './postgres.ts';

const urls = stackUrls();
const admin = new Kafka({ brokers: [...urls.kafkaBrokers], logLevel: logLevel.NOTHING }).admin();
const places: Isolation[] = [];

beforeAll(() => admin.connect());
afterAll(async () => {
  for (const place of places) await place.drop();
  await admin.disconnect();
});

it('gives each caller a database and a prefix of its own, also under the same name', async () => {
  const [one, other] = [await place('Same Name'), await place('Same Name')];
  expect(one.topicPrefix).toMatch(/^same-name-[0-9a-f]{8}\.$/);
  expect(other.topicPrefix).not.toBe(one.topicPrefix);
  await withClient(one.databaseUrl, (client) => client.query('CREATE TABLE mine (id int)'));
  const seen = await withClient(other.databaseUrl, (client) => client.query("SELECT to_regclass('mine') AS found"));
  expect(seen.rows).toEqual([{ found: null }]);
});

it('drop removes the database and those beside it, slots in use, topics and subjects of this place, and of no other', async () => {
  const [gone, stays] = [await place('gone'), await place('stays')];
  for (const { topicPrefix } of [gone, stays]) {
    await admin.createTopics({ topics: [{ topic: `${topicPrefix}contact.hints`, numPartitions: 1 }] });
    await registerSubject(`${topicPrefix}contact.hints-value`);
  }
  await withClient(urls.databaseUrl, (client) => client.query(`CREATE DATABASE ${databaseOf(gone)}_beside`));
  const walReader = await holdReplicationSlot(gone.databaseUrl);
  await gone.drop();
  await gone.drop();

  const { rows } = await withClient(urls.databaseUrl, (client) => client.query<{ datname: string }>('SELECT datname FROM pg_database'));
  expect(rows.map(({ datname }) => datname).filter((name) => name.startsWith(databaseOf(gone)))).toEqual([]);
  expect(rows.map(({ datname }) => datname)).toContain(databaseOf(stays));
  await expect.poll(() => admin.listTopics()).not.toContain(`${gone.topicPrefix}contact.hints`);
  expect(await admin.listTopics()).toContain(`${stays.topicPrefix}contact.hints`);
  const subjects = await (await fetch(`${urls.schemaRegistryUrl}/subjects`)).json() as string[];
  expect(subjects).not.toContain(`${gone.topicPrefix}contact.hints-value`);
  expect(subjects).toContain(`${stays.topicPrefix}contact.hints-value`);
  await walReader.end().catch(() => undefined);
});

async function place(name: string): Promise<Isolation> {
  const made = await isolate({ urls }, name);
  places.push(made);
  return made;
}

function databaseOf({ databaseUrl }: Isolation): string {
  return new URL(databaseUrl).pathname.slice(1);
}

async function registerSubject(subject: string): Promise<void> {
  const schema = JSON.stringify({ type: 'record', name: `Record${randomBytes(4).toString('hex')}`, fields: [] });
  const answer = await fetch(`${urls.schemaRegistryUrl}/subjects/${encodeURIComponent(subject)}/versions`, {
    method: 'POST', headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' }, body: JSON.stringify({ schema }),
  });
  expect(answer.status).toBe(200);
}

/** A connection that streams from a slot, as capture does; it is not told of the end. */
async function holdReplicationSlot(databaseUrl: string): Promise<pg.Client> {
  const slot = `slot_${randomBytes(4).toString('hex')}`;
  await withClient(databaseUrl, async (client) => {
    await client.query('CREATE PUBLICATION everything FOR ALL TABLES');
    await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  });
  const reader = new pg.Client({ connectionString: databaseUrl, replication: 'database' } as pg.ClientConfig);
  reader.on('error', () => undefined);
  await reader.connect();
  reader.query(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names 'everything')`).catch(() => undefined);
  await expect.poll(() => withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ active: boolean }>('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot]);
    return rows[0]?.active;
  })).toBe(true);
  return reader;
}
