/**
 * Plays a schedule to its end: the first sync, the deeds and the faults; then healing, in which nothing goes wrong any
 * more; then both sides are listed once more, which must find nothing that notifications, polls and streams have not told;
 * then everything comes a second time, which must bring about nothing.
 */
import { CODECS } from '../engine/codecs.ts';
import { NoEnd } from '../engine/scheduler.ts';
import { effectsIn, writesIn } from '../journal.ts';
import type { Effect } from '../journal.ts';
import type { Schedule } from '../schedule/schedule.ts';
import { beginAnew, newListingId } from '../../store/listings.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import { parkHints } from '../../store/waiting-hints.ts';
import type { ContactHint } from '../../schemas/change.ts';
import { LANES, SIDES } from '../../schemas/value.ts';
import { changesTopic, topicName } from '../../schemas/topics.ts';
import { populate } from './people-at-work.ts';
import { unrestOf } from './rest.ts';
import { START_AT } from './world.ts';
import type { World } from './world.ts';

export interface Played {
  /** Why the world did not come to rest; empty when it did. */
  readonly unrest: readonly string[];
  /** Writes that were made for nothing but what had come before. */
  readonly idleWrites: number;
  /** Writes that were made for what only the last listings and reads told. */
  readonly lateWrites: readonly Effect[];
}

const HOUR_MS = 3_600_000;
/** Beyond what the product itself waits for: late writes are waited for an hour. */
const PATIENCE_MS = 3 * HOUR_MS;
/** After healing every poll must have looked again at least twice. */
const HEALING_MS = 120_000;
const LAZY = 10;
/** What was committed last is on its way to its topic. */
const RELAY_MS = 2_000;

export async function play(world: World): Promise<Played> {
  try {
    return await playToEnd(world);
  } catch (error) {
    if (error instanceof NoEnd) return { unrest: [error.message], idleWrites: 0, lateWrites: [] };
    throw error;
  }
}

async function playToEnd(world: World): Promise<Played> {
  const { scheduler, schedule, faults } = world;
  populate({ ...world, startAt: START_AT }, schedule.people);
  for (const integration of world.integrations) await world.perform(upsertIntegration(world.operatorPool, integration, scheduler.now));
  world.processes.start();
  planFaults(world, schedule);
  world.people.plan(schedule.deeds);
  await scheduler.runTo(START_AT + endOf(schedule));
  faults.end();
  await scheduler.runTo(scheduler.now + HEALING_MS);
  const healed = await untilAtRest(world);
  if (healed.length > 0) return { unrest: healed, idleWrites: 0, lateWrites: [] };
  const then = writesIn(world.journal);
  const listed = await listAgain(world);
  const before = writesIn(world.journal);
  const lateWrites = effectsIn(world.journal).slice(then);
  if (listed.length > 0) return { unrest: listed, idleWrites: 0, lateWrites };
  repeat(world);
  const repeated = await listAgain(world);
  await scheduler.runTo(scheduler.now + RELAY_MS);
  return { unrest: repeated, idleWrites: writesIn(world.journal) - before, lateWrites };
}

function endOf({ deeds, faults }: Schedule): number {
  const ends = faults.map((fault) => ('forMs' in fault ? fault.at + fault.forMs : 'at' in fault ? fault.at : 0));
  return Math.max(10_000, ...deeds.map(({ at }) => at), ...ends) + 1_000;
}

function planFaults(world: World, { faults }: Schedule): void {
  const { scheduler, cluster, locks, slot, processes, people } = world;
  for (const fault of faults) {
    if (fault.kind === 'third_party') people.automate(fault);
    if (fault.kind === 'stall') scheduler.at(START_AT + fault.at, () => processes.stall(fault));
    if (fault.kind !== 'rebalance' && fault.kind !== 'slot_lost' && fault.kind !== 'lock_lost') continue;
    scheduler.at(START_AT + fault.at, () => {
      if (fault.kind === 'rebalance') cluster.shuffle();
      if (fault.kind === 'slot_lost') slot.lose();
      if (fault.kind === 'lock_lost' && !locks.lose(world.operator.random)) return;
      world.faults.happened(fault, '', fault.kind);
    });
  }
}

/** Short steps first, long ones while the product waits for writes that may still land. */
async function untilAtRest(world: World): Promise<string[]> {
  const begun = world.scheduler.now;
  for (;;) {
    const unrest = await unrestOf(world);
    const waited = world.scheduler.now - begun;
    if (unrest.length === 0 || waited > PATIENCE_MS) {
      world.laziness = 1;
      return unrest;
    }
    world.laziness = waited > HEALING_MS ? LAZY : 1;
    await world.scheduler.runTo(world.scheduler.now + (waited > HEALING_MS ? 60_000 : 5_000));
  }
}

/** Both sides are listed once more in the repair lane, and every linked record is read by its id, as an operator's verification asks for. */
async function listAgain(world: World): Promise<string[]> {
  for (const { integration } of world.integrations) {
    for (const side of SIDES) {
      await world.perform(beginAnew(world.operatorPool, { tenantId: world.tenant, integrationId: integration, side }, newListingId('repair', world.operator.newId()), world.scheduler.now));
    }
  }
  const listed = await untilAtRest(world);
  if (listed.length > 0) return listed;
  await readAgain(world);
  return untilAtRest(world);
}

/** What a repair asks for: a listing shows no deletion. */
async function readAgain(world: World): Promise<void> {
  const { database, tenant, scheduler, operator, operatorPool } = world;
  const links = await database.ask<{ integration_id: string; bevatel_id: string | null; external_id: string | null }>('select integration_id, bevatel_id, external_id from links where tenant_id = $1 and not erased order by integration_id, link_id', [tenant]);
  const hints = links.flatMap((link) => SIDES.flatMap((side): ContactHint[] => {
    const recordId = side === 'bevatel' ? link.bevatel_id : link.external_id;
    return recordId === null ? [] : [{
      hintId: operator.newId(), tenantId: tenant, integrationId: link.integration_id, side, recordId, lane: 'repair', origin: 'operator', event: 'changed',
      field: null, value: null, revision: null, occurredAt: null, receivedAt: scheduler.now, mergedInto: null,
    }];
  }));
  await world.perform(parkHints(operatorPool, hints, scheduler.now, scheduler.now));
}

/** Every image comes again, in every lane. */
function repeat({ cluster, topicPrefix }: World): void {
  const topics = LANES.map((lane) => topicName(topicPrefix, changesTopic(lane)));
  const again = cluster.ranges(topics).flatMap((range) => cluster.log(range).map(({ key, value }) => ({ topic: range.topic, key: key?.toString() ?? null, value })));
  cluster.append(again.filter(({ value }) => value !== null && CODECS.changes.decodeNow(value)?.kind !== 'listingEnded'));
}
