/** What the core must know besides the link itself; built once per integration, without I/O (I12). */
import { CAPABILITIES } from '../schemas/capabilities.ts';
import type { Integration } from '../schemas/integration.ts';
import type { Capabilities } from '../schemas/system.ts';
import type { Side, Value } from '../schemas/value.ts';
import { buildMapping } from './lenses/mapping.ts';
import type { Mapping } from './lenses/mapping.ts';
import type { EditTime } from './link.ts';

export interface LinkContext {
  readonly mapping: Mapping;
  readonly capabilities: Readonly<Record<Side, Capabilities>>;
  /** How far the clocks of systems may be apart (ms). */
  readonly toleranceMs: number;
  readonly oscillation: { readonly flips: number; readonly withinMs: number };
  /** F7 and F8 of the requirements form. */
  readonly unavailable: Integration['unavailable'];
  readonly requiredMissing: Integration['requiredMissing'];
  /** Sides on which a missing partner may be created. */
  readonly creates: Readonly<Record<Side, boolean>>;
  readonly deletes: {
    /** What becomes of the record on this side when its partner was deleted. */
    readonly policy: Readonly<Record<Side, Integration['deletes']['to_external']>>;
    readonly settleMs: number;
    readonly versusEdit: Integration['deletes']['versusEdit'];
    readonly keepMs: number;
  };
  /** What becomes of two records on this side whose partners were merged into one. */
  readonly merges: Readonly<Record<Side, Integration['merges']['to_external']>>;
}

const DAY_MS = 86_400_000;

/** The context of an integration; keep it, its phone rules remember what they parsed. */
export function buildContext(integration: Integration, external: Capabilities = externalCapabilities(integration)): LinkContext {
  return {
    mapping: buildMapping(integration),
    capabilities: { bevatel: CAPABILITIES.bevatel, external },
    toleranceMs: integration.conflicts.toleranceMs,
    oscillation: integration.oscillation,
    unavailable: integration.unavailable,
    requiredMissing: integration.requiredMissing,
    creates: {
      bevatel: integration.create.bevatel && integration.direction !== 'to_external',
      external: integration.create.external && integration.direction !== 'to_bevatel',
    },
    deletes: {
      policy: { bevatel: integration.deletes.to_bevatel, external: integration.deletes.to_external },
      settleMs: integration.deletes.settleMs,
      versusEdit: integration.deletes.versusEdit,
      keepMs: integration.deletes.keepDays * DAY_MS,
    },
    merges: { bevatel: integration.merges.to_bevatel, external: integration.merges.to_external },
  };
}

/** What the system promises, as far as the integration does not know it better. */
function externalCapabilities({ system, stalenessMs }: Integration): Capabilities {
  const declared: Capabilities = CAPABILITIES[system];
  return stalenessMs === undefined ? declared : { ...declared, stalenessWindowMs: stalenessMs };
}

/**
 * Knows the source's time and actor of a value that a sibling link wrote into the shared record (hub and spoke), so
 * that our own apply time never counts (I5, traces 5); null when no link of ours wrote it.
 */
export type OwnTimes = (side: Side, field: string, value: Value) => EditTime | null;

export const NO_OWN_TIMES: OwnTimes = () => null;

/** How long an unproven write may still land before it is forgotten (ms): far beyond any HTTP stack's patience. */
export const LATE_WRITE_MS = 3_600_000;
/** How long a skipped revision is waited for before its group is held as `unknown_outcome` (ms). */
export const SKIPPED_REVISION_PATIENCE_MS = 600_000;
