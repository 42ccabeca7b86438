import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Pool } from 'pg';
import { isolatedStack } from '../tests/stack/fixture.ts';
import { IN_TRANSACTION, createPool, inTransaction } from './database.ts';

const stack = await isolatedStack('database');
let pool: Pool;

beforeAll(async () => {
  pool = createPool({ databaseUrl: stack.databaseUrl, applicationName: 'database-test', onError: () => undefined });
  await pool.query('create table things (id integer primary key, word text not null)');
});
beforeEach(() => pool.query('truncate things'));
afterAll(() => pool.end());

const insert = (id: number, word: string | null) => ({ name: 'insert-thing', text: 'insert into things values ($1, $2)', values: [id, word] });
const words = async (): Promise<string[]> => (await pool.query<{ word: string }>('select word from things order by id')).rows.map(({ word }) => word);

describe('inTransaction', () => {
  it('commits what was sent and not waited for, in order', async () => {
    const seen = await inTransaction(pool, async (transaction) => {
      transaction.send(insert(1, 'one'));
      transaction.send(insert(2, 'two'));
      return (await transaction.query<{ word: string }>({ text: 'select word from things order by id' })).rows.map(({ word }) => word);
    });
    expect([seen, await words()]).toEqual([['one', 'two'], ['one', 'two']]);
  });

  it('rejects with the first failure, of several, and leaves nothing behind', async () => {
    await expect(inTransaction(pool, (transaction) => {
      transaction.send(insert(1, 'one'));
      transaction.send(insert(2, null));
      transaction.send(insert(1, 'again'));
    })).rejects.toMatchObject({ code: '23502' });
    await expect(inTransaction(pool, async (transaction) => {
      transaction.send(insert(2, null));
      await transaction.query({ text: 'select 1' });
    })).rejects.toMatchObject({ code: '23502' });
    expect(await words()).toEqual([]);
    await inTransaction(pool, (transaction) => transaction.send(insert(3, 'three')));
    expect(await words()).toEqual(['three']);
  });

  it('I7: a transaction that the server rolled back is no success', async () => {
    await expect(inTransaction(pool, async (transaction) => {
      transaction.send(insert(1, 'one'));
      await transaction.query({ text: 'rollback' });
      await transaction.query({ text: 'begin' });
      await transaction.query({ text: 'select 1 / 0' }).catch(() => undefined);
    })).rejects.toMatchObject({ code: '22012' });
    expect(await words()).toEqual([]);
  });

  it('I7: a statement can tell whether it runs in a transaction', async () => {
    const text = `select ${IN_TRANSACTION} as open`;
    const inside = await inTransaction(pool, (transaction) => transaction.query<{ open: boolean }>({ text }));
    const outside = await pool.query<{ open: boolean | null }>(text);
    expect([inside.rows[0]?.open, outside.rows[0]?.open === true]).toEqual([true, false]);
  });
});
