/**
 * A schedule: everything that people do and that goes wrong, as data made from a seed before anything runs, so that
 * pieces can be left out. Times are ms since the start.
 */
import type { Point } from '../engine/incarnation.ts';
import type { SystemName } from '../journal.ts';
import type { Image } from '../../schemas/value.ts';
import type { SystemDials } from '../systems/dials.ts';
import type { CallKind } from '../systems/network.ts';

export interface Schedule {
  readonly seed: number;
  readonly dials: Dials;
  readonly people: readonly Person[];
  readonly deeds: readonly Deed[];
  readonly faults: readonly Fault[];
}

export interface Dials {
  /** How many processes run all roles. */
  readonly processes: number;
  /** By integration id, in order. */
  readonly systems: Readonly<Record<SystemName, SystemDials>>;
  readonly bevatelSkewMs: number;
  readonly policy: 'latest_wins' | 'bevatel_wins' | 'external_wins' | 'manual';
  readonly fallback: 'bevatel_wins' | 'external_wins' | 'manual';
  readonly invalid: 'skip' | 'quarantine';
  /** Which ends records come to. */
  readonly ends: readonly EndKind[];
  /** By integration id. */
  readonly deletes: Readonly<Record<SystemName, DeleteDials>>;
}

export type EndKind = 'delete' | 'merge' | 'erase';

/** What an integration makes of deletions; `remove` in the way that the system knows. */
export interface DeleteDials {
  readonly to_external: DeletePolicy;
  readonly to_bevatel: DeletePolicy;
  readonly versusEdit: 'edit_wins' | 'delete_wins' | 'manual';
  readonly settleMs: number;
}
export type DeletePolicy = 'ignore' | 'unlink' | 'remove';

/** Who is there before the first sync, and with which values on which side. */
export interface Person {
  readonly name: string;
  readonly records: Readonly<Record<SystemName, Image>>;
}

interface DeedCommon {
  readonly id: number;
  readonly at: number;
  readonly system: SystemName;
  readonly person: string;
}
export type Deed = DeedCommon & (
  | { readonly kind: 'edit'; readonly values: Image }
  | { readonly kind: 'create'; readonly values: Image }
  | { readonly kind: 'delete' | 'restore' | 'erase' }
  /** The person's record goes into that of another. */
  | { readonly kind: 'merge'; readonly into: string }
  /** A job of the system writes one value into the records of several people at one instant. */
  | { readonly kind: 'bulk'; readonly people: readonly string[]; readonly values: Image }
);

/** The n-th happening of its kind, counted from 1 over the whole schedule; or a span of time. */
interface Span {
  readonly at: number;
  readonly forMs: number;
}
export type Fault =
  | { readonly kind: 'crash'; readonly process: number; readonly point: Point; readonly nth: number; readonly downMs: number }
  | ({ readonly kind: 'stall'; readonly process: number } & Span)
  | ({ readonly kind: 'outage' | 'token_expiry'; readonly system: SystemName } & Span)
  | ({ readonly kind: 'throttle'; readonly system: SystemName; readonly retryAfterMs: number | null } & Span)
  | { readonly kind: 'request_lost' | 'answer_lost'; readonly system: SystemName; readonly call: CallKind; readonly nth: number }
  | { readonly kind: 'late_landing'; readonly system: SystemName; readonly call: 'write'; readonly nth: number; readonly afterMs: number }
  | { readonly kind: 'slow_call'; readonly system: SystemName; readonly call: CallKind; readonly nth: number; readonly ms: number }
  | { readonly kind: 'webhook_dropped' | 'webhook_doubled'; readonly system: SystemName; readonly nth: number }
  | { readonly kind: 'webhook_late'; readonly system: SystemName; readonly nth: number; readonly byMs: number }
  | { readonly kind: 'stale_read'; readonly system: SystemName; readonly nth: number; readonly byMs: number }
  | { readonly kind: 'index_lag'; readonly system: SystemName; readonly nth: number; readonly byMs: number }
  | { readonly kind: 'acknowledgement_lost'; readonly nth: number }
  | ({ readonly kind: 'kafka_down' } & Span)
  | ({ readonly kind: 'database_down' } & Span)
  | { readonly kind: 'commit_unanswered'; readonly nth: number }
  | { readonly kind: 'rebalance' | 'slot_lost' | 'lock_lost'; readonly at: number }
  /** An automation of the system that does not leave a field alone: it writes its own form of it, or its own value. */
  | ({ readonly kind: 'third_party'; readonly system: SystemName; readonly field: string; readonly insists: string | null } & Span);
export type FaultKind = Fault['kind'];

/** All that can be planned; a long run that met none of one kind proves nothing about it. */
export const FAULT_KINDS = [
  'crash', 'stall', 'outage', 'token_expiry', 'throttle', 'request_lost', 'answer_lost', 'late_landing', 'slow_call', 'webhook_dropped', 'webhook_doubled',
  'webhook_late', 'stale_read', 'index_lag', 'acknowledgement_lost', 'kafka_down', 'database_down', 'commit_unanswered', 'rebalance', 'slot_lost', 'lock_lost', 'third_party',
] as const satisfies readonly FaultKind[];
