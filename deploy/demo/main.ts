/**
 * `make demo`: the whole job on a stack of its own, from two full address books to the proof that they agree.
 *
 * Everything it makes lives in a database and under a topic prefix of the demo's own and is removed at the end, also on
 * Ctrl-C. `ONCE=1` ends after the report: exit code 0 when everything agrees, 1 when not. `SEED` invents other people.
 */
import { join } from 'node:path';
import pg from 'pg';
import { openStack } from '../local/choose-stack.ts';
import { LOCAL_DIR } from '../local/embedded-stack.ts';
import { isolate } from '../local/isolate.ts';
import { BURST, BURST_CONTACTS, runBurst } from './burst.ts';
import { countCalls } from './calls.ts';
import { Cleanup } from './cleanup.ts';
import { compare, readBothSides, tiedPairs } from './compare.ts';
import type { BothSides, Pair } from './compare.ts';
import { CONFLICT_CONTACTS, makeConflicts } from './conflicts.ts';
import { LagWatch } from './lag.ts';
import { inventPeople, SHARED } from './people.ts';
import { PollWatch } from './polls.ts';
import { lineOf, reportOf } from './report.ts';
import type { Result } from './report.ts';
import { loadPeople, startSides } from './sides.ts';
import type { Sides } from './sides.ts';
import { INTEGRATION, Sync } from './sync.ts';
import { thingsToTry } from './try.ts';
import { countConflicts, countEchoes } from './verdicts.ts';
import { Progress, todo, untilQuiet, untilSynced } from './watch.ts';
import type { Wait } from './watch.ts';

const INITIAL_WITHIN_MS = 300_000;
const BURST_WITHIN_MS = 180_000;

const clock = Date.now;

interface Demo {
  readonly sides: Sides;
  readonly sync: Sync;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly databaseUrl: string;
}

/** Gives the exit code. */
async function main(started: Cleanup, endsByItself: boolean, seed: number): Promise<number> {
  const progress = new Progress(process.stdout.isTTY, clock);
  const demo = await setUp(started, progress, seed);
  const loadedAt = clock();
  const initial = await initialSync(demo);
  const result = await burstAndProof(demo, initial, loadedAt);
  console.log(`\n${reportOf(result)}`);
  const both = await readBothSides(demo.sides, INTEGRATION);
  if (!endsByItself) console.log(thingsToTry(demo.sides, demo.sync, both));
  const line = lineOf(result);
  console.log(JSON.stringify(line));
  return line.ok ? 0 : 1;
}

async function setUp(started: Cleanup, progress: Progress, seed: number): Promise<Demo> {
  const beganAt = clock();
  const stack = await started.add('stack', openStack({ log: (line) => progress.show(line) }), (opened) => opened.stop());
  progress.done(`Stack (${stack.kind}) is up after ${since(beganAt)}`);
  const [own, bevatels] = await Promise.all(['demo', 'demo-bevatel'].map((name) => started.add(`what is ${name}'s on the stack`, isolate(stack, name), (place) => place.drop())));
  if (!own || !bevatels) throw new Error('no place on the stack');
  const sides = await started.add('sandboxes', startSides({ bevatelDatabaseUrl: bevatels.databaseUrl, seed }), (running) => running.stop());
  await loadPeople(sides, inventPeople(seed), seed);
  progress.show('the service is starting');
  const sync = await Sync.start({
    urls: stack.urls, databaseUrl: own.databaseUrl, topicPrefix: own.topicPrefix, sides, folder: join(LOCAL_DIR, 'demo'),
    onSpawn: (spawned) => { void started.add('service', spawned, () => spawned.stop()); },
  });
  progress.done(`Bevatel at ${sides.bevatel.url}, HubSpot at ${sides.hubspot.url}, bevatel-sync at ${sync.operateUrl} (log: ${sync.logFile})`);
  return { sides, sync, progress, signal: started.signal, databaseUrl: own.databaseUrl };
}

interface Initial {
  readonly both: BothSides;
  readonly people: number;
  readonly calls: Result['calls'];
  readonly result: Result['initial'];
}

async function initialSync(demo: Demo): Promise<Initial> {
  const { sides, sync, progress } = demo;
  const before = await readBothSides(sides, INTEGRATION);
  const beganAt = clock();
  await sync.apply();
  const doneAt = await untilSynced(waitOf(demo, INITIAL_WITHIN_MS));
  if (doneAt === null) throw new Error(`the initial sync was not done after ${INITIAL_WITHIN_MS / 1_000} s; see ${sync.logFile}`);
  const both = await readBothSides(sides, INTEGRATION);
  const calls = countCalls(sides, before, both);
  const result = { seconds: (doneAt - beganAt) / 1_000, pairs: tiedPairs(both).length };
  progress.done(`Initial sync: ${result.pairs} pairs in ${result.seconds.toFixed(1)} s, ${calls.made} API calls (at least ${calls.least})`);
  return { both, people: inventedPeople(before), calls, result };
}

/** People on both sides are one; how many there are was decided by the invention, not by the service. */
function inventedPeople(before: BothSides): number {
  return before.bevatel.length + before.hubspot.length - SHARED;
}

async function burstAndProof(demo: Demo, initial: Initial, loadedAt: number): Promise<Result> {
  const { sides, sync, progress } = demo;
  const watch = new LagWatch(sides);
  const polls = new PollWatch(sides, clock);
  let edits = 0;
  const deps = { sides, watch, polls, clock, onEdit: (): void => { edits += 1; progress.show(`edits on both sides: ${edits} · on their way: ${watch.waiting}`); } };
  const [ordinary, conflicting] = choosePairs(initial.both);
  watch.start();
  try {
    await runBurst(deps, ordinary);
    await makeConflicts(deps, conflicting);
    await untilQuiet(waitOf(demo, BURST_WITHIN_MS), () => watch.waiting === 0, ({ integrations: [one] }) => `edits on their way: ${watch.waiting} · to do ${one ? todo(one) : '?'} · held ${one?.conflicts.holds ?? '?'}`);
  } finally {
    polls.stop();
    await watch.stop();
  }
  progress.done(`Burst: ${edits} edits on both sides, ${watch.waiting} of them not arrived`);
  const certificate = await sync.verify((examined) => progress.show(`verify: ${examined} pairs read on both sides`));
  const seconds = (clock() - loadedAt) / 1_000;
  const both = await readBothSides(sides, INTEGRATION);
  const people = initial.people + 2 * BURST.newPerSide;
  return {
    certificate, comparison: compare(both), ...await verdicts(demo), calls: initial.calls, lags: watch.seen, missing: watch.waiting, edits,
    contacts: { bevatel: both.bevatel.length, hubspot: both.hubspot.length, people }, initial: initial.result, seconds,
  };
}

/** Pairs for the burst, and for the conflicts: complete and equal, so that what comes of an edit is the edit's. */
function choosePairs(both: BothSides): readonly [ordinary: readonly Pair[], conflicting: readonly Pair[]] {
  const complete = tiedPairs(both).filter(({ bevatel, hubspot }) => bevatel.fields['email'] && hubspot.properties['email'] && bevatel.fields['contact_last_name'] === hubspot.properties['lastname']);
  return [complete.slice(0, BURST_CONTACTS), complete.slice(BURST_CONTACTS, BURST_CONTACTS + CONFLICT_CONTACTS)];
}

async function verdicts({ databaseUrl, sync }: Demo): Promise<Pick<Result, 'conflicts' | 'echoes'>> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  try {
    const ownWrites = await sync.counter(sync.captureUrl, 'capture_hints_total', ['outcome="own_write"']);
    return { conflicts: await countConflicts(pool), echoes: ownWrites + await countEchoes(pool) };
  } finally {
    await pool.end();
  }
}

function waitOf({ sync, sides, progress, signal }: Demo, withinMs: number): Wait {
  return { sync, sides, progress, signal, clock, withinMs };
}

function since(beganAt: number): string {
  return `${((clock() - beganAt) / 1_000).toFixed(1)} s`;
}

const cleanup = new Cleanup();
const isOnce = process.env['ONCE'] === '1';
try {
  process.exitCode = await Promise.race([main(cleanup, isOnce, Number(process.env['SEED'] ?? 1)), cleanup.interrupted()]);
  if (!isOnce) await cleanup.interrupted().catch(() => undefined);
} catch (error) {
  if (!cleanup.signal.aborted) console.error(error instanceof Error ? error.message : error);
  process.exitCode = cleanup.signal.aborted ? 130 : 1;
}
await cleanup.run();
process.exit();
