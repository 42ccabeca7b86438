/**
 * Kafka's hash of a message's key (murmur2 with the seed of Kafka's own clients), so that a record goes to the same
 * partition whoever writes it, in whichever language.
 *
 * In 32-bit arithmetic; the Kafka client's own calculates in objects of 64 bits, which cost more than all the rest of
 * encoding a message.
 */
const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** A signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  const tail = length & ~3;
  const at = (index: number): number => bytes[index] ?? 0;
  let hash = SEED ^ length;
  for (let index = 0; index < tail; index += 4) {
    const word = at(index) | (at(index + 1) << 8) | (at(index + 2) << 16) | (at(index + 3) << 24);
    const mixed = Math.imul(word, MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(mixed ^ (mixed >>> 24), MULTIPLIER);
  }
  if (tail < length) hash = Math.imul(hash ^ (at(tail) | (at(tail + 1) << 8) | (at(tail + 2) << 16)), MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}
