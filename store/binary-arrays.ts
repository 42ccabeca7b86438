/**
 * Arrays as query parameters in PostgreSQL's binary wire format (`array_recv`): a batch's columns travel without being
 * quoted here and parsed there, which for documents of JSON costs more than the rest of the statement's transfer.
 *
 * The parameter must be cast to the very type in the statement (`$1::text[]`); the server checks it. `pg` sends a
 * Buffer as it is, marked as binary.
 */

/** Object ids of the element types (pg_type.dat). */
const OID = { bool: 16, int8: 20, int2: 21, text: 25, json: 114 };
/** Dimensions, whether there are nulls, the elements' type, and size and lower bound of the only dimension. */
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;

export function textArray(values: readonly (string | null)[]): Buffer {
  return stringArray(values, OID.text);
}

/** Each value is a JSON document already. */
export function jsonArray(values: readonly (string | null)[]): Buffer {
  return stringArray(values, OID.json);
}

/** Safe integers. */
export function bigintArray(values: readonly (number | null)[]): Buffer {
  return fixedArray(values, OID.int8, 8, (buffer, value, at) => buffer.writeBigInt64BE(BigInt(value), at));
}

export function smallintArray(values: readonly (number | null)[]): Buffer {
  return fixedArray(values, OID.int2, 2, (buffer, value, at) => buffer.writeInt16BE(value, at));
}

export function booleanArray(values: readonly (boolean | null)[]): Buffer {
  return fixedArray(values, OID.bool, 1, (buffer, value, at) => buffer.writeUInt8(value ? 1 : 0, at));
}

/** Where texts are written before their length in bytes is known: to ask for it first costs as much as to write. */
let scratch: Buffer = Buffer.allocUnsafeSlow(1_048_576);
/** What may be kept of it. */
const MAX_SCRATCH_BYTES = 8_388_608;
const MAX_BYTES_PER_UNIT = 3;

function stringArray(values: readonly (string | null)[], oid: number): Buffer {
  let buffer = scratch;
  let at = writeHeader(buffer, values, oid);
  for (const value of values) {
    const needed = at + LENGTH_BYTES + (value === null ? 0 : value.length * MAX_BYTES_PER_UNIT);
    if (needed > buffer.length) buffer = enlarged(buffer, at, needed);
    const length = value === null ? 0 : buffer.write(value, at + LENGTH_BYTES);
    buffer.writeInt32BE(value === null ? NULL_LENGTH : length, at);
    at += LENGTH_BYTES + length;
  }
  if (buffer.length <= MAX_SCRATCH_BYTES) scratch = buffer;
  return Buffer.from(buffer.subarray(0, at));
}

function enlarged(buffer: Buffer, used: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
  buffer.copy(larger, 0, 0, used);
  return larger;
}

function fixedArray<T>(values: readonly (T | null)[], oid: number, size: number, write: (buffer: Buffer, value: T, at: number) => void): Buffer {
  const nulls = values.reduce((count, value) => (value === null ? count + 1 : count), 0);
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + values.length * (LENGTH_BYTES + size) - nulls * size);
  let at = writeHeader(buffer, values, oid);
  for (const value of values) {
    buffer.writeInt32BE(value === null ? NULL_LENGTH : size, at);
    at += LENGTH_BYTES;
    if (value === null) continue;
    write(buffer, value, at);
    at += size;
  }
  return buffer.subarray(0, at);
}

/** An empty array has no dimension; gives where the elements begin. */
function writeHeader(buffer: Buffer, values: readonly unknown[], oid: number): number {
  buffer.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  if (values.length === 0) return 12;
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
  return HEADER_BYTES;
}
