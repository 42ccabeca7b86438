/** Contexts for tests of the core: three kinds of external system against a strict Bevatel. */
import { zIntegration } from '../../schemas/integration.ts';
import type { Integration } from '../../schemas/integration.ts';
import type { Capabilities } from '../../schemas/system.ts';
import type { Side } from '../../schemas/value.ts';
import { buildContext } from '../context.ts';
import type { LinkContext } from '../context.ts';
import { buildMapping } from '../lenses/mapping.ts';

/** A strict revision and If-Match, as Bevatel has; an external system may have them too. */
export const STRICT: Capabilities = {
  revisions: 'strict', conditionalWrites: true, history: false, stalenessWindowMs: 0, indexLagMs: 0,
  batch: { list: 100, read: 100, create: 100, update: 100 }, removals: { ways: ['archive', 'delete', 'erase'], batch: 100 }, merges: true, push: true, uniqueReference: true,
};
/** As HubSpot: a modification time that edits may share, no condition, a history of each field. */
export const HISTORY: Capabilities = { ...STRICT, revisions: 'approximate', conditionalWrites: false, history: true };
/** Neither revision nor condition nor history: the blind window of I2. */
export const NONE: Capabilities = { ...STRICT, revisions: 'none', conditionalWrites: false };

/** Edits closer than this are of unknown order (ms). */
export const TOLERANCE_MS = 2_000;

export interface ContextOptions {
  readonly external?: Capabilities;
  /** As in an integration file. */
  readonly fields?: readonly object[];
  /** As in an integration file. */
  readonly filter?: object | undefined;
  readonly policy?: Integration['conflicts']['policy'];
  readonly direction?: 'both' | 'to_external' | 'to_bevatel';
  readonly invalid?: 'skip' | 'default' | 'quarantine';
  readonly fallback?: Integration['conflicts']['fallback'];
  readonly toleranceMs?: number;
  readonly unavailable?: LinkContext['unavailable'];
  readonly requiredMissing?: LinkContext['requiredMissing'];
  readonly creates?: Partial<Readonly<Record<Side, boolean>>>;
  readonly oscillation?: LinkContext['oscillation'];
  readonly deletes?: object;
  readonly merges?: object;
}

const ONE_FIELD = [{ bevatel: 'company_name', external: 'company' }];

export function testContext(options: ContextOptions = {}): LinkContext {
  const integration = zIntegration.parse({
    integration: 'crm', tenant: 'acme', system: 'hubspot',
    connection: { tokenEnv: 'TOKEN' }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'KEY' },
    match: [], fields: options.fields ?? ONE_FIELD, filter: options.filter,
    direction: options.direction ?? 'both',
    invalid: options.invalid ?? 'quarantine',
    conflicts: { policy: options.policy ?? 'latest_wins', fallback: options.fallback ?? 'manual', toleranceMs: options.toleranceMs ?? TOLERANCE_MS },
    deletes: options.deletes ?? {}, merges: options.merges ?? {},
  });
  return {
    mapping: buildMapping(integration),
    capabilities: { bevatel: STRICT, external: options.external ?? STRICT },
    toleranceMs: options.toleranceMs ?? TOLERANCE_MS,
    oscillation: options.oscillation ?? { flips: 6, withinMs: 600_000 },
    unavailable: options.unavailable ?? 'queue',
    requiredMissing: options.requiredMissing ?? 'skip',
    creates: { bevatel: true, external: true, ...options.creates },
    deletes: buildContext(integration).deletes,
    merges: buildContext(integration).merges,
  };
}
