/** Waits until the service is at rest and the independent check finds no fault; says what is wrong when that does not come. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LANES } from '../../schemas/value.ts';
import { HINTS_TOPIC, changesTopic, topicName } from '../../schemas/topics.ts';
import type { Flow } from '../flow/rig.ts';
import { TENANT } from '../flow/rig.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judge.ts';
import type { Load } from './load.ts';

const LOOK_MS = 300;
/** Looks in a row that must find nothing to be done. */
const LOOKS = 3;

export interface Convergence extends Judgement {
  readonly tookMs: number;
}

/** @throws with every fault when the time is up. */
export async function untilConverged(flow: Flow, load: Load, people: number, patienceMs: number): Promise<Convergence> {
  const start = Date.now();
  for (let calm = 0; ;) {
    const unrest = await unrestOf(flow).catch(inWords);
    const judgement = await judge(flow, load, people).catch((error: unknown) => ({ faults: inWords(error), pairs: 0, held: 0 }));
    calm = unrest.length + judgement.faults.length === 0 ? calm + 1 : 0;
    if (calm === LOOKS) return { ...judgement, tookMs: Date.now() - start };
    if (Date.now() - start > patienceMs) throw new Error(`no convergence:\n${[...unrest, ...judgement.faults].slice(0, 40).join('\n')}`);
    await sleep(LOOK_MS);
  }
}

/** A part that was restarted may refuse a first question. */
function inWords(error: unknown): string[] {
  return [error instanceof Error ? error.message : String(error)];
}

/**
 * Whether Bevatel's changes are streamed. What happens before shows in the listing alone, with the revisions between
 * skipped; a write of unknown outcome that they hide is held, after a long wait.
 */
export async function isFollowed({ bevatel }: Flow): Promise<boolean> {
  const rows = await bevatel.control.sql('select from pg_replication_slots where database = current_database() and active');
  return rows.length > 0;
}

/** What is still to be done, in words. */
export async function unrestOf(flow: Flow): Promise<string[]> {
  const { rows: [counts] } = await flow.deps.pool.query<Record<string, string>>(`
    select (select count(*) from links where due_at is not null) as "links are due",
      (select count(*) from links where lease_until > $1) as "links are leased",
      (select count(*) from links where jsonb_path_exists(state::jsonb, '$.attempts[*] ? (@.status == "outstanding")')) as "attempts are outstanding",
      (select count(*) from waiting_hints) as "hints wait"`, [flow.deps.clock()]);
  const work = Object.entries(counts ?? {}).filter(([, count]) => Number(count) > 0).map(([what, count]) => `${count} ${what}`);
  return [...work, ...await unread(flow)];
}

async function unread({ deps, stack }: Flow): Promise<string[]> {
  const { rows } = await deps.pool.query<{ topic: string; partition: number; next_offset: string }>('select topic, partition, next_offset from positions');
  const changes = await deps.kafka.ranges(LANES.map((lane) => topicName(stack.topicPrefix, changesTopic(lane))));
  const hints = await deps.kafka.ranges([topicName(stack.topicPrefix, HINTS_TOPIC)]);
  const behindHints = await Promise.all(hints.map(async (range) => range.high > (await deps.kafka.committed(`${stack.topicPrefix}capture`, range) ?? range.low)));
  const behind = changes.filter((range) => range.high > BigInt(rows.find((row) => row.topic === range.topic && row.partition === range.partition)?.next_offset ?? range.low));
  return [...behind, ...hints.filter((_, index) => behindHints[index])].map(({ topic, partition }) => `${topic}/${partition} is not read to its end`);
}

/**
 * I3: at rest nothing is written any more. Polls are the last that could find something: two more of them must pass.
 * Gives the revisions of all records on both sides before and after; they must be the same.
 */
export async function revisionsOverPolls(flow: Flow): Promise<{ readonly before: readonly string[]; readonly after: readonly string[] }> {
  const before = await revisions(flow);
  const polls = (): number => flow.hubspot.control.counts()['contacts.search'] ?? 0;
  for (const start = polls(); polls() < start + 2;) await sleep(LOOK_MS);
  return { before, after: await revisions(flow) };
}

async function revisions({ hubspot, bevatel }: Flow): Promise<string[]> {
  const rows = await bevatel.control.sql<{ id: string; version: number }>('select id, version from contacts where tenant_id = $1 order by id', [TENANT]);
  return [...rows.map(({ id, version }) => `${id} ${version}`), ...hubspot.control.contacts().map(({ id, updatedAtMs }) => `${id} ${updatedAtMs}`)];
}
