/**
 * What travels on `contact.hints` and `contact.changes.*`.
 *
 * A hint says "something happened to this record" and proves nothing. A change is a full image of the mapped
 * fields at one revision, as its system showed it (design §2, §4).
 */
import type { Image, Lane, Side } from './value.ts';

/** How a change reached us; a metric and an aid to `explain`, never a reason to decide (I5). */
export const CAPTURES = ['cdc', 'snapshot', 'publish', 'read', 'listing', 'answer'] as const;
export type Capture = (typeof CAPTURES)[number];

/** When, and by whom, one field got its value, if the system says so. Times are epoch milliseconds. */
export interface FieldTime {
  readonly at: number;
  readonly actor: string | null;
}

/** One entry of a field's history in its system, the newest first in a list. `ours` is what the connector could tell. */
export interface HistoryEntry {
  readonly value: string | null;
  readonly at: number;
  readonly actor: string | null;
  readonly ours: boolean | null;
}

export const CHANGE_KINDS = ['image', 'deleted', 'erased', 'merged', 'listingEnded'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

export interface ContactChange {
  readonly changeId: string;
  readonly tenantId: string;
  readonly side: Side;
  /** The integration on side `external`; null on side `bevatel`, whose change concerns every integration. */
  readonly integrationId: string | null;
  /** The record's id in its system. For `listingEnded`: the listing's id. */
  readonly recordId: string;
  /**
   * `image`: the record looks like this. `deleted`: it is gone, proven by a read of its id. `erased`: removed for
   * privacy, for ever. `merged`: it went on into `mergedInto`. `listingEnded`: all records of the listing stand
   * before this point of this partition; the image holds `partitions`, how many such marks make the listing whole.
   */
  readonly kind: ChangeKind;
  /** The system's revision of the record, compared as the connector declares; null where it has none. */
  readonly revision: string | null;
  readonly image: Image;
  /** Times of single fields, where the system gives them. */
  readonly fieldTimes: Readonly<Record<string, FieldTime>>;
  /** Histories of single fields, newest first, where they were read. */
  readonly histories: Readonly<Record<string, readonly HistoryEntry[]>>;
  /** The system's own time of the record's last modification (epoch ms). */
  readonly modifiedAt: number | null;
  /** Our clock (epoch ms) at the start and at the end of the read or the receipt that yielded the image. */
  readonly observedFrom: number;
  readonly observedTo: number;
  /** True when the image came from reading this very record by its id (never from an index or a push). */
  readonly readById: boolean;
  readonly capture: Capture;
  /** Side bevatel: integration id → external id. Side external: `bevatel` → Bevatel id. */
  readonly references: Readonly<Record<string, string>>;
  /** Ids that this record has absorbed by merges. */
  readonly mergedIds: readonly string[];
  readonly mergedInto: string | null;
}

export interface ContactHint {
  readonly hintId: string;
  readonly tenantId: string;
  readonly side: Side;
  readonly integrationId: string;
  readonly recordId: string;
  readonly lane: Lane;
  /** `webhook` hints carry the notification's own words; the others are told from. */
  readonly origin: 'webhook' | 'poll' | 'operator' | 'reconcile';
  /** What the notification said happened; `changed` when it says nothing more. */
  readonly event: 'changed' | 'created' | 'deleted' | 'merged' | 'restored' | 'erased';
  /** The field and value that a thin notification names, if any. */
  readonly field: string | null;
  readonly value: string | null;
  /** The revision that a poll saw, if any; a hint whose revision was folded already needs no read. */
  readonly revision: string | null;
  /** The system's time of the event, and our receipt (epoch ms). */
  readonly occurredAt: number | null;
  readonly receivedAt: number;
  /** A merge's survivor, if the notification names it. */
  readonly mergedInto: string | null;
}
