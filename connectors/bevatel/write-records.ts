/**
 * Batch writes with one outcome per operation. Updates are always conditional on the version (`If-Match`); creates carry
 * the attempt as idempotency key and the partner's id as external reference, so that a create whose answer was lost can
 * be looked up and cannot make a second contact.
 */
import type { ErrorCode } from '../../schemas/errors.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import type { GoneHow } from '../../schemas/system.ts';
import type { CallOptions, WriteOp, WriteOutcome } from '../connector.ts';
import type { WriteAnswer } from './answers.ts';
import { zBatchWrite } from './answers.ts';
import type { BevatelClient } from './client.ts';
import { toFields, toRecordImage } from './record.ts';

export interface WriteParts {
  readonly client: BevatelClient;
  readonly integrationId: string;
}

export async function writeRecords(
  { client, integrationId }: WriteParts, operations: readonly WriteOp[], request: { readonly fields: readonly string[] }, options: CallOptions,
): Promise<readonly WriteOutcome[]> {
  const refused = operations.filter((operation) => operation.kind === 'update' && operation.condition === null);
  const sendable = operations.filter((operation) => !refused.includes(operation));
  const outcomes = refused.map(({ attemptId }): WriteOutcome => ({
    attemptId, kind: 'rejected', error: refusal('value_rejected', 428, 'a write to Bevatel needs the version that it is based on'), fields: [],
  }));
  if (sendable.length === 0) return outcomes;
  const items = sendable.map((operation) => itemOf(operation, integrationId));
  try {
    const answer = await client.call({ operation: 'batch_write', method: 'POST', path: '/contacts/batch/write', body: { items }, isWrite: true, answer: zBatchWrite }, options);
    const byRef = new Map(answer.results.map((result) => [result.ref, result]));
    return [...outcomes, ...sendable.map((operation) => outcomeOf(operation, byRef.get(operation.attemptId), request.fields))];
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return [...outcomes, ...sendable.map(({ attemptId }) => failedCall(attemptId, error))];
  }
}

function itemOf(operation: WriteOp, integrationId: string): object {
  const { attemptId, reference } = operation;
  const forgets = operation.kind === 'update' && operation.forgets === true;
  const common = {
    ref: attemptId,
    fields: toFields(operation.values),
    ...(reference === null && !forgets ? {} : { external_reference: { integration_id: integrationId, external_id: reference } }),
  };
  if (operation.kind === 'create') return { op: 'create', idempotency_key: attemptId, ...common };
  return { op: 'update', id: operation.id, if_match: Number(operation.condition), ...common };
}

/** A refusal that the contract does not know (a proxy's 404, say) says nothing about the values: it is tried again. */
function failedCall(attemptId: string, error: SyncError): WriteOutcome {
  if (error.class === 'unknown_outcome') return { attemptId, kind: 'unknown', error };
  return error.code === 'value_rejected' ? { attemptId, kind: 'rejected', error, fields: [] } : { attemptId, kind: 'failed', error };
}

function outcomeOf(operation: WriteOp, answer: WriteAnswer | undefined, fields: readonly string[]): WriteOutcome {
  const { attemptId } = operation;
  const unknown = (message: string): WriteOutcome => ({ attemptId, kind: 'unknown', error: refusal('write_unanswered', answer?.status ?? 0, message) });
  if (answer === undefined) return unknown('the answer does not name this item');
  const { status, contact, error } = answer;
  const shown = [...new Set([...fields, ...Object.keys(operation.values)])];
  switch (status) {
    case 200:
    case 201:
      if (contact === undefined) return unknown('the answer does not hold the contact');
      /** An idempotency key that was used before answers its contact as it is now. */
      if (contact.deleted) return { attemptId, kind: 'gone', how: 'deleted', mergedInto: null };
      return { attemptId, kind: 'applied', record: toRecordImage(contact, shown) };
    case 412:
      return { attemptId, kind: 'moved', record: contact === undefined ? null : toRecordImage(contact, shown) };
    case 404:
    case 410:
      return { attemptId, kind: 'gone', how: goneHow(status, error.code), mergedInto: error.merged_into ?? null };
    case 409:
      return taken(operation, error.contact_id ?? contact?.id ?? null);
    case 422:
      return { attemptId, kind: 'rejected', error: refusal('value_rejected', status, 'values are refused', error.faults), fields: fieldsOf(error.faults) };
    case 429:
      return { attemptId, kind: 'failed', error: refusal('rate_limited', status, 'too many writes') };
    default:
      return unknown('the item was not answered');
  }
}

function goneHow(status: number, code: string): GoneHow {
  if (status === 410) return 'erased';
  return code === 'deleted' || code === 'merged' ? code : 'not_found';
}

/** A create adopts the contact that has the reference; an update cannot take it away from another. */
function taken({ kind, attemptId }: WriteOp, id: string | null): WriteOutcome {
  if (kind === 'create') return { attemptId, kind: 'exists', id, byReference: true };
  return { attemptId, kind: 'rejected', error: refusal('unique_taken', 409, 'another contact has this external reference'), fields: [] };
}

/** Names of our fields out of paths such as `fields.custom.tier` or `fields.tags.0`. */
function fieldsOf(faults: readonly { readonly path: string }[]): string[] {
  const names = faults.flatMap(({ path }) => {
    const [root, name, attribute] = path.split('.');
    if (root !== 'fields' || name === undefined) return [];
    return name === 'custom' && attribute !== undefined ? [`custom.${attribute}`] : [name];
  });
  return [...new Set(names)];
}

function refusal(code: ErrorCode, status: number, message: string, faults: readonly { path: string; message: string }[] = []): SyncError {
  return new SyncError(code, `Bevatel, batch_write: ${message}`, { operation: 'batch_write', status, ...(faults.length === 0 ? {} : { faults }) });
}
