/**
 * The port to a system that holds contacts. Bevatel's contact service and every external system stand behind it alike.
 *
 * What each method promises, and when it may be called:
 * - Every call ends within its `signal` or its own timeout, takes a place from `limiter` before each HTTP request, and
 *   throws nothing but `SyncError` (schemas/errors.ts), classified where it is thrown.
 * - `list` and `changedSince` may show old states (index lag); `read` shows the record as it is now, within
 *   `stalenessWindowMs`.
 * - `write` never repeats a request by itself: an answer that did not come is the outcome `unknown`, and the caller
 *   looks before it writes again (design §6). So do `remove` and `merge`. None is called before its attempt is on record,
 *   and these two not before the record was read, or with a condition: what they take away nobody may be able to bring back.
 * - An actor is `user:<id>` for a person; any other name is an automation, an import or an app.
 * - No method keeps state between calls, knows of links, or decides anything.
 */
import type { ContactHint } from '../schemas/change.ts';
import type { Lane, Value } from '../schemas/value.ts';
import type { CreateOp, MergeOp, ReadResult, RecordImage, RemoveOp, UpdateOp, WriteOp, WriteOutcome } from '../schemas/record.ts';
import type { Capabilities, GoneHow } from '../schemas/system.ts';

export type { Capabilities, GoneHow };
export type { CreateOp, MergeOp, ReadResult, RecordImage, RemoveOp, UpdateOp, WriteOp, WriteOutcome };

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly lane: Lane;
}

export interface ListPage {
  readonly records: readonly RecordImage[];
  readonly next: string | null;
  /** How many records there are in all, if the system tells. */
  readonly total: number | null;
}

/** Where a poll goes on; opaque to the caller, stored as JSON. */
export type PollPosition = Readonly<Record<string, string | number | null>>;

export interface PollPage {
  /** Records that may have changed, with the revision that the index showed. */
  readonly changed: readonly { readonly id: string; readonly revision: string | null; readonly modifiedAt: number | null }[];
  readonly next: PollPosition;
  /** True when the caller should go on at once. */
  readonly more: boolean;
}

/** One thing that is wrong with a mapping, found before the first run. */
export interface MappingFault {
  readonly field: string;
  readonly code: string;
  readonly message: string;
  readonly advice: string;
}

/** How a field is used by the mapping; `values` are those that may be written or are compared to, where that is known. */
export interface FieldUse {
  readonly field: string;
  readonly type: 'text' | 'number' | 'boolean' | 'date' | 'datetime' | 'phone' | 'email' | 'url' | 'picklist' | 'set';
  readonly written: boolean;
  readonly values?: readonly string[];
  /** Values besides these may be written too. */
  readonly open?: true;
}

export interface Connector {
  readonly system: string;
  readonly capabilities: Capabilities;
  /**
   * Checks fields, types, options and permissions against the system itself; returns all faults at once. `creates`:
   * records are to be made there, so that what each must have has to be written.
   */
  checkMapping(uses: readonly FieldUse[], request: { readonly creates: boolean }, options: CallOptions): Promise<readonly MappingFault[]>;
  /** One page of all records in a stable order. Absence from a listing proves nothing (I9). */
  list(request: { readonly cursor: string | null; readonly fields: readonly string[] }, options: CallOptions): Promise<ListPage>;
  /** Records modified since the position; null starts at the server's present time. Keyset, `>=`, overlapping by `indexLagMs`. */
  changedSince(position: PollPosition | null, options: CallOptions): Promise<PollPage>;
  /** One result per id, in any order; at most `batch.read` ids. */
  read(ids: readonly string[], request: { readonly fields: readonly string[]; readonly histories: boolean }, options: CallOptions): Promise<readonly ReadResult[]>;
  /** One outcome per operation, in any order; operations of one kind only, at most `batch.create` / `batch.update`. */
  write(operations: readonly WriteOp[], request: { readonly fields: readonly string[] }, options: CallOptions): Promise<readonly WriteOutcome[]>;
  /**
   * Archives, deletes or erases, as each operation says and `capabilities.removals` allows; at most `removals.batch`.
   * One outcome per operation, in any order: `removed` also for a record that was removed in this way before, `moved` when
   * the condition failed, `gone` when there is nothing (more) to remove under this id.
   */
  remove(operations: readonly RemoveOp[], request: { readonly fields: readonly string[] }, options: CallOptions): Promise<readonly WriteOutcome[]>;
  /**
   * Merges each record into another; one outcome per operation, in any order: `merged` with the id that is left, `gone` when
   * the record is not there (any more), which may have been merged before.
   */
  merge(operations: readonly MergeOp[], options: CallOptions): Promise<readonly WriteOutcome[]>;
  /** Looks records up by the partner's id (never by search): partner id → record. Missing ones are absent. */
  findByReference(references: readonly string[], request: { readonly fields: readonly string[] }, options: CallOptions): Promise<ReadonlyMap<string, RecordImage>>;
  /** Where a person sees the record; null where there is no such page. */
  recordUrl(id: string): string | null;
}

/** A system's webhooks: verified and parsed without any call. One endpoint per app is routed by the account named in each event. */
export interface WebhookDoor {
  readonly system: string;
  /** Checks the signature over the raw bytes; the result names the fault for the counter, never the secret. */
  verify(request: WebhookRequest, secret: string, now: number): { readonly ok: true } | { readonly ok: false; readonly reason: 'missing_signature' | 'bad_signature' | 'stale_timestamp' };
  /** Parses a verified body; throws SyncError `webhook_malformed`. `account` tells the integration where one URL serves many. */
  parse(body: Uint8Array): readonly { readonly account: string | null; readonly hint: WebhookHint }[];
}
export type WebhookHint = Pick<ContactHint, 'recordId' | 'event' | 'field' | 'value' | 'occurredAt' | 'mergedInto'>;
export interface WebhookRequest {
  readonly method: string;
  /** The public URL as the sender knows it, from the configuration, never from the Host header. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/** Rate limiting as a connector sees it (runtime/rate-limit.ts). */
export interface Limiter {
  /** Waits for a place for one call of this kind; live goes before repair before backfill. Rejects with SyncError when the signal ends first. */
  take(kind: string, options: CallOptions): Promise<void>;
  /** What the system's headers or a 429 said: no call of this kind before `untilMs` from now, or so many left. */
  feedback(kind: string, told: { readonly pauseMs?: number; readonly remaining?: number; readonly resetMs?: number; readonly dailyRemaining?: number }): void;
}
/** A documented limit: `points` calls in `perMs`. */
export interface RateLimit {
  readonly kind: string;
  readonly points: number;
  readonly perMs: number;
}

/** What a connector is built from; secrets come in resolved, never from the environment. */
export interface ConnectorContext {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly limiter: Limiter;
  readonly clock: () => number;
  /** Counts every HTTP call: `(operation, outcome)`, outcome being a status class or an error class. */
  readonly onCall: (operation: string, outcome: string, ms: number) => void;
}

/** Written value that a system is known to change, so that a difference on read-back is no edit (design §6). */
export type Normaliser = (field: string, value: Value) => Value;
