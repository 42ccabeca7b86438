/**
 * Reads the rows of pgoutput's inserts, updates and deletes. Every other message, and what a relation is, stays with
 * `pg-logical-replication`, which is also what this is tested against.
 *
 * Its own way of reading rows cost more than all that happens to a change afterwards. An update brings every column
 * twice, before and after, and nearly all of them are the same: here the row before is a copy of the row after in which
 * only columns of other bytes are read for themselves. And most texts are plain ASCII, which can be cut out of one.
 *
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
import type { Pgoutput } from 'pg-logical-replication';

import type { CdcRow } from './row-event.ts';
import type { Cells } from './tuple.ts';
import { IS_NULL, IS_UNCHANGED, locate, sameBytes, textAt } from './tuple.ts';

export interface RowMessage {
  readonly tag: 'insert' | 'update' | 'delete';
  readonly relation: Pgoutput.MessageRelation;
  /** The whole row before; of a deleted row only its key, where the replica identity gives no more. */
  readonly old: CdcRow | null;
  readonly new: CdcRow | null;
}

type Row = Record<string, unknown>;
interface Column {
  /** Its place in the tuple. */
  readonly index: number;
  readonly name: string;
  readonly parser: (text: string) => unknown;
}
interface Relation {
  readonly described: Pgoutput.MessageRelation;
  /** Those that are read. */
  readonly columns: readonly Column[];
  /** A row without values: to fill in a copy is cheaper than to add column after column. */
  readonly empty: Readonly<Row>;
}

const TAGS: Readonly<Record<number, RowMessage['tag']>> = { 0x49: 'insert', 0x55: 'update', 0x44: 'delete' };
const TUPLE = { key: 0x4b, old: 0x4f, new: 0x4e };

export class RowReader {
  readonly #reads: ReadonlySet<string>;
  readonly #relations = new Map<number, Relation>();
  /** Used anew for each message. */
  readonly #before: Cells = { begins: [], ends: [] };
  readonly #after: Cells = { begins: [], ends: [] };

  /** `reads` names the columns that somebody wants to know. */
  constructor(reads: ReadonlySet<string>) {
    this.#reads = reads;
  }

  /** Postgres describes each relation before its first row, and again when it has changed. */
  learn(described: Pgoutput.MessageRelation): void {
    const columns = described.columns.flatMap(({ name, parser }, index) => (this.#reads.has(name) ? [{ index, name, parser }] : []));
    this.#relations.set(described.relationOid, { described, columns, empty: Object.fromEntries(columns.map(({ name }) => [name, null])) });
  }

  /** Null for messages that are about no row. Throws when the bytes are not what Postgres documents. */
  read(message: Buffer): RowMessage | null {
    const tag = TAGS[message[0] ?? 0];
    if (tag === undefined) return null;
    const relation = this.#relations.get(message.readInt32BE(1));
    if (!relation) throw new Error('a row of a relation that was not described');
    const { old, now } = this.#readRows(message, tag, relation);
    return { tag, relation: relation.described, old: old as CdcRow | null, new: now as CdcRow | null };
  }

  #readRows(message: Buffer, tag: RowMessage['tag'], relation: Relation): { old: Row | null; now: Row | null } {
    const kind = message[5];
    if (kind === TUPLE.new) {
      locate(message, 6, this.#after);
      return { old: null, now: rowOf(message, relation, this.#after) };
    }
    if (kind !== TUPLE.old && kind !== TUPLE.key) throw new Error('a row message of an unknown kind');
    const end = locate(message, 6, this.#before);
    if (tag === 'delete') {
      const row = rowOf(message, relation, this.#before);
      return { old: kind === TUPLE.old ? row : keyOf(row, relation), now: null };
    }
    if (message[end] !== TUPLE.new) throw new Error('an update without its new row');
    locate(message, end + 1, this.#after);
    const now = rowOf(message, relation, this.#after, kind === TUPLE.old ? this.#before : undefined);
    return { old: kind === TUPLE.old ? rowBefore(message, relation, this.#before, this.#after, now) : null, now };
  }
}

/** A value that is large and was not touched is not sent again: it is taken from the row before, if that is known. */
function rowOf(message: Buffer, { columns, empty }: Relation, cells: Cells, before?: Cells): Row {
  const row: Row = { ...empty };
  const ascii = message.toString('latin1');
  for (const column of columns) {
    const from = before && cells.begins[column.index] === IS_UNCHANGED ? before : cells;
    row[column.name] = valueAt(message, ascii, from, column);
  }
  return row;
}

function rowBefore(message: Buffer, { columns }: Relation, before: Cells, after: Cells, now: Row): Row {
  const row: Row = { ...now };
  for (const column of columns) {
    if (after.begins[column.index] === IS_UNCHANGED || sameBytes(message, before, after, column.index)) continue;
    row[column.name] = valueAt(message, null, before, column);
  }
  return row;
}

function keyOf(row: Row, { described }: Relation): Row {
  return Object.fromEntries(described.keyColumns.map((name) => [name, row[name] ?? undefined]));
}

function valueAt(message: Buffer, ascii: string | null, { begins, ends }: Cells, { index, parser }: Column): unknown {
  const begin = begins[index] ?? IS_UNCHANGED;
  if (begin === IS_NULL) return null;
  return begin === IS_UNCHANGED ? undefined : parser(textAt(message, ascii, begin, ends[index] ?? begin));
}
