/**
 * `npm run simulate -- --seeds N [--from SEED] [--workers W] [--json] [--trace] [--shrink N]`: schedules of edits and faults
 * on simulated time, judged by an oracle (docs/simulation.md). With --json the last line is one object. Exits with 1 when
 * a promise was broken, or when a long run met no fault of some kind.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { openPlace } from './place.ts';
import { simulate } from './simulate.ts';
import { isGood, tally } from './tally.ts';
import { tellFindings, tellShrunk } from './tell.ts';
import type { Ran } from './worker.ts';

interface Wish {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly shrinks: number;
  readonly isJson: boolean;
  readonly trace: boolean;
}

function readWish(): Wish {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' }, from: { type: 'string', default: '1' }, workers: { type: 'string', default: String(Math.min(availableParallelism(), 8)) },
      shrink: { type: 'string', default: '2' }, json: { type: 'boolean', default: false }, trace: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seeds' | 'from' | 'workers' | 'shrink', least: number): number => {
    const given = Number(values[name]);
    if (!Number.isInteger(given) || given < least) throw new Error(`--${name} needs a whole number from ${least} on`);
    return given;
  };
  return { from: number('from', 0), seeds: number('seeds', 1), workers: number('workers', 1), shrinks: number('shrink', 0), isJson: values.json, trace: values.trace };
}

async function main(wish: Wish): Promise<boolean> {
  // With --json everything but the last line goes where a pipe does not see it.
  const say = (line: string): void => { (wish.isJson ? console.error : console.log)(line); };
  const sayAll = (lines: readonly string[]): void => lines.forEach(say);
  const place = await openPlace(process.env['SIMULATION_DATABASE_URL']);
  const leave = (): void => { void place.close().finally(() => process.exit(1)); };
  process.once('SIGINT', leave).once('SIGTERM', leave);
  try {
    const begun = performance.now();
    const runs = await simulate({ ...wish, place, onRan: (run) => sayAll([...told(run, wish), ...tellFindings(run)]), onShrunk: (shrunk) => sayAll(tellShrunk(shrunk)) });
    const totals = tally(runs);
    const seconds = (performance.now() - begun) / 1_000;
    const { hashes, ...figures } = totals;
    if (wish.isJson) console.log(JSON.stringify({ ...figures, seconds: Math.round(seconds), schedules_per_s: round(runs.length / seconds) }));
    else say(`${JSON.stringify(figures, null, 1)}\n${round(runs.length / seconds)} schedules a second`);
    for (const [seed, hash] of Object.entries(hashes).slice(0, wish.seeds <= 20 ? 20 : 0)) say(`seed ${seed}: decisions ${hash}`);
    return isGood(totals);
  } finally {
    await place.close();
  }
}

function told({ seed, story }: Ran, { trace }: Wish): string[] {
  return trace ? [`seed ${seed}:`, ...story] : [];
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

try {
  process.exitCode = (await main(readWish())) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
