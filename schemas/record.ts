/** Records as systems show them, writes as they are asked for, and what became of these. */
import type { FieldTime, HistoryEntry } from './change.ts';
import type { SyncError } from './errors.ts';
import type { GoneHow, RemovalWay } from './system.ts';
import type { Image } from './value.ts';

export interface RecordImage {
  readonly id: string;
  readonly revision: string | null;
  /** The requested fields; a field that the system holds empty is null, one it did not return is absent. */
  readonly values: Image;
  readonly fieldTimes: Readonly<Record<string, FieldTime>>;
  readonly histories: Readonly<Record<string, readonly HistoryEntry[]>>;
  readonly modifiedAt: number | null;
  /** See ContactChange.references. */
  readonly references: Readonly<Record<string, string>>;
  readonly mergedIds: readonly string[];
}

export type ReadResult =
  | { readonly kind: 'found'; readonly id: string; readonly record: RecordImage }
  /** `found` under another id: the asked id was merged into `record.id`. */
  | { readonly kind: 'merged'; readonly id: string; readonly mergedInto: string }
  | { readonly kind: 'gone'; readonly id: string; readonly how: 'not_found' | 'deleted' | 'erased' };

export interface CreateOp {
  readonly kind: 'create';
  /** Correlates the outcome; also the idempotency key where the system has one. */
  readonly attemptId: string;
  readonly values: Image;
  /** The partner's id, stored in the unique property or external reference. */
  readonly reference: string;
}
export interface UpdateOp {
  readonly kind: 'update';
  readonly attemptId: string;
  readonly id: string;
  readonly values: Image;
  /** The revision on which the write is conditional; null writes unconditionally (refused where `conditionalWrites`). */
  readonly condition: string | null;
  /** When set, the partner's id is stored with this write. */
  readonly reference: string | null;
  /** The partner's id that is stored there is removed: the two were parted. */
  readonly forgets?: true;
}
export interface RemoveOp {
  readonly kind: 'remove';
  readonly attemptId: string;
  readonly id: string;
  readonly way: RemovalWay;
  /** The revision on which the removal is conditional; null where the system has no conditions, and for a privacy deletion, which is always carried out. */
  readonly condition: string | null;
}
/** One record of two; the system says which id the one that is left has. It cannot be undone. */
export interface MergeOp {
  readonly kind: 'merge';
  readonly attemptId: string;
  readonly id: string;
  /** The record that is left, unless the system gives it another id. */
  readonly into: string;
}
export type WriteOp = CreateOp | UpdateOp;

export type WriteOutcome = { readonly attemptId: string } & (
  /** The system's answer: the record after the write. */
  | { readonly kind: 'applied'; readonly record: RecordImage }
  /** The record is removed, as was asked. */
  | { readonly kind: 'removed' }
  /** The two are one, under this id. */
  | { readonly kind: 'merged'; readonly survivor: string }
  /** A unique value or reference is taken: adopt `id` (null when the system does not tell whose). */
  | { readonly kind: 'exists'; readonly id: string | null; readonly byReference: boolean }
  /** The condition failed: nothing was written; the record as it is now, if the system tells. */
  | { readonly kind: 'moved'; readonly record: RecordImage | null }
  | { readonly kind: 'gone'; readonly how: GoneHow; readonly mergedInto: string | null }
  /** Refused for good until the values or the mapping change. */
  | { readonly kind: 'rejected'; readonly error: SyncError; readonly fields: readonly string[] }
  /** Certainly not applied; try again later. */
  | { readonly kind: 'failed'; readonly error: SyncError }
  /** Perhaps applied, perhaps not, perhaps later. */
  | { readonly kind: 'unknown'; readonly error: SyncError }
);
