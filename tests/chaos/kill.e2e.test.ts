/**
 * kill -9 of each role at random points under load, from the first listing on. Afterwards both systems are read
 * directly and judged against the journal of what people did there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { changesTopic, topicName } from '../../schemas/topics.ts';
import { LANES } from '../../schemas/value.ts';
import { Flow, until } from '../flow/rig.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { isFollowed, revisionsOverPolls, untilConverged } from './converge.ts';
import { Load } from './load.ts';
import { seedPeople } from './people.ts';
import { roleProcesses } from './process.ts';
import type { RoleName, RoleProcess } from './process.ts';
import { chancesOf, chaosSeed } from './seed.ts';

/** Each role is killed as often as this time allows, and this often at least. A slow machine makes it fewer. */
const TORMENT_MS = 40_000;
const KILLS_AT_LEAST = 2;
const LONGEST_WORK_MS = 1_500;
const LONGEST_DOWN_MS = 500;
/** A killed consumer's partitions are given away when its session has ended (10 s). */
const PATIENCE_MS = 90_000;

const seed = chaosSeed();
const flow = await Flow.open(await isolatedStack('chaos_kill'));
const processes = await roleProcesses(flow);
const load = new Load({ flow, name: 'kill', random: chancesOf(seed, 0), editsPerSecond: 15, contested: 0.1, creates: 0.03 });
const people = await seedPeople(flow, { shared: 20, alone: 40 });

/** What grows while the role works. */
const PROGRESS: Readonly<Record<RoleName, () => Promise<number>>> = {
  capture: async () => {
    const ranges = await flow.deps.kafka.ranges(LANES.map((lane) => topicName(flow.stack.topicPrefix, changesTopic(lane))));
    return ranges.reduce((sum, { high }) => sum + Number(high), 0);
  },
  reconcile: async () => Number((await flow.deps.pool.query<{ sum: string }>('select coalesce(sum(next_offset), 0) as sum from positions')).rows[0]?.sum),
  deliver: () => Promise.resolve(Object.entries(flow.hubspot.control.counts()).reduce((sum, [name, count]) => sum + (/batch(Create|Update|Upsert)/.test(name) ? count : 0), 0)),
};

/** Kills the role again and again, each time at a random moment of its work, and starts it again. Gives how often. */
async function torment(role: RoleProcess, random: () => number, end: number): Promise<number> {
  for (let kills = 0; ; kills += 1) {
    if (kills >= KILLS_AT_LEAST && Date.now() > end) return kills;
    const before = await PROGRESS[role.name]();
    await until(`${role.name} works again`, async () => (await PROGRESS[role.name]()) > before, PATIENCE_MS);
    await sleep(random() * LONGEST_WORK_MS);
    expect(await role.end('SIGKILL'), `${role.name} ended by itself:\n${role.log}`).toEqual({ code: null, signal: 'SIGKILL' });
    await sleep(random() * LONGEST_DOWN_MS);
    await role.start();
  }
}

describe('kill -9 under load', () => {
  it('I1–I4: capture, reconcile and deliver are killed again and again, and nothing is lost, nothing made twice, and then all is quiet', async () => {
    // Answers take a moment, so that kills fall between a write and its answer.
    flow.hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'delay_after', delayMs: 80 }, probability: 0.5 });
    flow.hubspot.control.addFault({ endpoint: 'contacts.batchUpsert', fault: { kind: 'delay_after', delayMs: 80 }, probability: 0.5 });
    await flow.apply();
    await Promise.all(Object.values(processes).map((role) => role.start()));
    await until('Bevatel is followed', () => isFollowed(flow));
    load.start();
    const start = Date.now();
    const kills = await Promise.all(Object.values(processes).map((role, index) => torment(role, chancesOf(seed, index + 1), start + TORMENT_MS)));
    const tormentedMs = Date.now() - start;
    await load.stop();
    const { tookMs, pairs, held } = await untilConverged(flow, load, people, PATIENCE_MS);
    console.log(`chaos: ${JSON.stringify({ kills, edits: load.edits, created: load.created, pairs, held, tormentedMs, convergedMs: tookMs })}`);
    expect(load.edits).toBeGreaterThan(100);
    const { rows } = await flow.deps.pool.query('select code, stage from dead_letters');
    expect(rows).toEqual([]);
    const { before, after } = await revisionsOverPolls(flow);
    expect(after).toEqual(before);
  }, 360_000);
});
