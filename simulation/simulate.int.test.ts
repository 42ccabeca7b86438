/** The simulator's part in every run of the tests: a few hundred schedules, and what makes its word worth something (docs/simulation.md). */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stackUrls } from '../tests/stack/fixture.ts';
import { openPlace } from './place.ts';
import { simulate } from './simulate.ts';
import { isGood, tally } from './tally.ts';
import { tellFindings, tellShrunk } from './tell.ts';
import { startWorkers } from './workers.ts';

const SCHEDULES = 500;
/** On two cores that are its own it takes a fifth of this (ms). */
const LONGEST_MS = 900_000;

const { databaseUrl } = stackUrls();
const place = await openPlace(databaseUrl);
afterAll(() => place.close());

describe('simulation', () => {
  it(`keeps its promises in ${SCHEDULES} schedules of edits and faults, and meets every kind of fault`, async () => {
    const told: string[] = [];
    const runs = await simulate({
      place, from: 1, seeds: SCHEDULES, workers: 2, trace: false, shrinks: 1,
      onRan: (run) => told.push(...tellFindings(run)), onShrunk: (shrunk) => told.push(...tellShrunk(shrunk)),
    });
    const totals = tally(runs);
    if (!isGood(totals)) expect.fail([...told, `faults that never came about: ${totals.faults_missing.join(', ') || 'none'}`].join('\n'));
    expect(totals).toMatchObject({ schedules: SCHEDULES, lost: 0, duplicates: 0, loops: 0, diverged: 0, unexplained: 0 });
  }, LONGEST_MS);

  it('I12: is the same history in every process: the decisions of a seed are the same, byte for byte', async () => {
    const [one, other] = await Promise.all([decisionsOf([3, 4, 5, 6]), decisionsOf([6, 5, 4, 3])]);
    expect(one.size).toBe(4);
    expect(Object.fromEntries(other)).toEqual(Object.fromEntries(one));
  }, LONGEST_MS);
});

/** Seed → hash of its decisions, simulated in this order in a process of its own. */
async function decisionsOf(seeds: readonly number[]): Promise<Map<number, string>> {
  const workers = await startWorkers({ place, count: 1 });
  const hashes = new Map<number, string>();
  try {
    await workers.work(seeds.map((seed) => ({ do: 'run' as const, seed, trace: false })), (report) => {
      if (report.did === 'run') hashes.set(report.seed, report.hash);
      return report.did === 'run';
    });
    return hashes;
  } finally {
    workers.stop();
  }
}

describe('npm run simulate', () => {
  it('ends with one line of figures, and well', async () => {
    const { code, out } = await command('--seeds', '2', '--workers', '1', '--json');
    expect(code).toBe(0);
    const figures = JSON.parse(out.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    expect(figures).toMatchObject({ schedules: 2, lost: 0, duplicates: 0, loops: 0, diverged: 0, unexplained: 0, failing_seeds: [] });
    expect(figures['edits']).toBeGreaterThan(0);
  }, LONGEST_MS);

  it('tells what people did and what became of it, with --trace', async () => {
    const { code, out } = await command('--from', '3', '--seeds', '1', '--trace');
    expect(code).toBe(0);
    expect(out).toMatch(/bevatel\/B-1 +is created by a person/);
    expect(out).toMatch(/the product's write .* lands/);
  }, LONGEST_MS);

  it.each([[['--seeds', '0']], [['--from', 'x']], [['--sedes', '1']]])('ends badly when it is asked for %j', async (given) => {
    const { code, err } = await command(...given);
    expect(code).toBe(1);
    expect(err).not.toBe('');
  });
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function command(...given: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, 'main.ts'), ...given], { env: { PATH: process.env['PATH'] ?? '', SIMULATION_DATABASE_URL: databaseUrl }, maxBuffer: 64 << 20 }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}
