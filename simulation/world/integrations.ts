/** The integration files of a schedule: one per external system, all of one tenant. */
import { zIntegration } from '../../schemas/integration.ts';
import type { Integration } from '../../schemas/integration.ts';
import { GROUPS, REFERENCE_FIELD, STAGES } from '../schedule/groups.ts';
import type { Group } from '../schedule/groups.ts';
import type { Dials, Schedule } from '../schedule/schedule.ts';
import { BEVATEL_DIALS, capabilitiesOf } from '../systems/dials.ts';

export function tenantOf({ seed }: Pick<Schedule, 'seed'>): string {
  return `t${seed}`;
}

export function integrationsOf(schedule: Schedule): Integration[] {
  const { dials } = schedule;
  return Object.keys(dials.systems).map((name) => zIntegration.parse({
    integration: name, tenant: tenantOf(schedule), system: 'hubspot',
    connection: { tokenEnv: 'TOKEN', referenceProperty: REFERENCE_FIELD }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'KEY' },
    conflicts: { policy: dials.policy, fallback: dials.fallback },
    invalid: dials.invalid,
    deletes: deletesOf(dials, name),
    guard: dials.systems[name]?.kind === 'strict' ? 'conditional' : 'read',
    fields: MAPPED_FIELDS,
  }));
}

function deletesOf({ deletes, systems }: Dials, name: string): object {
  const dials = deletes[name];
  if (!dials) return {};
  const { to_external: toExternal, to_bevatel: toBevatel, ...rest } = dials;
  const [external = 'delete'] = capabilitiesOf(systems[name] ?? BEVATEL_DIALS).removals.ways;
  return { ...rest, to_external: toExternal === 'remove' ? external : toExternal, to_bevatel: toBevatel === 'remove' ? 'delete' : toBevatel };
}

/** The mapping of all groups, as an integration file says it. */
export const MAPPED_FIELDS: readonly object[] = GROUPS.map(fieldOf);

function fieldOf({ kind, bevatel, external }: Group): object {
  switch (kind) {
    case 'text':
    case 'set': return { bevatel: bevatel[0], external: external[0] };
    case 'phone': return { lens: 'phone', bevatel: bevatel[0], external: external[0], region: 'SA' };
    case 'email': return { lens: 'email', bevatel: bevatel[0], external: external[0] };
    case 'picklist': return { lens: 'picklist', bevatel: bevatel[0], external: external[0], values: STAGES };
    case 'name': return { lens: 'full_name', bevatel, external: external[0] };
    default: return kind satisfies never;
  }
}
