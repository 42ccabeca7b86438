/** One mutant against seeds 1, 2, 3 … until a promise is seen broken. */
import { join } from 'node:path';
import type { Place } from '../place.ts';
import { startWorkers } from '../workers.ts';
import type { Workers } from '../workers.ts';
import { MUTANT_VARIABLE } from './mutant.ts';
import type { Mutant } from './mutant.ts';

export interface Trial {
  readonly mutant: Mutant;
  /** How many seeds it took; all that it was given, when nothing was found. */
  readonly seeds: number;
  /** The first broken promise; null when the mutant survived. */
  readonly finding: string | null;
}

/** Throws when a schedule cannot be simulated at all. */
export async function trial(mutant: Mutant, place: Place, within: number): Promise<Trial> {
  const workers: Workers = await startWorkers({ place, count: 1, imports: [join(import.meta.dirname, 'loader.ts')], env: { [MUTANT_VARIABLE]: mutant.name } });
  try {
    let last: Trial = { mutant, seeds: within, finding: null };
    await workers.work(Array.from({ length: within }, (_, index) => ({ do: 'run' as const, seed: index + 1, trace: false })), (report) => {
      if (report.did === 'failed') throw new Error(`${mutant.name}: seed ${report.seed} cannot be simulated: ${report.what}`);
      const [first] = report.findings;
      if (first) last = { mutant, seeds: report.seed, finding: `${first.invariant}: ${first.what}` };
      return first === undefined;
    });
    return last;
  } finally {
    workers.stop();
  }
}
