import pg from 'pg';
import type { QueryRunner } from 'typeorm';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isolatedStack } from '../tests/stack/fixture.ts';
import { loadMigrations, migrate } from './migrate.ts';
import type { Migration } from './migrate.ts';

const stack = await isolatedStack('migrate');
const databaseUrl = stack.databaseUrl;
let migrations: readonly Migration[];
beforeAll(async () => {
  migrations = await loadMigrations();
});

async function query<T extends object>(text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}
/** The schema as text: tables, columns, indexes, constraints. */
async function describeSchema(): Promise<unknown> {
  return [
    await query("select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns where table_schema = 'public' order by 1, 2"),
    await query("select indexdef from pg_indexes where schemaname = 'public' order by 1"),
    await query("select conrelid::regclass::text as of, pg_get_constraintdef(oid) as def from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2"),
  ];
}
afterEach(() => query('drop schema public cascade; create schema public'));

describe('migrate', () => {
  it('runs every migration once, oldest first; a second run changes nothing', async () => {
    const done = await migrate({ databaseUrl, migrations });
    expect(done).toHaveLength(migrations.length);
    expect([...done].sort((a, b) => Number(/\d+$/.exec(a)?.[0]) - Number(/\d+$/.exec(b)?.[0]))).toEqual(done);
    const schema = await describeSchema();
    expect(await migrate({ databaseUrl, migrations })).toEqual([]);
    expect(await describeSchema()).toEqual(schema);
  });

  it('is safe when several processes start at once', async () => {
    const done = await Promise.all(Array.from({ length: 4 }, () => migrate({ databaseUrl, migrations })));
    expect(done.flat()).toHaveLength(migrations.length);
    const rows = await query<{ name: string }>('select name from schema_migrations');
    expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
  });

  it('leaves nothing of a migration that fails, and can go on later', async () => {
    let broken = true;
    class Broken1900000000000 {
      readonly name = 'Broken1900000000000';
      async up(runner: QueryRunner): Promise<void> {
        await runner.query('create table half (id int)');
        if (broken) throw new Error('no');
      }
      down(): Promise<void> {
        return Promise.resolve();
      }
    }
    const all = [...migrations, Broken1900000000000];
    await expect(migrate({ databaseUrl, migrations: all })).rejects.toThrow('no');
    expect(await query("select to_regclass('half') as found")).toEqual([{ found: null }]);
    broken = false;
    expect(await migrate({ databaseUrl, migrations: all })).toEqual(['Broken1900000000000']);
  });

  it('says that the database does not answer', async () => {
    await expect(migrate({ databaseUrl: 'postgres://nobody@127.0.0.1:1/none', migrations })).rejects.toMatchObject({ code: 'database_unavailable' });
  });
});
