/** SIGTERM under load: each role finishes its work at hand, leaves nothing behind, and the next start goes on at once. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { judgedAtRest, storiesOf } from '../../simulation/chaos/judgement.ts';
import type { RoleProcess } from '../../simulation/chaos/roles.ts';
import { until } from '../../simulation/chaos/until.ts';
import { stackUrls } from '../stack/fixture.ts';
import { populatedSite, startRoles } from './site.ts';

const PATIENCE_MS = 60_000;

const { site, people } = await populatedSite(stackUrls(), 'chaos-drain', 20);
const roles = Object.values(site.roles);
const { control } = site.hubspot;

async function count(sql: string): Promise<number> {
  return Number((await site.pool.query<{ count: string }>(sql)).rows[0]?.count);
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
  let working: Promise<void>;

  it('drains: exits with 0, no lease and no attempt is left, and neither sockets, processes nor connections', async () => {
    control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'delay_after', delayMs: 200 } });
    control.addFault({ endpoint: 'contacts.batchUpsert', fault: { kind: 'delay_after', delayMs: 200 } });
    await startRoles(site);
    working = people.work(8_000);
    await until('a write is on its way', async () => (await count(`select count(*) from links where lease_id is not null`)) > 0, PATIENCE_MS);
    expect(await Promise.all(roles.map((role) => role.end('SIGTERM')))).toEqual(roles.map(() => ({ code: 0, signal: null })));

    expect(await count('select count(*) from links where lease_id is not null')).toBe(0);
    expect(await count(`select count(*) from links where jsonb_path_exists(state::jsonb, '$.attempts[*] ? (@.status == "outstanding")')`)).toBe(0);
    expect(await Promise.all(roles.map(isListening))).toEqual(roles.map(() => false));
    expect(roles.map((role) => role.hasLeftProcesses())).toEqual(roles.map(() => false));
    await until('no connection is left', async () => (await count(`select count(*) from pg_stat_activity where application_name like 'bevatel-sync%' and datname = current_database()`)) === 0, PATIENCE_MS);
  }, 120_000);

  it('I1, I2, I4: what was edited meanwhile is carried over after the next start', async () => {
    await startRoles(site);
    await working;
    const judged = await judgedAtRest(site, { patienceMs: PATIENCE_MS });
    expect(storiesOf(site, judged)).toEqual([]);
    expect(people.done).toBeGreaterThan(20);
  }, 180_000);
});
