/** The library's parser is the oracle: what it reads of a message, the reader must read of it as well. */
import fc from 'fast-check';
import type { Pgoutput } from 'pg-logical-replication';
import { PgoutputPlugin } from 'pg-logical-replication';
import { describe, expect, it } from 'vitest';

import type { RowMessage } from './row-reader.ts';
import { RowReader } from './row-reader.ts';

const TYPES = { bool: 16, int8: 20, text: 25, texts: 1009, timestamptz: 1184, jsonb: 3802 };
const COLUMNS = [
  { name: 'tenant_id', type: TYPES.text, isKey: true }, { name: 'id', type: TYPES.text, isKey: true }, { name: 'version', type: TYPES.int8, isKey: false },
  { name: 'owner', type: TYPES.text, isKey: false }, { name: 'erased', type: TYPES.bool, isKey: false }, { name: 'updated_at', type: TYPES.timestamptz, isKey: false },
  { name: 'custom', type: TYPES.jsonb, isKey: false }, { name: 'tags', type: TYPES.texts, isKey: false },
];
const NAMES = COLUMNS.map(({ name }) => name);
const OID = 16_400;

/** A column of a tuple: a text, null, or `unchanged` for a large value that was not touched. */
type Cell = { readonly text: string } | 'null' | 'unchanged';
type Tuple = readonly Cell[];

const byte = (letter: string): Buffer => Buffer.from(letter);
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}
function bytesOf(cell: Cell): Buffer {
  if (typeof cell === 'string') return byte(cell === 'null' ? 'n' : 'u');
  const text = Buffer.from(cell.text);
  return Buffer.concat([byte('t'), int32(text.length), text]);
}
const tuple = (cells: Tuple): Buffer => Buffer.concat([int16(cells.length), ...cells.map(bytesOf)]);

const RELATION = Buffer.concat([
  byte('R'), int32(OID), Buffer.from('public\0contacts\0f'), int16(COLUMNS.length),
  ...COLUMNS.flatMap(({ name, type, isKey }) => [Buffer.from([isKey ? 1 : 0]), Buffer.from(`${name}\0`), int32(type), int32(-1)]),
]);
const insert = (now: Tuple): Buffer => Buffer.concat([byte('I'), int32(OID), byte('N'), tuple(now)]);
const update = (now: Tuple, before: readonly Buffer[] = []): Buffer => Buffer.concat([byte('U'), int32(OID), ...before, byte('N'), tuple(now)]);
const remove = (before: readonly Buffer[]): Buffer => Buffer.concat([byte('D'), int32(OID), ...before]);
const whole = (cells: Tuple): Buffer[] => [byte('O'), tuple(cells)];
/** What the replica identity `default` gives: the key, and null for all that is not part of it. */
const keyOnly = (cells: Tuple): Buffer[] => [byte('K'), tuple(cells.map((cell, index) => (COLUMNS[index]?.isKey ? cell : 'null')))];

function open(reads: readonly string[] = NAMES): { theirs: (message: Buffer) => Pgoutput.Message; ours: (message: Buffer) => RowMessage | null } {
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [] });
  const reader = new RowReader(new Set(reads));
  reader.learn(plugin.parse(RELATION) as Pgoutput.MessageRelation);
  return { theirs: (message) => plugin.parse(message), ours: (message) => reader.read(message) };
}

const text = (arbitrary: fc.Arbitrary<string>): fc.Arbitrary<Cell> => fc.oneof({ weight: 4, arbitrary: arbitrary.map((value) => ({ text: value })) }, fc.constant<Cell>('null'));
const key = fc.constantFrom('a', 'acme', 'عميل').map((value) => ({ text: value }));
const words = fc.oneof(fc.constantFrom('', 'sam', 'ليلى', '🎈', 'a\u0080b'), fc.string({ unit: 'binary' }).map((value) => value.toWellFormed().replaceAll('\0', '')));
const instant = fc.constantFrom('2026-01-15 09:00:00+00', '2026-01-15 09:00:00.5+00', '2026-01-15 09:00:00.123456+00', '0044-03-15 12:00:00+00 BC', 'infinity', '2026-01-15 12:00:00+03');
const anyTuple = fc.tuple(
  key, key, text(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)), text(words), text(fc.constantFrom('t', 'f')), text(instant),
  text(fc.dictionary(words, fc.jsonValue(), { maxKeys: 3 }).map((value) => JSON.stringify(value))), text(fc.constantFrom('{}', '{vip,"a,b"}', '{"🎈",NULL}')),
);
/** A row before and after: nearly all columns stay, and one that is large and stays may not be sent again. */
const anyEdit = fc.tuple(anyTuple, anyTuple, fc.array(fc.constantFrom('same', 'same', 'new', 'unchanged'), { minLength: COLUMNS.length, maxLength: COLUMNS.length }))
  .map(([before, other, stays]) => ({ before, now: before.map((cell, index): Cell => (stays[index] === 'new' ? other[index] ?? 'null' : stays[index] === 'unchanged' ? 'unchanged' : cell)) }));
const anyMessage = fc.oneof(
  anyTuple.map(insert),
  anyEdit.map(({ before, now }) => update(now, whole(before))),
  anyEdit.map(({ before, now }) => update(now, keyOnly(before))),
  anyEdit.map(({ now }) => update(now)),
  anyTuple.map((cells) => remove(whole(cells))),
  anyTuple.map((cells) => remove(keyOnly(cells))),
);

describe('RowReader', () => {
  it('reads rows as the library does, before and after', () => {
    const { theirs, ours } = open();
    fc.assert(fc.property(anyMessage, (message) => {
      const expected = theirs(message) as { tag: string; old?: object | null; key?: object | null; new?: object };
      const before = expected.tag === 'delete' ? expected.old ?? expected.key : expected.old;
      const read = ours(message);
      expect({ ...read, relation: null }).toEqual({ tag: expected.tag, relation: null, old: before ?? null, new: expected.new ?? null });
    }), { numRuns: 500 });
  });

  it('gives a value that did not change to both rows, decoded once', () => {
    const cells: Tuple = [{ text: 'acme' }, { text: 'c_1' }, { text: '1' }, 'null', { text: 'f' }, 'null', { text: '{"tier":"gold"}' }, 'null'];
    const read = open().ours(update(cells.with(2, { text: '2' }), whole(cells)));
    expect(read?.old?.version).toBe('1');
    expect(read?.new?.version).toBe('2');
    expect(read?.new?.['custom']).toBe(read?.old?.['custom']);
  });

  it('reads the columns that it was told of, and no others', () => {
    const cells = COLUMNS.map((): Cell => 'null').with(1, { text: 'c_1' });
    expect(open(['id', 'tags', 'unknown']).ours(insert(cells))?.new).toEqual({ id: 'c_1', tags: null });
  });

  it('leaves other messages to the library', () => {
    expect(open().ours(RELATION)).toBeNull();
  });

  it('takes no part of a message for the whole', () => {
    const { ours } = open();
    fc.assert(fc.property(anyMessage, fc.nat(), (message, cut) => {
      expect(() => ours(message.subarray(0, 1 + (cut % (message.length - 1))))).toThrow();
    }));
  });

  it('refuses rows of a relation that was not described', () => {
    expect(() => new RowReader(new Set(NAMES)).read(insert(COLUMNS.map(() => 'null' as const)))).toThrow(/not described/);
  });
});
