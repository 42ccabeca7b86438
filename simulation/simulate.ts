/** Simulates a range of seeds on several workers, and shrinks what breaks to short stories. */
import type { Place } from './place.ts';
import type { Ran, Shrunk } from './worker.ts';
import { startWorkers } from './workers.ts';

export interface SimulateOptions {
  readonly place: Place;
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly trace: boolean;
  /** How many failing seeds are shrunk. */
  readonly shrinks: number;
  readonly onRan: (run: Ran) => void;
  readonly onShrunk: (shrunk: Shrunk) => void;
}

/** Schedules that one seed may be tried in while it is shrunk. */
const TRIES = 250;

/** Throws when a schedule cannot be simulated at all. */
export async function simulate(options: SimulateOptions): Promise<readonly Ran[]> {
  const { place, from, seeds, trace, onRan, onShrunk } = options;
  const workers = await startWorkers({ place, count: Math.min(options.workers, seeds) });
  try {
    const runs: Ran[] = [];
    await workers.work(Array.from({ length: seeds }, (_, index) => ({ do: 'run' as const, seed: from + index, trace })), (report) => {
      if (report.did === 'failed') throw new Error(`seed ${report.seed} cannot be simulated: ${report.what}`);
      if (report.did !== 'run') return true;
      runs.push(report);
      onRan(report);
      return true;
    });
    const failing = runs.filter(({ findings }) => findings.length > 0).toSorted((a, b) => a.seed - b.seed).slice(0, options.shrinks);
    await workers.work(failing.map(({ seed }) => ({ do: 'shrink' as const, seed, tries: TRIES })), (report) => {
      if (report.did === 'shrink') onShrunk(report);
      return true;
    });
    return runs;
  } finally {
    workers.stop();
  }
}
