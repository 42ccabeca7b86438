/**
 * The catalogue of errors: stable codes, what to do with each, and advice for the operator.
 *
 * Whether to retry is decided where the error is thrown, by its code (design §6, "Errors are classified").
 */

/** What the thrower knows: try again, sign in again, give up until something changes, or nobody knows. */
export type ErrorClass = 'retry' | 'reauthenticate' | 'permanent' | 'unknown_outcome';

interface Entry {
  readonly class: ErrorClass;
  readonly advice: string;
}

export const ERRORS = {
  // systems
  system_unavailable: { class: 'retry', advice: 'The system did not answer or answered 5xx. Nothing is lost; work goes on when it answers again. Check its status page if it lasts.' },
  system_timeout: { class: 'retry', advice: 'A read took longer than its deadline. It is repeated with backoff.' },
  write_unanswered: { class: 'unknown_outcome', advice: 'A write got no answer. The record is read before anything is written again.' },
  rate_limited: { class: 'retry', advice: 'The system asked us to wait. Work goes on by itself; raise the quota or lower the other apps\' use if lag grows.' },
  record_locked: { class: 'retry', advice: 'Another operation holds the record in its system. It is tried again.' },
  account_migrating: { class: 'retry', advice: 'The system moves the account to another data centre. Wait until it is done.' },
  unauthorised: { class: 'reauthenticate', advice: 'The token was refused. Renew the credential named in the integration file and apply it again.' },
  missing_scope: { class: 'reauthenticate', advice: 'The token lacks a permission. Add the scope that the message names to the app and apply again.' },
  record_gone: { class: 'permanent', advice: 'The record is deleted, archived, merged or never existed.' },
  value_rejected: { class: 'permanent', advice: 'The system refused a value. Correct the value at its source or change the mapping; the link goes on with the next edit.' },
  schema_missing: { class: 'permanent', advice: 'The system no longer has a field or an option that the mapping writes. Bring it back there or change the mapping, apply the file again, and decide the held conflicts anew.' },
  unique_taken: { class: 'permanent', advice: 'Another record has this unique value. Merge the two in their system, or link the record by hand.' },
  reference_held: { class: 'retry', advice: 'The record from which this one was parted carries its id still. That is removed by itself; then the creation goes on.' },
  unexpected_answer: { class: 'permanent', advice: 'The answer does not have the documented shape. Check the system\'s API version; report it with the correlation id.' },
  // doors
  webhook_malformed: { class: 'permanent', advice: 'The body is not what the system documents. Nothing was published; check that the sender is the system itself.' },
  change_malformed: { class: 'permanent', advice: 'The change does not fit the contract. Correct the faults that are named and send it again.' },
  // records
  undecodable: { class: 'permanent', advice: 'The bytes cannot be decoded with their schema. Find the producer by topic, partition and offset; replay after mending.' },
  value_invalid: { class: 'permanent', advice: 'A value breaks its type rule. A newer valid image mends it by itself.' },
  record_invalid: { class: 'permanent', advice: 'The record as a whole cannot be used, as the rule says. A newer valid image mends it by itself.' },
  required_missing: { class: 'permanent', advice: 'A record lacks a required value, and the file says `requiredMissing: halt`. Complete the record or change the file, then `bevatel-sync resume` the integration.' },
  // our own side
  configuration_invalid: { class: 'permanent', advice: 'Correct the paths that are named and run the command again.' },
  configuration_missing: { class: 'permanent', advice: 'Set the variable that is named.' },
  kafka_unavailable: { class: 'retry', advice: 'No Kafka broker answers. Check KAFKA_BROKERS and that the broker runs (`bevatel-sync stack status`).' },
  registry_unavailable: { class: 'retry', advice: 'The schema registry does not answer. Check SCHEMA_REGISTRY_URL; consumption pauses and goes on by itself.' },
  database_unavailable: { class: 'retry', advice: 'PostgreSQL does not answer. Check DATABASE_URL; consumption pauses and goes on by itself.' },
  schema_incompatible: { class: 'permanent', advice: 'The new schema cannot read old records. Add fields with defaults only, or make a new subject.' },
  position_beyond_log: { class: 'permanent', advice: 'The stored position lies beyond the end of the topic: this is another cluster, or the topic was made anew. Use the right cluster, or reset the positions and run verify.' },
  position_expired: { class: 'permanent', advice: 'Records before the stored position were deleted by retention. A repair of every integration is started (`bevatel-sync verifications list`); lengthen the retention.' },
  slot_lost: { class: 'permanent', advice: 'The replication slot is gone. A new snapshot runs in the repair lane; raise max_slot_wal_keep_size.' },
  replica_identity_missing: { class: 'permanent', advice: 'Run ALTER TABLE … REPLICA IDENTITY FULL on the contacts table.' },
  not_found: { class: 'permanent', advice: 'Nothing has this id. List them first.' },
  state_moved: { class: 'permanent', advice: 'It changed since you looked. Look again and decide anew.' },
  beyond_history: { class: 'permanent', advice: 'Decisions before the time that is named were deleted. Begin there; keep them longer by history.keepDays in the integration file.' },
  not_restorable: { class: 'permanent', advice: 'The contact is not deleted, or cannot be made again from here; the message says why of each of its links. `deleted show` tells more.' },
  unauthenticated: { class: 'permanent', advice: 'Send the key as `Authorization: Bearer …`.' },
  circuit_open: { class: 'retry', advice: 'The system failed repeatedly; calls pause and are tried again by themselves.' },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorFacts {
  /** How long the system asked us to wait (ms). */
  readonly retryAfterMs?: number;
  /** HTTP status, correlation id, endpoint: facts without secrets or personal data (I11). */
  readonly status?: number;
  readonly correlationId?: string;
  readonly operation?: string;
  readonly faults?: readonly { readonly path: string; readonly message: string }[];
  readonly cause?: unknown;
}

export class SyncError extends Error {
  readonly code: ErrorCode;
  readonly class: ErrorClass;
  readonly advice: string;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'SyncError';
    this.code = code;
    this.class = ERRORS[code].class;
    this.advice = ERRORS[code].advice;
    this.facts = facts;
  }
}

export function isSyncError(error: unknown): error is SyncError {
  return error instanceof SyncError;
}
