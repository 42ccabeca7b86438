/**
 * `npm run simulate:mutants [-- --only NAME …] [--within SEEDS] [--workers W] [--json]`: mutates the product in one place at a
 * time and simulates until a promise is seen broken. Shows that the simulator finds mistakes (docs/simulation.md). With
 * --json the last line is one object. Exits with 1 when a mutant survives its seeds, or has no place in the code.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import pLimit from 'p-limit';
import { openPlace } from '../place.ts';
import { mutated } from './mutant.ts';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { trial } from './trial.ts';
import type { Trial } from './trial.ts';

/** Each is found within so many seeds. */
const WITHIN = 200;

interface Wish {
  readonly mutants: readonly Mutant[];
  readonly within: number;
  readonly workers: number;
  readonly isJson: boolean;
}

function readWish(): Wish {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, within: { type: 'string', default: String(WITHIN) }, workers: { type: 'string', default: String(Math.min(availableParallelism(), 8)) }, json: { type: 'boolean', default: false } } });
  const mutants = MUTANTS.filter(({ name }) => values.only?.some((part) => name.includes(part)) ?? true);
  const [within, workers] = [Number(values.within), Number(values.workers)];
  if (mutants.length === 0) throw new Error(`no mutant has ${values.only?.join(' or ')} in its name`);
  if (!Number.isInteger(within) || within < 1 || !Number.isInteger(workers) || workers < 1) throw new Error('--within and --workers need a whole number from 1 on');
  return { mutants, within, workers, isJson: values.json };
}

async function main({ mutants, within, workers, isJson }: Wish): Promise<boolean> {
  const say = (line: string): void => { (isJson ? console.error : console.log)(line); };
  for (const mutant of mutants) mutated(mutant, readFileSync(join(import.meta.dirname, '../..', mutant.file), 'utf8'));
  const place = await openPlace(process.env['SIMULATION_DATABASE_URL']);
  const leave = (): void => { void place.close().finally(() => process.exit(1)); };
  process.once('SIGINT', leave).once('SIGTERM', leave);
  try {
    const trials = await pLimit(workers).map(mutants, async (mutant) => {
      const result = await trial(mutant, place, within);
      say(result.finding ? `found with seed ${result.seeds}: ${mutant.name}\n  ${result.finding}` : `SURVIVES ${result.seeds} seeds: ${mutant.name}`);
      return result;
    });
    say(tableOf(trials));
    const killed = trials.filter(({ finding }) => finding !== null);
    if (isJson) console.log(JSON.stringify({ mutants: trials.length, killed: killed.length, seeds_max: Math.max(0, ...killed.map(({ seeds }) => seeds)), survivors: trials.filter(({ finding }) => finding === null).map(({ mutant }) => mutant.name) }));
    return killed.length === trials.length;
  } finally {
    await place.close();
  }
}

function tableOf(trials: readonly Trial[]): string {
  const table = new Table({ head: ['mutant', 'file', 'seeds', 'what was seen'], wordWrap: true, colWidths: [50, 34, 7, 80], style: { head: [] } });
  for (const { mutant, seeds, finding } of trials) table.push([mutant.name, mutant.file, String(seeds), finding ?? 'NOTHING']);
  return table.toString();
}

try {
  process.exitCode = (await main(readWish())) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
