/** From a seed to a schedule. */
import { randomOf } from '../engine/random.ts';
import type { Random } from '../engine/random.ts';
import type { NormaliserName } from '../systems/normalise.ts';
import { SYSTEM_KINDS } from '../systems/dials.ts';
import type { SystemDials } from '../systems/dials.ts';
import { deedsOf } from './deeds.ts';
import { faultsOf } from './faults.ts';
import { peopleOf } from './people.ts';
import type { DeleteDials, Dials, Schedule } from './schedule.ts';

const HOUR_MS = 3_600_000;

export function generate(seed: number): Schedule {
  const dials = dialsOf(randomOf(seed, 'dials'));
  const systems = ['bevatel', ...Object.keys(dials.systems)];
  const spanMs = randomOf(seed, 'span').int(120_000, 300_000);
  const people = peopleOf(randomOf(seed, 'people'), Object.keys(dials.systems));
  return {
    seed, dials, people,
    deeds: deedsOf({ random: randomOf(seed, 'deeds'), people, systems, spanMs, ends: dials.ends }),
    faults: faultsOf(randomOf(seed, 'faults'), dials, spanMs),
  };
}

function dialsOf(random: Random): Dials {
  const integrations = random.chance(0.2) ? ['x', 'y'] : ['x'];
  return {
    processes: random.weighted([[3, 1], [6, 2], [1, 3]]),
    systems: Object.fromEntries(integrations.map((name) => [name, systemDials(random)])),
    bevatelSkewMs: random.weighted([[8, random.int(-300, 300)], [1, random.int(-5, 5) * HOUR_MS]]),
    policy: random.weighted([[5, 'latest_wins'], [1, 'bevatel_wins'], [1, 'external_wins'], [1, 'manual']] as const),
    fallback: random.weighted([[3, 'manual'], [1, 'bevatel_wins'], [1, 'external_wins']] as const),
    invalid: random.pick(['skip', 'quarantine'] as const),
    ends: random.chance(0.6) ? ['delete'] : [],
    deletes: Object.fromEntries(integrations.map((name) => [name, deleteDials(random)])),
  };
}

function deleteDials(random: Random): DeleteDials {
  const policy = (): DeleteDials['to_external'] => random.weighted([[2, 'ignore'], [2, 'unlink'], [4, 'remove']] as const);
  return {
    to_external: policy(), to_bevatel: policy(),
    versusEdit: random.weighted([[6, 'edit_wins'], [2, 'delete_wins'], [1, 'manual']] as const),
    settleMs: random.pick([2_000, 20_000, 60_000]),
  };
}

/** Normalisers that fit each field. */
const NORMALISES: readonly (readonly [field: string, names: readonly NormaliserName[]])[] = [
  ['company', ['trims']], ['company', ['trims', 'truncates']], ['company', ['html']], ['company', ['capitals']], ['email', ['trims', 'lower_case']], ['phone', ['local_phone']], ['fullname', ['trims']],
];

function systemDials(random: Random): SystemDials {
  const kind = random.weighted([[5, SYSTEM_KINDS[0]], [3, SYSTEM_KINDS[1]], [2, SYSTEM_KINDS[2]]]);
  const chosen = NORMALISES.filter(() => random.chance(0.25));
  return {
    kind,
    clockSkewMs: random.weighted([[7, random.int(-400, 400)], [2, random.int(-5, 5) * HOUR_MS]]),
    stalenessWindowMs: random.weighted([[6, 0], [4, random.int(200, 5_000)]]),
    indexLagMs: random.weighted([[1, 0], [3, random.int(500, 20_000)]]),
    normalise: Object.fromEntries(chosen),
    unique: random.chance(0.4) ? ['email'] : [],
    pushes: random.chance(0.9),
    answersPartly: kind !== 'strict' && random.chance(0.4),
    namesUs: random.chance(0.8),
    mergeMintsId: random.chance(0.5),
  };
}
