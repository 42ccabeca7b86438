/** Where the chances of a run come from: `CHAOS_SEED` repeats one, otherwise each run has its own and prints it. */
import { randomInt } from 'node:crypto';

export function chaosSeed(): number {
  const given = process.env['CHAOS_SEED'];
  const seed = given === undefined ? randomInt(2 ** 31) : Number(given);
  console.log(`chaos: CHAOS_SEED=${seed} repeats these chances`);
  return seed;
}
