/**
 * A place of one's own on a stack that others use too: a fresh database, and a prefix for the names of
 * topics, consumer groups and registry subjects. Demo and tests work in nothing else, also with STACK=given.
 */
import { randomBytes } from 'node:crypto';
import { deletePrefixed } from './kafka-admin.ts';
import { withClient } from './postgres.ts';
import type { Stack } from './stack.ts';

export type Isolation = {
  readonly databaseUrl: string;
  /** Ends in a dot: a topic is `${topicPrefix}contact.hints`. */
  readonly topicPrefix: string;
  /** Removes the database and those made beside it (`<its name>_…`) with their replication slots, and topics, groups and subjects with the prefix. May be called twice. */
  drop(): Promise<void>;
};

/** `name` says whose place it is; anything but letters and digits becomes a dash. */
export async function isolate(stack: Pick<Stack, 'urls'>, name: string): Promise<Isolation> {
  const label = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 30);
  const id = `${label}-${randomBytes(4).toString('hex')}`;
  const database = id.replaceAll('-', '_');
  const { urls } = stack;
  await withClient(urls.databaseUrl, (client) => client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`));
  return {
    databaseUrl: databaseUrlFor(urls.databaseUrl, database),
    topicPrefix: `${id}.`,
    drop: async () => {
      const outcomes = await Promise.allSettled([
        dropDatabases(urls.databaseUrl, database),
        deletePrefixed(urls.kafkaBrokers, `${id}.`),
        deleteSubjects(urls.schemaRegistryUrl, `${id}.`),
      ]);
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw new Error(`${id} could not be removed`, { cause: failed.reason });
    },
  };
}

function databaseUrlFor(url: string, database: string): string {
  const address = new URL(url);
  address.pathname = `/${database}`;
  return address.href;
}

async function dropDatabases(url: string, database: string): Promise<void> {
  const { rows } = await withClient(url, (client) => client.query<{ datname: string }>("SELECT datname FROM pg_database WHERE datname = $1 OR starts_with(datname, $1 || '_') ORDER BY datname", [database]));
  for (const { datname } of rows) await dropDatabase(url, datname);
}

/** A database with a replication slot cannot be dropped, and a slot in use neither: its reader is ended first. */
async function dropDatabase(url: string, database: string): Promise<void> {
  await withClient(url, async (client) => {
    const slots = await client.query<{ slot_name: string; active_pid: number | null }>(
      'SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = $1', [database]);
    for (const { slot_name: slot, active_pid: pid } of slots.rows) {
      if (pid !== null) await client.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
      await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot]);
    }
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(database)} WITH (FORCE)`);
  });
}

async function deleteSubjects(registryUrl: string, prefix: string): Promise<void> {
  const subjects = await (await fetch(`${registryUrl}/subjects`)).json() as string[];
  for (const subject of subjects.filter((name) => name.startsWith(prefix))) {
    await (await fetch(`${registryUrl}/subjects/${encodeURIComponent(subject)}`, { method: 'DELETE' })).arrayBuffer();
  }
}
