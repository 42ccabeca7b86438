/** Merges, one call each: the survivor keeps its values and fills its gaps from the other, and carries its id on. */
import pLimit from 'p-limit';
import { isSyncError } from '../../schemas/errors.ts';
import type { CallOptions, MergeOp, WriteOutcome } from '../connector.ts';
import { zMerge } from './answers.ts';
import type { BevatelClient } from './client.ts';
import { GONE } from './remove-records.ts';

const AT_ONCE = 8;
const TOLD: readonly number[] = [404, 410];

export async function mergeRecords(client: BevatelClient, operations: readonly MergeOp[], options: CallOptions): Promise<readonly WriteOutcome[]> {
  const limit = pLimit(AT_ONCE);
  return limit.map(operations, (operation) => mergeRecord(client, operation, options));
}

async function mergeRecord(client: BevatelClient, { attemptId, id, into }: MergeOp, options: CallOptions): Promise<WriteOutcome> {
  try {
    const { id: survivor, error } = await client.call({
      operation: 'merge', method: 'POST', path: `/contacts/${encodeURIComponent(id)}/merge`, body: { into }, isWrite: true, takes: TOLD, answer: zMerge,
    }, options);
    if (error === undefined) return { attemptId, kind: 'merged', survivor: survivor ?? into };
    return { attemptId, kind: 'gone', how: GONE[error.code] ?? 'not_found', mergedInto: error.merged_into ?? null };
  } catch (error) {
    if (!isSyncError(error)) throw error;
    if (error.class === 'unknown_outcome') return { attemptId, kind: 'unknown', error };
    return error.code === 'value_rejected' ? { attemptId, kind: 'rejected', error, fields: [] } : { attemptId, kind: 'failed', error };
  }
}
