/**
 * What people do: in clusters around one person and mostly one field, on both sides within moments, because that is where
 * a synchronisation goes wrong.
 */
import type { Random } from '../engine/random.ts';
import type { SystemName } from '../journal.ts';
import type { Image } from '../../schemas/value.ts';
import { GROUPS } from './groups.ts';
import type { Group } from './groups.ts';
import { meaningsOf, sideOf } from './people.ts';
import type { Deed, EndKind, Person } from './schedule.ts';
import { recordOf, typed } from './values.ts';
import type { Meaning } from './values.ts';

export interface DeedOptions {
  readonly random: Random;
  readonly people: readonly Person[];
  readonly systems: readonly SystemName[];
  readonly spanMs: number;
  /** Which ends records come to; those that are deleted come back at times. */
  readonly ends: readonly EndKind[];
}

/** Moments between two deeds of a cluster (ms), from within one call to beyond a deadline. */
const GAPS: readonly (readonly [weight: number, gap: readonly [number, number]])[] = [[5, [0, 40]], [6, [40, 400]], [5, [400, 3_000]], [2, [3_000, 20_000]]];

export function deedsOf(options: DeedOptions): Deed[] {
  const { random, spanMs } = options;
  const writer = new Writer(options);
  const clusters = random.int(11, 17);
  for (let cluster = 0; cluster < clusters; cluster += 1) {
    const begin = random.chance(0.25) ? random.int(0, 15_000) : random.int(0, spanMs);
    writer.cluster(begin, random.int(2, 7));
  }
  return writer.deeds.sort((a, b) => a.at - b.at).map((deed, index) => ({ ...deed, id: index + 1 }));
}

class Writer {
  readonly deeds: Deed[] = [];
  readonly #options: DeedOptions;
  /** Recent meanings per person and group: people come back to an old value, or type the same on both sides. */
  readonly #recent = new Map<string, Meaning[]>();
  #names: string[];
  #meaning = 0;

  constructor(options: DeedOptions) {
    this.#options = options;
    this.#names = options.people.map(({ name }) => name);
  }

  cluster(begin: number, count: number): void {
    const { random } = this.#options;
    if (random.chance(0.08)) return this.#arrival(begin);
    const person = random.pick(this.#names);
    const group = random.pick(GROUPS);
    let at = begin;
    for (let index = 0; index < count; index += 1) {
      this.#deed(at, person, random.chance(0.75) ? group : random.pick(GROUPS));
      const [from, to] = random.weighted(GAPS);
      at += random.int(from, to);
    }
  }

  /** Somebody new, often on several sides at once. */
  #arrival(begin: number): void {
    const { random, systems } = this.#options;
    const person = `p${this.#names.length}`;
    const meanings = meaningsOf(random, this.#names.length);
    this.#names = [...this.#names, person];
    const first = random.pick(systems);
    for (const system of systems) {
      if (system !== first && random.chance(0.4)) continue;
      this.#push({ at: begin + random.int(0, 2_000), system, person, kind: 'create', values: recordOf(sideOf(system), meanings, random) });
    }
  }

  #deed(at: number, person: string, group: Group): void {
    const { random, systems, ends } = this.#options;
    const of = (kind: EndKind, weight: number): number => (ends.includes(kind) ? weight : 0);
    const system = random.pick(systems);
    const kind = random.weighted([[100, 'edit'], [4, 'bulk'], [of('delete', 6), 'delete'], [of('delete', 5), 'restore'], [of('merge', 4), 'merge'], [of('erase', 1), 'erase']] as const);
    const common = { at, system, person };
    switch (kind) {
      case 'edit': return this.#push({ ...common, kind, values: this.#edit(person, system, group) });
      case 'bulk': return this.#push({ ...common, kind, people: this.#names.filter(() => random.chance(0.6)), values: typed(group, sideOf(system), this.#next(), random) });
      case 'merge': return this.#push({ ...common, kind, into: random.pick(this.#names) });
      case 'delete':
      case 'restore':
      case 'erase': return this.#push({ ...common, kind });
      default: return kind satisfies never;
    }
  }

  #edit(person: string, system: SystemName, group: Group): Image {
    const { random } = this.#options;
    const key = `${person}/${group.name}`;
    const recent = this.#recent.get(key) ?? [];
    const meaning = random.chance(0.06) ? null : recent.length > 0 && random.chance(0.18) ? random.pick(recent) : this.#next();
    this.#recent.set(key, [...recent, meaning].slice(-4));
    return typed(group, sideOf(system), meaning, random);
  }

  #next(): Meaning {
    this.#meaning += 1;
    return this.#meaning;
  }

  #push(deed: DistributiveOmit<Deed, 'id'>): void {
    this.deeds.push({ ...deed, id: 0 });
  }
}

type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;
