/** What goes wrong while people work: processes are killed or stand still, calls and notifications go astray. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultKind, Endpoint as BevatelEndpoint } from '../../connectors/bevatel/sandbox/faults.ts';
import type { Fault } from '../../connectors/hubspot/sandbox/gate.ts';
import type { Random } from '../engine/random.ts';
import { ROLE_NAMES } from './roles.ts';
import type { RoleName, RoleProcess } from './roles.ts';
import type { Site } from './site.ts';

/** Kills fall into this first part of the time: a killed member of a group is waited for long after. */
const KILLS_WITHIN = 0.4;
const LONGEST_DOWN_MS = 500;
/** Within it a process that starts connects to everything, migrates, and joins its groups. */
const AGAIN_MS = 3_000;
/** Beyond the deadline of a delivery's call, so that a write lands after it was given up. */
const LATE_MS = { from: 1_600, to: 3_000 };
const SLOW_MS = { from: 50, to: 900 };
const STALL_MS = { from: 500, to: 6_000 };
const OUTAGE_MS = { from: 300, to: 1_500 };

/** Calls that are hit. Writes above all; a creation is rare, and a fault waits until there is one. */
const HUBSPOT_CALLS = [[5, 'contacts.batchUpdate'], [1, 'contacts.batchUpsert'], [2, 'contacts.batchRead'], [1, 'contacts.search']] as const;
const BEVATEL_CALL: BevatelEndpoint = 'batchWrite';

export class Torment {
  readonly kills: Record<RoleName, number> = { capture: 0, reconcile: 0, deliver: 0 };
  /** Processes that ended by themselves, in words. */
  readonly ended: string[] = [];
  readonly #site: Site;
  readonly #random: Random;

  constructor(site: Site, random: Random) {
    this.#site = site;
    this.#random = random;
  }

  /** All of it begins within the time given, then it heals; resolves when all processes run again as well. */
  async during(ms: number): Promise<void> {
    const killings = Promise.all(this.#killings().map((killing) => this.#after(ms * KILLS_WITHIN, killing)));
    this.#mislead();
    await Promise.all([sleep(ms), ...this.#mishaps().map((mishap) => this.#after(ms, mishap))]);
    this.#heal();
    await killings;
  }

  async #after(longestMs: number, trouble: () => Promise<void>): Promise<void> {
    await sleep(this.#random.int(0, Math.floor(longestMs)));
    await trouble();
  }

  /** Some of the roles, each killed once or twice, or stopped for a while. */
  #killings(): (() => Promise<void>)[] {
    const random = this.#random;
    const chosen = ROLE_NAMES.filter(() => random.chance(0.45));
    const roles = chosen.length > 0 ? chosen : [random.pick(ROLE_NAMES)];
    return roles.map((name) => {
      const role = this.#site.roles[name];
      if (random.chance(0.12)) {
        const ms = random.int(STALL_MS.from, STALL_MS.to);
        return () => this.#stall(role, ms);
      }
      const [downMs, againAfterMs] = [random.int(0, LONGEST_DOWN_MS), random.chance(0.2) ? random.int(0, AGAIN_MS) : null];
      return () => this.#kill(role, downMs, againAfterMs);
    });
  }

  /** `againAfterMs`: it is killed once more while it starts. */
  async #kill(role: RoleProcess, downMs: number, againAfterMs: number | null): Promise<void> {
    const { diary } = this.#site;
    const { signal } = await role.end('SIGKILL');
    if (signal !== 'SIGKILL') this.ended.push(`${role.name} ended by itself: ${role.log}`);
    this.kills[role.name] += 1;
    diary.trouble('kill', `${role.name} is killed, for ${downMs} ms`);
    await sleep(downMs);
    const started = role.start().then(() => true, (error: unknown) => { if (againAfterMs === null) throw error; return false; });
    if (againAfterMs !== null) {
      await sleep(againAfterMs);
      return this.#kill(role, downMs, null);
    }
    await started;
    diary.trouble('start', `${role.name} runs again`);
  }

  /** It does not notice: leases and sessions end meanwhile, and it goes on as if nothing had happened. */
  async #stall(role: RoleProcess, ms: number): Promise<void> {
    this.#site.diary.trouble('stall', `${role.name} stands still for ${ms} ms`);
    role.signal('SIGSTOP');
    await sleep(ms);
    role.signal('SIGCONT');
  }

  #mishaps(): (() => Promise<void>)[] {
    const random = this.#random;
    const { hubspot, bevatel } = this.#site;
    const several = Array.from({ length: random.int(2, 5) }, () => {
      if (random.chance(0.35)) {
        const fault = { ...bevatelFault(random), endpoint: BEVATEL_CALL, times: random.int(1, 3) };
        return async () => { bevatel.control.fault(fault); };
      }
      const fault = hubspotFault(random);
      const rule = { endpoint: random.weighted(HUBSPOT_CALLS), fault, times: fault.kind === 'status' ? 1 : random.int(1, 3) };
      return async () => hubspot.control.addFault(rule);
    });
    return [...several, ...(random.chance(0.2) ? [() => this.#outage(random.int(OUTAGE_MS.from, OUTAGE_MS.to))] : []), ...(random.chance(0.25) ? [() => this.#cutConnections()] : [])];
  }

  async #outage(ms: number): Promise<void> {
    const { hubspot, diary } = this.#site;
    diary.trouble('outage', `HubSpot is out for ${ms} ms`);
    hubspot.control.addFault({ fault: { kind: 'status', status: 503 } });
    await sleep(ms);
    hubspot.control.clearFaults();
  }

  /** All connections of the service to its database, and the stream of Bevatel's changes, are cut. */
  async #cutConnections(): Promise<void> {
    const { pool, bevatel, diary } = this.#site;
    diary.trouble('connections_cut', 'the connections to the databases are cut');
    await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'bevatel-sync'`);
    await bevatel.control.sql('select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and active_pid is not null');
  }

  /** Notifications and the index misbehave for the whole time. */
  #mislead(): void {
    const random = this.#random;
    const { control } = this.#site.hubspot;
    control.configureWebhooks({
      loss: random.pick([0, 0.3, 0.8]), duplication: random.pick([0, 0.3]), delayMs: random.pick([0, 0, 150, 600]), reorder: random.chance(0.5),
    });
    control.setIndexLagMs(random.pick([0, 0, 400, 1_500]));
  }

  /** Faults of single calls stay until they have hit: there are but a few of them. */
  #heal(): void {
    const { hubspot } = this.#site;
    hubspot.control.configureWebhooks({ loss: 0, duplication: 0, delayMs: 0, reorder: false });
    hubspot.control.setIndexLagMs(0);
  }
}

function hubspotFault(random: Random): Fault {
  return random.weighted<() => Fault>([
    [3, () => ({ kind: 'drop_after' })],
    [2, () => ({ kind: 'drop_before' })],
    [2, () => ({ kind: 'delay_before', delayMs: random.int(LATE_MS.from, LATE_MS.to) })],
    [2, () => ({ kind: 'delay_before', delayMs: random.int(SLOW_MS.from, SLOW_MS.to) })],
    [2, () => ({ kind: 'delay_after', delayMs: random.int(SLOW_MS.from, LATE_MS.to) })],
    // Without a word on when to come again the product waits ten seconds.
    [2, () => ({ kind: 'status', status: 429, ...(random.chance(0.8) ? { headers: { 'retry-after': '1' } } : {}) })],
    [2, () => ({ kind: 'status', status: random.pick([500, 502, 503]) })],
  ])();
}

function bevatelFault(random: Random): FaultKind {
  return random.weighted<() => FaultKind>([
    [3, () => ({ kind: 'dropAnswer' })],
    [2, () => ({ kind: 'cut' })],
    [2, () => ({ kind: 'delay', ms: random.int(LATE_MS.from, LATE_MS.to) })],
    [2, () => ({ kind: 'delay', ms: random.int(SLOW_MS.from, SLOW_MS.to) })],
    [2, () => ({ kind: 'delayAnswer', ms: random.int(SLOW_MS.from, LATE_MS.to) })],
    [1, () => ({ kind: 'status', status: 429, retryAfterSeconds: 1 })],
    [2, () => ({ kind: 'status', status: random.pick([500, 503] as const) })],
  ])();
}
