/**
 * Deletions and erasures, one call each: the contract has no batch for them. A deletion is conditional on the version
 * (`If-Match`); an erasure for privacy goes over any version (`If-Match: *`) and over a deleted contact too.
 */
import pLimit from 'p-limit';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import type { GoneHow } from '../../schemas/system.ts';
import type { CallOptions, RemoveOp, WriteOutcome } from '../connector.ts';
import { zRemoval } from './answers.ts';
import type { BevatelClient } from './client.ts';
import { toRecordImage } from './record.ts';

const AT_ONCE = 8;
const TOLD: readonly number[] = [404, 410, 412];
/** What the contract's codes say of a contact that is not there. */
export const GONE: Readonly<Record<string, GoneHow>> = { deleted: 'deleted', merged: 'merged', erased: 'erased', not_found: 'not_found' };

export async function removeRecords(client: BevatelClient, operations: readonly RemoveOp[], request: { readonly fields: readonly string[] }, options: CallOptions): Promise<readonly WriteOutcome[]> {
  const limit = pLimit(AT_ONCE);
  return limit.map(operations, (operation) => removeRecord(client, operation, request.fields, options));
}

async function removeRecord(client: BevatelClient, operation: RemoveOp, fields: readonly string[], options: CallOptions): Promise<WriteOutcome> {
  const { attemptId, way, condition } = operation;
  const isErasure = way === 'erase';
  if (way === 'archive' || (!isErasure && condition === null)) {
    return { attemptId, kind: 'rejected', error: new SyncError('value_rejected', 'a removal from Bevatel is a deletion of the version that it is based on', { operation: way }), fields: [] };
  }
  try {
    const answer = await client.call({
      operation: way, method: 'DELETE', path: `/contacts/${encodeURIComponent(operation.id)}`, ...(isErasure ? { query: { erase: 'true' } } : {}),
      ifMatch: isErasure ? '*' : `"${condition}"`, isWrite: true, takes: TOLD, answer: zRemoval,
    }, options);
    return outcomeOf(operation, answer, fields);
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return { attemptId, kind: error.class === 'unknown_outcome' ? 'unknown' : 'failed', error };
  }
}

function outcomeOf({ attemptId, way }: RemoveOp, { error, contact }: ReturnType<typeof zRemoval.parse>, fields: readonly string[]): WriteOutcome {
  if (error === undefined) return { attemptId, kind: 'removed' };
  const how = GONE[error.code];
  if (how === undefined) return { attemptId, kind: 'moved', record: contact === undefined ? null : toRecordImage(contact, fields) };
  const isDone = (way === 'erase' && how === 'erased') || (way === 'delete' && how === 'deleted');
  return isDone ? { attemptId, kind: 'removed' } : { attemptId, kind: 'gone', how, mergedInto: error.merged_into ?? null };
}
