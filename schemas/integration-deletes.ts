/** What `deletes` of an integration file must keep beyond its shape: a deletion goes over only where it may be written, in a way that the system knows. */
import { CAPABILITIES } from './capabilities.ts';
import type { SystemName } from './capabilities.ts';
import { SYSTEMS } from './integration.ts';
import { valueAt } from './integration-shape.ts';
import type { IntegrationFault } from './integration-shape.ts';
import { REMOVAL_WAYS } from './system.ts';
import type { RemovalWay } from './system.ts';

const TARGETS = ['to_external', 'to_bevatel'] as const;

/** `data` is the parsed file, of which other parts may be broken. */
export function deleteFaults(data: unknown): readonly IntegrationFault[] {
  return TARGETS.flatMap((towards) => {
    const policy = valueAt(data, ['deletes', towards]);
    const way = REMOVAL_WAYS.find((one) => one === policy);
    return way === undefined ? [] : wayFaults(data, towards, way);
  });
}

function wayFaults(data: unknown, towards: (typeof TARGETS)[number], way: RemovalWay): readonly IntegrationFault[] {
  const path = ['deletes', towards];
  const direction = valueAt(data, ['direction']) ?? 'both';
  if (direction !== 'both' && direction !== towards) return [{ path, message: 'contradicts the direction, which writes nothing there', advice: 'choose ignore or unlink' }];
  const target = towards === 'to_bevatel' ? 'bevatel' : SYSTEMS.find((name) => name === valueAt(data, ['system']));
  if (target === undefined || waysOf(target).includes(way)) return [];
  const known = waysOf(target).filter((one) => one !== 'erase');
  return [{ path, message: `${target} cannot ${way} a contact`, advice: `choose ${[...known, 'unlink', 'ignore'].join(', ')}` }];
}

function waysOf(system: SystemName): readonly RemovalWay[] {
  return CAPABILITIES[system].removals.ways;
}
