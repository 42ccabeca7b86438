/** What a simulated system does and does not do: the dials of a schedule. Plain data, so that a schedule can be printed. */
import { CAPABILITIES } from '../../schemas/capabilities.ts';
import type { Capabilities } from '../../schemas/system.ts';
import type { NormaliserName } from './normalise.ts';

export const SYSTEM_KINDS = ['hubspot', 'strict', 'blind'] as const;
/** `hubspot`: approximate revisions and histories; `strict`: revisions and conditional writes; `blind`: none of all that. */
export type SystemKind = (typeof SYSTEM_KINDS)[number];

export interface SystemDials {
  readonly kind: SystemKind;
  /** How far its clock is ahead of the world's (ms). */
  readonly clockSkewMs: number;
  /** By-id reads may be so old, and so it is declared (ms). */
  readonly stalenessWindowMs: number;
  /** What the index may lag, and so it is declared (ms). */
  readonly indexLagMs: number;
  /** What the system makes of the values of a field. */
  readonly normalise: Readonly<Record<string, readonly NormaliserName[]>>;
  /** Fields in which no two records may have the same value. */
  readonly unique: readonly string[];
  /** Webhooks, or polling alone. */
  readonly pushes: boolean;
  /** Answers to writes show the written fields alone. */
  readonly answersPartly: boolean;
  /** Histories name the app that wrote. */
  readonly namesUs: boolean;
  /** A merge makes a third record of the two. */
  readonly mergeMintsId: boolean;
}

/** Pages are small, so that paging is exercised by a handful of records. */
const SMALL_BATCH = { list: 3, read: 4, create: 3, update: 3 };

export const BEVATEL_DIALS: SystemDials = {
  kind: 'strict', clockSkewMs: 0, stalenessWindowMs: 0, indexLagMs: 0, normalise: {}, unique: [], pushes: true, answersPartly: false, namesUs: true, mergeMintsId: false,
};

export function capabilitiesOf({ kind, stalenessWindowMs, indexLagMs, pushes }: SystemDials): Capabilities {
  const common = { stalenessWindowMs, indexLagMs, push: pushes, batch: SMALL_BATCH };
  switch (kind) {
    case 'hubspot': return { ...CAPABILITIES.hubspot, ...common };
    case 'strict': return { ...CAPABILITIES.bevatel, ...common };
    case 'blind': return { ...CAPABILITIES.hubspot, ...common, revisions: 'none', history: false };
    default: return kind satisfies never;
  }
}
