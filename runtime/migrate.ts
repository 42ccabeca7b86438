/**
 * Brings the database's schema up to date, forward only. Safe to run in any number of processes at once: the first
 * takes an advisory lock, the others wait for it and then find nothing to do.
 *
 * The migration library is loaded only when something is to be done, which spares every other start its memory.
 */
import { readdir } from 'node:fs/promises';
import pg from 'pg';
import type { MigrationInterface } from 'typeorm';
import { classified } from './database.ts';

export type Migration = new () => MigrationInterface;

export interface MigrateOptions {
  readonly databaseUrl: string;
  readonly migrations: readonly Migration[];
}

const TABLE = 'schema_migrations';
/** "bevatel-sync": any number, as long as it is ours in this database. */
const LOCK_KEY = 0x0be7a7e1;

/** The migrations in a folder, oldest first: every exported class of every `<time>-<name>.ts`. */
export async function loadMigrations(folder: URL = new URL('../migrations/', import.meta.url)): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => /^\d+-[a-z0-9-]+\.ts$/.test(file)).sort();
  const modules = await Promise.all(files.map((file) => import(new URL(file, folder).href) as Promise<Record<string, unknown>>));
  return modules.flatMap((module) => Object.values(module).filter((value): value is Migration => typeof value === 'function'));
}

function nameOf(migration: Migration): string {
  return new migration().name ?? migration.name;
}

async function pending(client: pg.Client, migrations: readonly Migration[]): Promise<readonly Migration[]> {
  const exists = await client.query<{ found: string | null }>('select to_regclass($1) as found', [TABLE]);
  if (exists.rows[0]?.found == null) return migrations;
  const done = await client.query<{ name: string }>(`select name from ${TABLE}`);
  const names = new Set(done.rows.map((row) => row.name));
  return migrations.filter((migration) => !names.has(nameOf(migration)));
}

async function runAll({ databaseUrl, migrations }: MigrateOptions): Promise<void> {
  const { DataSource } = await import('typeorm');
  const source = new DataSource({ type: 'postgres', url: databaseUrl, migrations: [...migrations], migrationsTableName: TABLE, migrationsTransactionMode: 'each', logging: false });
  await source.initialize();
  try {
    await source.runMigrations();
  } finally {
    await source.destroy();
  }
}

/** The names of the migrations that were run now; throws SyncError `database_unavailable`, or what a migration threw. */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: options.databaseUrl, application_name: 'bevatel-sync migrate', connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    const due = await pending(client, options.migrations);
    if (due.length > 0) await runAll(options);
    return due.map(nameOf);
  } catch (error) {
    throw classified(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
