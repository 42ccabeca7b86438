/** A tuple of pgoutput: where its columns stand in the message, and what they say. */

/** Where each column's bytes begin and end; or instead of a beginning, why there are none. */
export interface Cells {
  readonly begins: number[];
  readonly ends: number[];
}

export const IS_NULL = -1;
/** The value is large and was not touched, so it was not sent. */
export const IS_UNCHANGED = -2;

const COLUMN = { null: 0x6e, unchanged: 0x75, text: 0x74 };

/** Finds the columns of the tuple at `at`, and gives where it ends. Throws when the bytes are no tuple of texts. */
export function locate(message: Buffer, at: number, cells: Cells): number {
  const count = message.readInt16BE(at);
  cells.begins.length = count;
  cells.ends.length = count;
  let next = at + 2;
  for (let index = 0; index < count; index += 1) {
    const kind = message[next];
    next += 1;
    if (kind === COLUMN.text) {
      cells.begins[index] = next + 4;
      next += 4 + message.readUInt32BE(next);
      if (next > message.length) throw new RangeError('a column that ends beyond its message');
      cells.ends[index] = next;
    } else if (kind === COLUMN.null || kind === COLUMN.unchanged) {
      cells.begins[index] = kind === COLUMN.null ? IS_NULL : IS_UNCHANGED;
    } else throw new Error('a column of an unknown kind');
  }
  return next;
}

/** `ascii` is the message with one character per byte, from which a text of ASCII can be cut. */
export function textAt(message: Buffer, ascii: string | null, begin: number, end: number): string {
  if (ascii === null) return message.toString('utf8', begin, end);
  for (let at = begin; at < end; at += 1) if ((message[at] as number) > 0x7f) return message.toString('utf8', begin, end);
  return ascii.slice(begin, end);
}

export function sameBytes(message: Buffer, a: Cells, b: Cells, index: number): boolean {
  const beginA = a.begins[index] ?? IS_NULL;
  const beginB = b.begins[index] ?? IS_NULL;
  if (beginA < 0 || beginB < 0) return beginA === beginB;
  const length = (a.ends[index] ?? 0) - beginA;
  if (length !== (b.ends[index] ?? 0) - beginB) return false;
  for (let at = 0; at < length; at += 1) if (message[beginA + at] !== message[beginB + at]) return false;
  return true;
}
