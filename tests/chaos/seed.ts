/** Where the chances of a run come from: `CHAOS_SEED` repeats one, otherwise each run has its own and prints it. */
import { randomInt } from 'node:crypto';
import { seededRandom } from '../../connectors/hubspot/sandbox/model.ts';

export function chaosSeed(): number {
  const given = process.env['CHAOS_SEED'];
  const seed = given === undefined ? randomInt(2 ** 31) : Number(given);
  console.log(`chaos: CHAOS_SEED=${seed} repeats these chances`);
  return seed;
}

/** A stream of chances of its own for each part, so that one part's pace does not shift another's. */
export function chancesOf(seed: number, part: number): () => number {
  return seededRandom(seed * 31 + part);
}
