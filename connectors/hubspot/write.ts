/**
 * Batch writes with one outcome per operation (fact sheet §2). Creates are upserts on the unique property that holds
 * Bevatel's id, so that a create whose answer was lost cannot make a second record. Every input carries its attempt as
 * trace id; without one HubSpot would fail the whole batch for one bad row. A batch that is refused as a whole was not
 * applied at all and is halved until the bad row stands alone (I8).
 */
import { z } from 'zod';
import type { CallOptions, UpdateOp, WriteOp, WriteOutcome } from '../connector.ts';
import { isSyncError, SyncError } from '../../schemas/errors.ts';
import type { HubSpotAnswer } from './client.ts';
import { finishStages } from './lifecycle.ts';
import { CONTACTS_PATH } from './paths.ts';
import type { ReadParts } from './read.ts';
import { probeMissing } from './read.ts';
import type { HubSpotRecord } from './record.ts';
import { toProperties, toRecordImage, zRecord } from './record.ts';
import type { Refusal } from './refusal.ts';
import { existingId, parseRefusal, refusedFields, refusedRowError, zRefusal } from './refusal.ts';

const zBatchAnswer = z.object({ results: z.array(zRecord), errors: z.array(zRefusal).nullish() });

/** What a row came to, before it is told as an outcome. */
type Row =
  | { readonly kind: 'record'; readonly record: HubSpotRecord }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly error: SyncError }
  | { readonly kind: 'error'; readonly error: SyncError };
type Rows = ReadonlyMap<string, Row>;

export async function writeContacts(
  parts: ReadParts, operations: readonly WriteOp[], request: { readonly fields: readonly string[] }, options: CallOptions,
): Promise<readonly WriteOutcome[]> {
  if (operations.length === 0) return [];
  const rows = await writeRows(parts, operations, options);
  const gone = await goneOutcomes(parts, operations, rows, options);
  const outcomes = operations.map((operation) => gone.get(operation.attemptId) ?? outcomeOf(parts, operation, rows.get(operation.attemptId), request.fields));
  return finishStages(parts, operations, outcomes, options);
}

async function writeRows(parts: ReadParts, operations: readonly WriteOp[], options: CallOptions): Promise<Rows> {
  try {
    return await sendBatch(parts, operations, options);
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return new Map(operations.map(({ attemptId }) => [attemptId, { kind: 'error', error }]));
  }
}

async function sendBatch(parts: ReadParts, operations: readonly WriteOp[], options: CallOptions): Promise<Rows> {
  const isCreate = operations[0]?.kind === 'create';
  const operation = isCreate ? 'batch_upsert' : 'batch_update';
  const path = `${CONTACTS_PATH}/batch/${isCreate ? 'upsert' : 'update'}`;
  const body = { inputs: operations.map((item) => inputOf(item, parts.rules.referenceProperty)) };
  const answer = await parts.client.call({ operation, method: 'POST', path, body, kind: 'calls', isWrite: true, takesRefusals: true }, options);
  if (answer.status >= 400) return refusedBatch(parts, operations, operation, answer, options);
  const parsed = zBatchAnswer.safeParse(answer.body);
  if (!parsed.success) throw new SyncError('write_unanswered', `The answer to ${operation} cannot be read`, { operation, status: answer.status });
  const rows = new Map<string, Row>();
  for (const record of parsed.data.results) if (record.objectWriteTraceId) rows.set(record.objectWriteTraceId, { kind: 'record', record });
  for (const refusal of parsed.data.errors ?? []) {
    for (const traceId of refusal.context['objectWriteTraceId'] ?? []) rows.set(traceId, refusedRow(operation, refusal, answer.status));
  }
  return rows;
}

function refusedRow(operation: string, refusal: Refusal, status: number): Row {
  return { kind: 'refused', refusal, error: refusedRowError(operation, refusal, status) };
}

async function refusedBatch(parts: ReadParts, operations: readonly WriteOp[], operation: string, answer: HubSpotAnswer, options: CallOptions): Promise<Rows> {
  if (operations.length === 1) return new Map(operations.map(({ attemptId }) => [attemptId, refusedRow(operation, parseRefusal(answer.body), answer.status)]));
  const half = Math.ceil(operations.length / 2);
  const first = await writeRows(parts, operations.slice(0, half), options);
  return new Map([...first, ...(await writeRows(parts, operations.slice(half), options))]);
}

function inputOf(operation: WriteOp, referenceProperty: string): Record<string, unknown> {
  const properties = toProperties(operation.values);
  const { reference, attemptId } = operation;
  if (operation.kind === 'create') return { idProperty: referenceProperty, id: reference, properties: { ...properties, [referenceProperty]: reference }, objectWriteTraceId: attemptId };
  const stored = operation.forgets ? { [referenceProperty]: '' } : reference === null ? {} : { [referenceProperty]: reference };
  return { id: operation.id, properties: { ...properties, ...stored }, objectWriteTraceId: attemptId };
}

function outcomeOf(parts: ReadParts, operation: WriteOp, row: Row | undefined, fields: readonly string[]): WriteOutcome {
  const { attemptId } = operation;
  if (row?.kind === 'record') {
    const shown = [...new Set([...fields, ...Object.keys(operation.values)])];
    const record = toRecordImage(row.record, shown, parts.rules);
    return { attemptId, kind: 'applied', record: row.record.new === true ? { ...record, values: { ...cleared(fields), ...record.values } } : record };
  }
  if (row === undefined) {
    return { attemptId, kind: 'unknown', error: new SyncError('write_unanswered', 'The answer does not name this row', { operation: operation.kind }) };
  }
  if (row.kind === 'refused') return refusedOutcome(operation, row.refusal, row.error, parts.rules.referenceProperty);
  return errorOutcome(attemptId, row.error, []);
}

/** What a new record was not given and does not show is empty, not unknown. */
function cleared(fields: readonly string[]): Readonly<Record<string, null>> {
  return Object.fromEntries(fields.map((field) => [field, null]));
}

/** A taken value means "adopt" for a create; an update of a known record is refused for good. */
function refusedOutcome(operation: WriteOp, refusal: Refusal, error: SyncError, referenceProperty: string): WriteOutcome {
  const { attemptId } = operation;
  if (error.code !== 'unique_taken') return errorOutcome(attemptId, error, refusedFields(refusal));
  const byReference = refusal.message.includes(referenceProperty);
  if (operation.kind === 'create') return { attemptId, kind: 'exists', id: existingId(refusal), byReference };
  return { attemptId, kind: 'rejected', error, fields: byReference ? [referenceProperty] : Object.keys(operation.values).filter((field) => field === 'email') };
}

export function errorOutcome(attemptId: string, error: SyncError, fields: readonly string[]): WriteOutcome {
  if (error.class === 'unknown_outcome') return { attemptId, kind: 'unknown', error };
  return error.class === 'permanent' ? { attemptId, kind: 'rejected', error, fields } : { attemptId, kind: 'failed', error };
}

/** Updates of records that are not there, told apart: archived, merged, not found. A failed probe leaves it at `not_found`. */
async function goneOutcomes(parts: ReadParts, operations: readonly WriteOp[], rows: Rows, options: CallOptions): Promise<ReadonlyMap<string, WriteOutcome>> {
  const isGone = (operation: WriteOp): operation is UpdateOp => {
    const row = rows.get(operation.attemptId);
    return operation.kind === 'update' && row !== undefined && row.kind !== 'record' && row.error.code === 'record_gone';
  };
  const gone = operations.filter(isGone);
  const probed = await probeMissing(parts, gone.map(({ id }) => id), [], options).catch((error: unknown) => {
    if (isSyncError(error)) return [];
    throw error;
  });
  const results = new Map(probed.map((result) => [result.id, result]));
  return new Map(gone.map(({ attemptId, id }): [string, WriteOutcome] => {
    const result = results.get(id);
    if (result?.kind === 'merged') return [attemptId, { attemptId, kind: 'gone', how: 'merged', mergedInto: result.mergedInto }];
    return [attemptId, { attemptId, kind: 'gone', how: result?.kind === 'gone' ? result.how : 'not_found', mergedInto: null }];
  }));
}
