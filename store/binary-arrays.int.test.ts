import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stackUrls } from '../tests/stack/fixture.ts';
import { bigintArray, booleanArray, jsonArray, smallintArray, textArray } from './binary-arrays.ts';

let client: pg.Client;
beforeAll(async () => {
  client = new pg.Client({ connectionString: stackUrls().databaseUrl });
  await client.connect();
});
afterAll(() => client.end());

async function sent(type: string, parameter: Buffer): Promise<unknown[]> {
  const { rows } = await client.query<{ value: unknown }>(`select value from unnest($1::${type}[]) with ordinality as n(value, at) order by at`, [parameter]);
  return rows.map((row) => row.value);
}

it('carries texts as they are: quotes, backslashes, commas, braces, Arabic, emoji, empty ones and nulls', async () => {
  const values = ['a,"b"\\', '{NULL}', 'NULL', 'محمد', '👩‍👧', '', null, '\n\t '];
  expect(await sent('text', textArray(values))).toEqual(values);
});

it('carries texts that are together larger than what is kept to write them in', async () => {
  const values = ['م'.repeat(400_000), 'a', null, '🎈'.repeat(300_000), 'z'];
  expect(await sent('text', textArray(values))).toEqual(values);
  expect(await sent('text', textArray(['short again']))).toEqual(['short again']);
});

it('carries no elements at all', async () => {
  expect(await sent('text', textArray([]))).toEqual([]);
  expect(await sent('int8', bigintArray([]))).toEqual([]);
});

it('carries documents, numbers and truth values, with nulls among them', async () => {
  expect(await sent('json', jsonArray(['{"a":["é"]}', null, '1']))).toEqual([{ a: ['é'] }, null, 1]);
  expect(await sent('int8', bigintArray([Number.MAX_SAFE_INTEGER, -1, null, 0]))).toEqual(['9007199254740991', '-1', null, '0']);
  expect(await sent('int2', smallintArray([32_767, null, -32_768]))).toEqual([32_767, null, -32_768]);
  expect(await sent('bool', booleanArray([true, false, null]))).toEqual([true, false, null]);
});

it('is refused by the server where the cast names another type', async () => {
  await expect(sent('int8', textArray(['1']))).rejects.toThrow(/wrong element type|element type/);
});
