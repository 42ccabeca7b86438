/** Plays the deeds of a schedule in the systems: people act on what their own system shows them, when their time has come. */
import type { Scheduler } from '../engine/scheduler.ts';
import type { SystemName } from '../journal.ts';
import type { Deed, Fault, Person } from '../schedule/schedule.ts';
import { stateOf } from '../systems/record.ts';
import type { SimulatedRecord } from '../systems/record.ts';
import { isLive, person } from '../systems/system.ts';
import type { SimulatedSystem } from '../systems/system.ts';
import { sameValue } from '../../schemas/value.ts';
import type { FaultBook } from './fault-book.ts';

export interface PeopleOptions {
  readonly scheduler: Scheduler;
  readonly systems: ReadonlyMap<SystemName, SimulatedSystem>;
  readonly startAt: number;
  readonly faults: FaultBook;
}

/** Who was there before the first sync. */
export function populate({ systems }: PeopleOptions, people: readonly Person[]): void {
  for (const { name, records } of people) {
    for (const [system, values] of Object.entries(records)) {
      const there = systems.get(system);
      if (there && !there.rival(values, null)) there.create(name, values, person(0));
    }
  }
}

/** How many deeds could be done: nobody edits what is not there. */
export class PeopleAtWork {
  readonly #options: PeopleOptions;
  #done = 0;
  #automated = 10_000;

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  get done(): number {
    return this.#done;
  }

  plan(deeds: readonly Deed[]): void {
    const { scheduler, startAt, systems } = this.#options;
    for (const deed of deeds) {
      scheduler.at(startAt + deed.at, () => {
        const system = systems.get(deed.system);
        if (system && this.#do(system, deed)) this.#done += 1;
      });
    }
  }

  #do(system: SimulatedSystem, deed: Deed): boolean {
    const [record] = system.of(deed.person);
    switch (deed.kind) {
      case 'create':
        if (record || system.rival(deed.values, null)) return false;
        system.create(deed.person, deed.values, person(deed.id));
        return true;
      case 'edit':
        if (!record || system.rival(deed.values, record.id)) return false;
        system.edit(record, deed.values, person(deed.id));
        return true;
      case 'bulk': return this.#bulk(system, deed);
      case 'delete':
      case 'erase':
        if (!record) return false;
        system.end(record, deed.kind === 'delete' ? 'deleted' : 'erased', deed.id);
        return true;
      case 'restore': return restore(system, deed);
      case 'merge': {
        const [survivor] = system.of(deed.into);
        if (!record || !survivor || survivor === record) return false;
        system.merge(record, survivor, person(deed.id));
        return true;
      }
      default: return deed satisfies never;
    }
  }

  #bulk(system: SimulatedSystem, deed: Extract<Deed, { kind: 'bulk' }>): boolean {
    const records = deed.people.flatMap((name) => system.of(name).slice(0, 1)).filter((record) => !system.rival(deed.values, record.id));
    for (const record of records) if (!system.rival(deed.values, record.id)) system.edit(record, deed.values, person(deed.id));
    return records.length > 0;
  }

  /** An automation answers to every change of its field but its own. */
  automate(fault: Extract<Fault, { kind: 'third_party' }>): void {
    const { systems, scheduler, startAt, faults } = this.#options;
    const system = systems.get(fault.system);
    const isOn = (): boolean => scheduler.now >= startAt + fault.at && scheduler.now < startAt + fault.at + fault.forMs;
    system?.listeners.push(({ record, before, after }) => {
      const value = after.fields[fault.field] ?? null;
      if (!isOn() || typeof value !== 'string' || after.updatedBy === 'automation' || sameValue(before?.fields[fault.field] ?? null, value)) return;
      scheduler.after(400, () => {
        const wish = fault.insists ?? value.toUpperCase();
        if (!isLive(record) || !sameValue(stateOf(record).fields[fault.field], value) || system.kept(fault.field, wish) === value) return;
        this.#automated += 1;
        faults.happened(fault, fault.system, `an automation rewrites ${fault.field}`);
        system.edit(record, { [fault.field]: wish }, { actor: 'automation', ours: false, deed: this.#automated });
      });
    });
  }
}

/** Of several records that a person had, the one that ended last is brought back. */
function restore(system: SimulatedSystem, deed: Deed): boolean {
  const [gone] = [...system.records.values()].filter((record) => record.person === deed.person && stateOf(record).life === 'deleted').sort((a, b) => endedAt(b) - endedAt(a));
  if (!gone || system.of(deed.person).length > 0 || system.rival(stateOf(gone).fields, null)) return false;
  system.end(gone, 'restored', deed.id);
  return true;
}

function endedAt({ states }: SimulatedRecord): number {
  return states.at(-1)?.at ?? 0;
}
