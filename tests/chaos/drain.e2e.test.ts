/** SIGTERM under load: each role finishes its work at hand, leaves nothing behind, and the next start goes on at once. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Flow, until } from '../flow/rig.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { isFollowed, untilConverged } from './converge.ts';
import { Load } from './load.ts';
import { seedPeople } from './people.ts';
import { roleProcesses } from './process.ts';
import type { RoleProcess } from './process.ts';
import { chancesOf, chaosSeed } from './seed.ts';

const PATIENCE_MS = 60_000;

const seed = chaosSeed();
const flow = await Flow.open(await isolatedStack('chaos_drain'));
const processes = await roleProcesses(flow);
const roles = Object.values(processes);
const load = new Load({ flow, name: 'drain', random: chancesOf(seed, 0), editsPerSecond: 20, contested: 0.1, creates: 0.05 });
const people = await seedPeople(flow, { shared: 10, alone: 20 });

async function count(sql: string): Promise<number> {
  return Number((await flow.deps.pool.query<{ count: string }>(sql)).rows[0]?.count);
}

function isListening(role: RoleProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(role.url).port), '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe('SIGTERM under load', () => {
  it('drains: exits with 0, no lease and no attempt is left, and neither sockets, processes nor connections', async () => {
    flow.hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'delay_after', delayMs: 200 } });
    flow.hubspot.control.addFault({ endpoint: 'contacts.batchUpsert', fault: { kind: 'delay_after', delayMs: 200 } });
    await flow.apply();
    await Promise.all(roles.map((role) => role.start()));
    await until('Bevatel is followed', () => isFollowed(flow), PATIENCE_MS);
    load.start();
    await until('a write is on its way', async () => (await count(`select count(*) from links where lease_id is not null`)) > 0, PATIENCE_MS);
    expect(await Promise.all(roles.map((role) => role.end('SIGTERM')))).toEqual(roles.map(() => ({ code: 0, signal: null })));

    expect(await count('select count(*) from links where lease_id is not null')).toBe(0);
    expect(await count(`select count(*) from links where jsonb_path_exists(state::jsonb, '$.attempts[*] ? (@.status == "outstanding")')`)).toBe(0);
    expect(await Promise.all(roles.map(isListening))).toEqual(roles.map(() => false));
    expect(roles.map((role) => role.hasLeftProcesses())).toEqual(roles.map(() => false));
    await until('no connection is left', async () => (await count(`select count(*) from pg_stat_activity where application_name like 'bevatel-sync%' and datname = current_database()`)) === 0);
  }, 120_000);

  it('I1, I2, I4: what was edited meanwhile is carried over after the next start', async () => {
    await Promise.all(roles.map((role) => role.start()));
    await load.stop();
    const { tookMs, pairs, held } = await untilConverged(flow, load, people, PATIENCE_MS);
    console.log(`chaos: ${JSON.stringify({ edits: load.edits, created: load.created, pairs, held, convergedMs: tookMs })}`);
  }, 180_000);
});
