/**
 * Calls per effective edit.
 *
 * `initial`: what the first synchronisation of 2 × 2,000 contacts, 500 of them the same people, cost in API calls of
 * both systems, over what the batch sizes allow. The people and the count are the demo's.
 * `burst`: writes per contact that was edited ten times within a second in which HubSpot refused every call.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { countCalls } from '../deploy/demo/calls.ts';
import { readBothSides, tiedPairs } from '../deploy/demo/compare.ts';
import type { Pair } from '../deploy/demo/compare.ts';
import { editBySql } from '../deploy/demo/doors.ts';
import { inventPeople } from '../deploy/demo/people.ts';
import { SYNC_APP_ID, loadPeople, startSides } from '../deploy/demo/sides.ts';
import type { Sides } from '../deploy/demo/sides.ts';
import { INTEGRATION, Sync } from '../deploy/demo/sync.ts';
import { Progress, untilQuiet, untilSynced } from '../deploy/demo/watch.ts';
import type { Wait } from '../deploy/demo/watch.ts';
import { isolate } from '../deploy/local/isolate.ts';
import type { FigureOptions } from './figure.ts';
import { rounded } from './statistics.ts';

export interface CallsFigure {
  readonly initial: number;
  readonly burst: number;
}

const SEED = 1;
const WITHIN_MS = 150_000;
const BURST = { contacts: 20, edits: 10, withinMs: 1_000 };

export async function benchCalls({ urls, say }: FigureOptions): Promise<CallsFigure> {
  const [own, bevatels] = [await isolate({ urls }, 'bench-calls'), await isolate({ urls }, 'bench-calls-bevatel')];
  const folder = await mkdtemp(join(tmpdir(), 'bevatel-sync-bench-'));
  const sides = await startSides({ bevatelDatabaseUrl: bevatels.databaseUrl, seed: SEED });
  let sync: Sync | undefined;
  try {
    await loadPeople(sides, inventPeople(SEED), SEED);
    sync = await Sync.start({ urls, databaseUrl: own.databaseUrl, topicPrefix: own.topicPrefix, sides, folder, onSpawn: (spawned) => { sync = spawned; } });
    const wait: Wait = { sync, sides, progress: new Progress(false, Date.now), clock: Date.now, signal: new AbortController().signal, withinMs: WITHIN_MS };
    const initial = await initialSync(sides, wait, say);
    return { initial, burst: await burst(sides, wait) };
  } finally {
    await sync?.stop();
    await sides.stop();
    await Promise.all([own.drop(), bevatels.drop(), rm(folder, { recursive: true, force: true })]);
  }
}

async function initialSync(sides: Sides, wait: Wait, say: (line: string) => void): Promise<number> {
  const before = await readBothSides(sides, INTEGRATION);
  await wait.sync.apply();
  if ((await untilSynced(wait)) === null) throw new Error('the initial sync was not done in time');
  const { made, least, byEndpoint } = countCalls(sides, before, await readBothSides(sides, INTEGRATION));
  say(`initial sync: ${made} calls, at least ${least} (${byEndpoint.slice(0, 5).map(([endpoint, calls]) => `${endpoint} ${calls}`).join(', ')})`);
  return rounded(made / least, 2);
}

async function burst(sides: Sides, wait: Wait): Promise<number> {
  const pairs = tiedPairs(await readBothSides(sides, INTEGRATION)).slice(0, BURST.contacts);
  sides.hubspot.control.addFault({ fault: { kind: 'status', status: 429, headers: { 'retry-after': '1' } } });
  for (let edit = 1; edit <= BURST.edits; edit += 1) {
    await Promise.all(pairs.map(({ bevatel }) => editBySql(sides, bevatel.id, 'job_title', `Draft ${edit}`)));
    await sleep(BURST.withinMs / BURST.edits / 2);
  }
  sides.hubspot.control.clearFaults();
  const isWritten = ({ hubspot }: Pair): boolean => sides.hubspot.control.contact(hubspot.id)?.properties['jobtitle'] === `Draft ${BURST.edits}`;
  if ((await untilQuiet(wait, () => pairs.every(isWritten), () => 'the burst is written')) === null) throw new Error('the burst was not written in time');
  return rounded(pairs.reduce((sum, pair) => sum + writesOf(sides, pair), 0) / pairs.length, 2);
}

/** What our app wrote of the burst into one contact. */
function writesOf({ hubspot }: Sides, pair: Pair): number {
  const entries = hubspot.control.contact(pair.hubspot.id)?.history['jobtitle'] ?? [];
  return entries.filter(({ value, actor }) => value.startsWith('Draft') && actor.sourceId === String(SYNC_APP_ID)).length;
}
