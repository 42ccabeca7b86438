/** What travels on `contact.decisions` and `contact.dead-letters`: every verdict with its reason, and what could not be used. */
import type { Side, Value } from './value.ts';

export const VERDICTS = [
  'propagate', 'echo', 'duplicate', 'stale', 'unchanged', 'converged', 'in_flight', 'filled', 'created', 'linked',
  'conflict_resolved', 'conflict_held', 'skipped', 'quarantined', 'awaiting_partner', 'read_again', 'gone',
  'restored', 'removed', 'unlinked', 'undone',
] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * What can be at odds. Fields: two first values, two edits of one field, edits of different fields of one record (merged,
 * nothing is lost), consents, a value that the other side cannot keep whole, a field or option that the system no longer
 * has, a value that is taken, refused, flipping, written over, or of unknown fate. Records: an update of one that is
 * missing or was just deleted, a deletion of one that was just edited, merges, restorations, and who is whom.
 */
export const CONFLICTS = [
  'create_create', 'update_update_same_field', 'update_update_disjoint', 'consent_disagree', 'lossy_overwrite', 'schema_missing',
  'unique_violation', 'rejected', 'oscillation', 'overwritten_in_flight', 'unknown_outcome',
  'update_missing', 'update_recently_deleted', 'delete_recently_updated', 'merge_update', 'merge_merge', 'restore',
  'multi_match', 'possible_duplicate',
] as const;
export type ConflictType = (typeof CONFLICTS)[number];

/** In the place of a group: the verdict is on the record as a whole. */
export const WHOLE_RECORD = '*';

/** The verdict on one lens group. Values are in the fields' order of the lens. */
export interface GroupVerdict {
  /** The lens group, or WHOLE_RECORD. */
  readonly group: string;
  readonly verdict: Verdict;
  /** The rule that chose: `one_side_changed`, `policy:latest_wins`, `direction`, `invalid:phone`, … */
  readonly rule: string;
  readonly conflict?: ConflictType;
  readonly bevatel?: readonly Value[];
  readonly external?: readonly Value[];
  readonly base?: readonly [readonly Value[], readonly Value[]];
  /** The side that is to be written, and with what. */
  readonly writeTo?: Side;
  readonly write?: readonly Value[];
  readonly bevatelAt?: number | null;
  readonly externalAt?: number | null;
  /** When it was edited at the earliest, where only an interval up to `…At` is known; null is unbounded. Absent: at `…At` exactly, or unknown. */
  readonly bevatelFrom?: number | null;
  readonly externalFrom?: number | null;
  readonly bevatelActor?: string | null;
  readonly externalActor?: string | null;
  /**
   * Set where the verdict tells of a write of ours that has landed (domain/landing.ts): the attempt, and when it was sent.
   * Its values are those that the write found, on the written side too; its base is the pair that it brought about, if any.
   */
  readonly attempt?: string;
  readonly sentAt?: number;
}

/** A rule by its own name or by its family's, the part before a colon: `policy` is every policy. Null asks for any. */
export function isOfRule(rule: string | null, wanted: string | null): boolean {
  return wanted === null || rule === wanted || (rule?.startsWith(`${wanted}:`) ?? false);
}

/** What brings a decision about; `matching`: the group of records that share keys was looked at. */
export const CAUSES = ['change', 'answer', 'operator', 'deadline', 'matching'] as const;

export interface ContactDecision {
  readonly decisionId: string;
  readonly tenantId: string;
  readonly integrationId: string;
  readonly linkId: string;
  readonly bevatelId: string | null;
  readonly externalId: string | null;
  /** What brought the decision about: a change's id, or an attempt's; the link's own where its group was matched. */
  readonly causeId: string;
  readonly cause: (typeof CAUSES)[number];
  readonly side: Side | null;
  /** The verdict on the record as a whole; the groups' own stand in `groups`. */
  readonly verdict: Verdict;
  readonly groups: readonly GroupVerdict[];
  readonly decidedAt: number;
}

export interface DeadLetter {
  readonly deadLetterId: string;
  /** Null when the bytes could not even be attributed. */
  readonly tenantId: string | null;
  readonly integrationId: string | null;
  readonly recordId: string | null;
  readonly code: string;
  readonly stage: 'capture' | 'reconcile' | 'deliver';
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: Uint8Array | null;
  readonly bytes: Uint8Array;
  readonly deadAt: number;
}
