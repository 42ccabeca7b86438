/**
 * People at work in both systems, through their front doors: edits in clusters around one person and mostly one field, on
 * both sides within moments, and new contacts, often on both sides at once. Whose answer was lost tries again, as people do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contact, ContactPatch } from '../../connectors/bevatel/contact-api.ts';
import { ApiFault } from '../../connectors/hubspot/sandbox/fault.ts';
import type { Properties } from '../../connectors/hubspot/sandbox/model.ts';
import type { Image } from '../../schemas/value.ts';
import type { Random } from '../engine/random.ts';
import { GROUPS } from '../schedule/groups.ts';
import type { Group } from '../schedule/groups.ts';
import type { Meaning } from '../schedule/values.ts';
import { recordOf, typed } from '../schedule/values.ts';
import { INTEGRATION } from './diary.ts';
import { TENANT } from './site.ts';
import type { Site } from './site.ts';

type Door = 'bevatel' | 'external';
const DOORS: readonly Door[] = ['bevatel', 'external'];

/** Moments between two deeds of a cluster (ms), from within one call to beyond a delivery. */
const GAPS: readonly (readonly [weight: number, gap: readonly [number, number]])[] = [[5, [0, 20]], [6, [20, 200]], [4, [200, 1_000]]];
/** Between two clusters (ms), on average. */
const CLUSTER_EVERY_MS = 350;
const FIRST_PERSON = 100_000;
const RETRY_MS = 100;
const PATIENCE_MS = 60_000;

export class People {
  readonly #site: Site;
  readonly #random: Random;
  readonly #names: string[] = [];
  /** Recent meanings by person and group: people come back to an old value, or type the same on both sides. */
  readonly #recent = new Map<string, Meaning[]>();
  readonly #atWork = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #stop: () => Promise<void> = () => Promise.resolve();
  #meaning = 0;
  #deed = 0;
  #done = 0;

  constructor(site: Site, random: Random) {
    this.#site = site;
    this.#random = random;
  }

  /** Deeds that were acknowledged. */
  get done(): number {
    return this.#done;
  }

  /** Who is there before the first sync: known on both sides, or on either alone. */
  async populate(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const doors = this.#random.chance(0.5) ? DOORS : [this.#random.pick(DOORS)];
      const [name, records] = this.#newcomer(doors);
      for (const [door, values] of records) await this.#create(door, name, values);
    }
  }

  /** May be started again after a stop. */
  start(): void {
    const stopping = new AbortController();
    const working = this.#work(stopping.signal);
    this.#stop = () => {
      stopping.abort();
      return working;
    };
  }

  /** Resolves when everything is acknowledged. */
  async stop(): Promise<void> {
    await this.#stop();
    while (this.#atWork.size > 0) await Promise.all(this.#atWork);
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'people were not heard');
  }

  /** Works for so long, and resolves when everything is acknowledged. */
  async work(forMs: number): Promise<void> {
    this.start();
    await sleep(forMs);
    await this.stop();
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#begin(this.#cluster());
      await sleep(this.#random.int(0, 2 * CLUSTER_EVERY_MS));
    }
  }

  #begin(work: Promise<void>): void {
    const begun = work.catch((error: unknown) => { this.#failures.push(error); }).finally(() => this.#atWork.delete(begun));
    this.#atWork.add(begun);
  }

  async #cluster(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.1)) return this.#arrival();
    const name = random.pick(this.#names);
    const group = random.pick(GROUPS);
    for (let left = random.int(1, 6); left > 0; left -= 1) {
      const about = random.chance(0.75) ? group : random.pick(GROUPS);
      const door = random.pick(DOORS);
      this.#begin(this.#edit(door, name, typed(about, door, this.#meaningOf(name, about), random)));
      const [from, to] = random.weighted(GAPS);
      await sleep(random.int(from, to));
    }
  }

  async #arrival(): Promise<void> {
    const [name, records] = this.#newcomer(this.#random.chance(0.5) ? DOORS : [this.#random.pick(DOORS)]);
    const waits = records.map(() => this.#random.int(0, 600));
    await Promise.all(records.map(async ([door, values], index) => {
      await sleep(waits[index]);
      await this.#create(door, name, values);
    }));
  }

  #newcomer(doors: readonly Door[]): readonly [name: string, records: readonly (readonly [Door, Image])[]] {
    const meaning = FIRST_PERSON + this.#names.length;
    const name = `p${this.#names.length}`;
    this.#names.push(name);
    const meanings = Object.fromEntries(GROUPS.map((group) => [group.name, group.kind === 'phone' || group.kind === 'email' || !this.#random.chance(0.15) ? meaning : null]));
    return [name, doors.map((door) => [door, recordOf(door, meanings, this.#random)] as const)];
  }

  #meaningOf(name: string, group: Group): Meaning {
    const random = this.#random;
    const key = `${name}/${group.name}`;
    const recent = this.#recent.get(key) ?? [];
    const meaning = random.chance(0.06) ? null : recent.length > 0 && random.chance(0.18) ? random.pick(recent) : (this.#meaning += 1);
    this.#recent.set(key, [...recent, meaning].slice(-4));
    return meaning;
  }

  async #create(door: Door, name: string, values: Image): Promise<void> {
    const deed = this.#next();
    this.#site.diary.foresee(deed, name);
    if (door === 'external') {
      if (!isDone(() => this.#site.hubspot.control.create(propertiesOf(values), deed))) return;
    } else {
      const key = `${TENANT}-${deed}`;
      await persist(async () => (await this.#call('POST', '/v1/contacts', deed, { fields: fieldsOf(values) }, { 'idempotency-key': key })).status < 300);
    }
    this.#done += 1;
  }

  /** Nobody edits what is not there. */
  async #edit(door: Door, name: string, values: Image): Promise<void> {
    const record = this.#site.diary.recordOf(door === 'bevatel' ? 'bevatel' : INTEGRATION, name);
    if (record === undefined) return;
    const deed = this.#next();
    if (door === 'external') {
      if (!isDone(() => this.#site.hubspot.control.edit(record, propertiesOf(values), deed))) return;
    } else await persist(() => this.#patch(record, deed, values));
    this.#done += 1;
  }

  /** Reads and edits; false when somebody was faster or the system did not answer. */
  async #patch(record: string, deed: number, values: Image): Promise<boolean> {
    const known = await this.#call('GET', `/v1/contacts/${record}`, deed);
    if (!known.ok) return false;
    const { version } = await known.json() as Contact;
    const answer = await this.#call('PATCH', `/v1/contacts/${record}`, deed, { fields: fieldsOf(values) }, { 'if-match': `"${version}"` });
    return answer.ok;
  }

  async #call(method: string, path: string, deed: number, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const { bevatel, agentKey } = this.#site;
    const answer = await fetch(`${bevatel.url}${path}`, {
      method, headers: { authorization: `Bearer ${agentKey}`, 'x-actor': `user:${deed}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.status === 422) throw new Error(`Bevatel refuses what a person types: ${await answer.text()}`);
    return answer;
  }

  #next(): number {
    this.#deed += 1;
    return this.#deed;
  }
}

/** HubSpot refuses a value that must be unique and is not to a person's face; then nothing is done. */
function isDone(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (error instanceof ApiFault && error.category === 'CONFLICT') return false;
    throw error;
  }
}

/** Again until it succeeds: the person does not go away because the system does. */
async function persist(act: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; ;) {
    if (await act().catch((error: unknown) => { if (Date.now() > end) throw error; return false; })) return;
    if (Date.now() > end) throw new Error('a person was not heard in time');
    await sleep(RETRY_MS);
  }
}

function fieldsOf(values: Image): ContactPatch {
  const entries = Object.entries(values);
  const custom = Object.fromEntries(entries.flatMap(([name, value]) => (name.startsWith('custom.') ? [[name.slice('custom.'.length), value]] : [])));
  const plain = Object.fromEntries(entries.filter(([name]) => !name.startsWith('custom.')));
  return { ...plain, ...(Object.keys(custom).length > 0 ? { custom } : {}) } as ContactPatch;
}

function propertiesOf(values: Image): Properties {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === null ? null : String(value)]));
}
