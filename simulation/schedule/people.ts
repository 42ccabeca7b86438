/** The population of a schedule: a handful of people, known on one side or on both, some of them easily confused. */
import type { Random } from '../engine/random.ts';
import type { SystemName } from '../journal.ts';
import { GROUPS } from './groups.ts';
import type { Person } from './schedule.ts';
import { recordOf } from './values.ts';
import type { Meaning } from './values.ts';

const FIRST_MEANING = 100_000;

export function peopleOf(random: Random, externals: readonly SystemName[]): Person[] {
  const count = random.int(2, 6);
  return Array.from({ length: count }, (_, index) => personOf(random, externals, index));
}

function personOf(random: Random, externals: readonly SystemName[], index: number): Person {
  const meanings = meaningsOf(random, index);
  const known = [...(random.chance(0.7) ? ['bevatel'] : []), ...externals.filter(() => random.chance(0.7))];
  const systems = known.length > 0 ? known : ['bevatel'];
  const records = Object.fromEntries(systems.map((system) => [system, recordOf(sideOf(system), askew(meanings, random), random)]));
  return { name: `p${index}`, records };
}

export function meaningsOf(random: Random, index: number): Record<string, Meaning> {
  const meaning = FIRST_MEANING + index;
  return Object.fromEntries(GROUPS.map((group) => [group.name, random.chance(0.15) && group.kind !== 'phone' ? null : meaning]));
}

/** What is not a key may stand otherwise on each side. */
function askew(meanings: Readonly<Record<string, Meaning>>, random: Random): Record<string, Meaning> {
  return Object.fromEntries(GROUPS.map(({ name, kind }) => {
    const meant = meanings[name] ?? null;
    return [name, kind !== 'phone' && kind !== 'email' && random.chance(0.15) ? (random.chance(0.5) ? null : (meant ?? 0) + 50) : meant];
  }));
}

export function sideOf(system: SystemName): 'bevatel' | 'external' {
  return system === 'bevatel' ? 'bevatel' : 'external';
}
