/** What `plan` and `apply` share: the file read and parsed, its mapping checked against both systems. */
import { readFile } from 'node:fs/promises';
import type { Connector } from '../../connectors/connector.ts';
import { buildContext } from '../../domain/context.ts';
import type { Plan } from '../../schemas/api.ts';
import { SyncError } from '../../schemas/errors.ts';
import { parseIntegrationFile } from '../../schemas/integration-file.ts';
import type { Integration } from '../../schemas/integration.ts';
import { SIDES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';

export type Connectors = Readonly<Record<Side, Connector>>;

/** Throws SyncError `configuration_invalid` with all faults of the file, or because it cannot be read. */
export async function readIntegrationFile(path: string): Promise<Integration> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new SyncError('configuration_invalid', `${path} cannot be read (${code})`);
  }
  return parseIntegrationFile(text, path);
}

/** The connectors of an integration, with the secrets from the environment. Throws SyncError `configuration_missing` that names them. */
export async function connectSides(integration: Integration, env: Readonly<Record<string, string | undefined>>): Promise<Connectors> {
  const { connectReaders } = await import('../../services/operate/main.ts');
  return connectReaders({ redis: null, clock: Date.now, env, config: { topicPrefix: env['TOPIC_PREFIX'] ?? '' } }, { config: integration });
}

/** Everything in the mapping that does not fit the systems, at once. */
export async function mappingFaults(integration: Integration, connectors: Connectors, signal: AbortSignal): Promise<Plan['faults']> {
  const { mapping, creates } = buildContext(integration);
  const found = await Promise.all(SIDES.map(async (side) => {
    const faults = await connectors[side].checkMapping(mapping.uses(side), { creates: creates[side] }, { signal, lane: 'live' });
    return faults.map(({ field, code, message, advice }) => ({ side, field, code, message, advice }));
  }));
  return found.flat();
}

/** For an error: one line per fault. */
export function unfit(path: string, faults: Plan['faults']): SyncError {
  return new SyncError('configuration_invalid', `${path}: the mapping does not fit ${faults.length === 1 ? 'in one place' : `in ${faults.length} places`}`, {
    faults: faults.map(({ side, field, message, advice }) => ({ path: `${side} ${field}`, message: `${message}; ${advice}` })),
  });
}
