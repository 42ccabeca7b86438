/** Codecs without a registry: events as JSON. What Avro makes of them is tested elsewhere (runtime/codec.int.test.ts). */
import type { Codec, Codecs } from '../../runtime/codec.ts';
import { SyncError } from '../../schemas/errors.ts';

function codecOf<T>(): Codec<T> {
  const decodeNow = (bytes: Buffer): T => JSON.parse(bytes.toString()) as T;
  return {
    encode: (event) => Buffer.from(JSON.stringify(event)),
    decodeNow,
    decode: (bytes) => Promise.resolve(decodeNow(bytes)),
    decodeAll: (entries) => Promise.resolve(entries.map((bytes) => (bytes ? { ok: true, value: decodeNow(bytes) } : { ok: false, error: new SyncError('undecodable', 'there is no value') }))),
  };
}

export const CODECS: Codecs = {
  hints: codecOf(), changes: codecOf(), decisions: codecOf(), deadLetters: codecOf(),
  prepare: () => Promise.resolve(),
  check: () => Promise.resolve(),
};
