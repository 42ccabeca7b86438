/**
 * HubSpot's refusals as errors of the catalogue (fact sheet §2 "Error body", §6). Messages of HubSpot may carry personal
 * data and are never passed on: only status, category, codes, property names and the correlation id are (I11).
 */
import { z } from 'zod';
import type { ErrorCode } from '../../schemas/errors.ts';
import { SyncError } from '../../schemas/errors.ts';

const zContext = z.record(z.string(), z.array(z.string())).catch({});

/** The body of a refused request, or one entry of `errors` in a 207. Anything may be missing. */
export const zRefusal = z.object({
  message: z.string().catch(''),
  category: z.string().catch(''),
  correlationId: z.string().optional().catch(undefined),
  policyName: z.string().optional().catch(undefined),
  context: zContext,
  errors: z.array(z.object({ code: z.string().catch(''), context: zContext })).catch([]),
});
export type Refusal = z.infer<typeof zRefusal>;

export function parseRefusal(body: unknown): Refusal {
  const parsed = zRefusal.safeParse(body);
  return parsed.success ? parsed.data : { message: '', category: '', correlationId: undefined, policyName: undefined, context: {}, errors: [] };
}

const EXISTING_ID = [/Existing ID: (\d+)/i, /(\d+) already has that value/i];

/** The id of the record that has the unique value: it stands only in the message. */
export function existingId(refusal: Refusal): string | null {
  for (const pattern of EXISTING_ID) {
    const found = pattern.exec(refusal.message)?.[1];
    if (found !== undefined) return found;
  }
  return null;
}

/** Whether a unique value is taken; for custom properties HubSpot also says so under VALIDATION_ERROR. */
export function isTaken(refusal: Refusal): boolean {
  return refusal.category === 'CONFLICT' || refusal.category === 'OBJECT_ALREADY_EXISTS' || existingId(refusal) !== null;
}

/** The properties that a validation error names; older bodies hold them as JSON inside the message. */
export function refusedFields(refusal: Refusal): readonly string[] {
  const named = refusal.errors.flatMap((error) => error.context['propertyName'] ?? []);
  if (named.length > 0) return [...new Set(named)];
  return [...new Set([...refusal.message.matchAll(/"name"\s*:\s*"([a-z0-9_]+)"/g)].map((match) => match[1] ?? ''))];
}

/** Category and codes in words, without any value. */
export function describeRefusal(refusal: Refusal): string {
  const codes = [...new Set(refusal.errors.map(({ code }) => code).filter((code) => code !== ''))];
  const fields = refusedFields(refusal);
  return [refusal.category || 'no category', ...codes, ...(fields.length > 0 ? [`fields ${fields.join(', ')}`] : [])].join(' · ');
}

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'value_rejected', 401: 'unauthorised', 403: 'missing_scope', 404: 'record_gone', 409: 'unique_taken',
  423: 'record_locked', 429: 'rate_limited', 477: 'account_migrating',
};
const LOCKED_PAUSE_MS = 2_000;

export interface RefusedCall {
  readonly operation: string;
  readonly isWrite: boolean;
  readonly status: number;
  readonly refusal: Refusal;
  /** From Retry-After, or what the policy implies. */
  readonly retryAfterMs: number | undefined;
}

/** The error of a whole request that was refused. A write that was answered 5xx may have been applied. */
export function refusedCallError(call: RefusedCall): SyncError {
  const { operation, isWrite, status, refusal } = call;
  const unavailable = isWrite ? 'write_unanswered' : 'system_unavailable';
  const code = CODE_OF_STATUS[status] ?? (status >= 500 ? unavailable : 'unexpected_answer');
  const retryAfterMs = call.retryAfterMs ?? (status === 423 ? LOCKED_PAUSE_MS : undefined);
  return new SyncError(code, `HubSpot answered ${status} to ${operation}: ${describeRefusal(refusal)}`, {
    status, operation,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(refusal.correlationId === undefined ? {} : { correlationId: refusal.correlationId }),
  });
}

const CODE_OF_CATEGORY: Readonly<Record<string, ErrorCode>> = {
  VALIDATION_ERROR: 'value_rejected', OBJECT_NOT_FOUND: 'record_gone', CONFLICT: 'unique_taken', OBJECT_ALREADY_EXISTS: 'unique_taken',
  MISSING_SCOPES: 'missing_scope', RATE_LIMIT: 'rate_limited', RATE_LIMITS: 'rate_limited',
  MISSING_REQUIRED_PROPERTY: 'value_rejected', MISSING_CONDITIONAL_REQUIRED_PROPERTY: 'value_rejected',
};

/** The property, or the option of one, is gone: nothing is wrong with the value itself. */
const MISSING_IN_SCHEMA = new Set(['PROPERTY_DOESNT_EXIST', 'INVALID_OPTION']);

function isSchemaMissing({ errors, message }: Refusal): boolean {
  const codes = errors.map(({ code }) => code).filter((code) => code !== '');
  const told = codes.length > 0 ? codes : [...message.matchAll(/"error"\s*:\s*"([A-Z_]+)"/g)].map((match) => match[1] ?? '');
  return told.length > 0 && told.every((code) => MISSING_IN_SCHEMA.has(code));
}

/** The error of one row of a batch write; `status` is that of a refused call. What cannot be told counts as perhaps applied. */
export function refusedRowError(operation: string, refusal: Refusal, status: number): SyncError {
  const code = isTaken(refusal) ? 'unique_taken' : isSchemaMissing(refusal) ? 'schema_missing' : CODE_OF_CATEGORY[refusal.category] ?? CODE_OF_STATUS[status] ?? 'write_unanswered';
  return new SyncError(code, `HubSpot refused a row of ${operation}: ${describeRefusal(refusal)}`, {
    operation, status,
    ...(refusal.correlationId === undefined ? {} : { correlationId: refusal.correlationId }),
  });
}
