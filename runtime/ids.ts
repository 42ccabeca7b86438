/**
 * Ids of what the service makes: UUID v7, so that neighbours in time are neighbours in an index.
 *
 * The system is asked for randomness once for many ids: to ask for each one's 16 bytes costs ten times the rest.
 */
import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const RANDOM_BYTES = 16;
const IDS_AHEAD = 256;

export function createIds(clock: () => number): () => string {
  const drawn = new Uint8Array(RANDOM_BYTES * IDS_AHEAD);
  let at = drawn.length;
  return () => {
    if (at === drawn.length) {
      randomFillSync(drawn);
      at = 0;
    }
    const random = drawn.subarray(at, at + RANDOM_BYTES);
    at += RANDOM_BYTES;
    return v7({ random, msecs: clock() });
  };
}
