/**
 * Shrinks a schedule that breaks a promise to a short one that breaks the same: faults, deeds and people are left out,
 * halves first, and dials turned to their plain positions, for as long as the budget lasts.
 */
import type { Deed, Dials, Fault, Person, Schedule } from './schedule/schedule.ts';
import type { SystemDials } from './systems/dials.ts';

export interface ShrinkOptions {
  /** Whether the schedule still breaks the promise. */
  readonly fails: (schedule: Schedule) => Promise<boolean>;
  /** How many schedules may be tried. */
  readonly tries: number;
}

export async function shrink(schedule: Schedule, options: ShrinkOptions): Promise<Schedule> {
  const budget = { left: options.tries };
  const fails = async (candidate: Schedule): Promise<boolean> => {
    if (budget.left === 0) return false;
    budget.left -= 1;
    return options.fails(candidate);
  };
  let best = schedule;
  for (let size = Infinity; sizeOf(best) < size && budget.left > 0;) {
    size = sizeOf(best);
    best = await withFewer(best, best.faults, (faults: readonly Fault[]) => ({ ...best, faults }), fails);
    best = await withFewer(best, best.deeds, (deeds: readonly Deed[]) => ({ ...best, deeds }), fails);
    best = await withFewer(best, best.people, (people: readonly Person[]) => withPeople(best, people), fails);
    best = await withPlainDials(best, fails);
  }
  return best;
}

function sizeOf({ faults, deeds, people }: Schedule): number {
  return faults.length + deeds.length + people.length;
}

/** Leaves out ever smaller chunks of a list. */
async function withFewer<T>(best: Schedule, items: readonly T[], build: (items: readonly T[]) => Schedule, fails: (schedule: Schedule) => Promise<boolean>): Promise<Schedule> {
  let kept = items;
  let smallest = best;
  for (let chunk = Math.ceil(kept.length / 2); chunk >= 1 && kept.length > 0; chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)) {
    for (let at = 0; at < kept.length;) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + chunk)];
      const candidate = build(fewer);
      if (await fails(candidate)) {
        kept = fewer;
        smallest = candidate;
      } else at += chunk;
    }
  }
  return smallest;
}

/** Who is left out does nothing and has nothing done to them. */
function withPeople(schedule: Schedule, people: readonly Person[]): Schedule {
  const gone = new Set(schedule.people.filter((person) => !people.includes(person)).map(({ name }) => name));
  return { ...schedule, people, deeds: schedule.deeds.filter((deed) => !gone.has(deed.person)) };
}

async function withPlainDials(schedule: Schedule, fails: (schedule: Schedule) => Promise<boolean>): Promise<Schedule> {
  let best = schedule;
  for (const plain of PLAIN) {
    const candidate = { ...best, dials: plain(best.dials) };
    if (JSON.stringify(candidate.dials) !== JSON.stringify(best.dials) && (await fails(candidate))) best = candidate;
  }
  return best;
}

const PLAIN: readonly ((dials: Dials) => Dials)[] = [
  (dials) => ({ ...dials, processes: 1 }),
  (dials) => ({ ...dials, bevatelSkewMs: 0 }),
  ({ systems, ...dials }) => ({ ...dials, systems: Object.fromEntries(Object.entries(systems).slice(0, 1)) }),
  ...([{ clockSkewMs: 0 }, { stalenessWindowMs: 0 }, { indexLagMs: 0 }, { normalise: {} }, { unique: [] }, { answersPartly: false }, { namesUs: true }, { pushes: true }] satisfies Partial<SystemDials>[])
    .map((change) => ({ systems, ...dials }: Dials): Dials => ({ ...dials, systems: Object.fromEntries(Object.entries(systems).map(([name, one]) => [name, { ...one, ...change }])) })),
];
