/**
 * Archiving in batch, and deletion for privacy, one call each (fact sheet §2). HubSpot has no conditions: the caller has read
 * the records just before. An archived contact can be restored for 90 days, by a person in HubSpot, not by its API.
 *
 * A batch archive is answered 204 whether or not its ids exist; a batch that is refused as a whole was not carried out and
 * is halved until the bad id stands alone (I8).
 */
import pLimit from 'p-limit';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import type { CallOptions, RemoveOp, WriteOutcome } from '../connector.ts';
import { CONTACTS_PATH } from './paths.ts';
import { probeMissing } from './read.ts';
import type { ReadParts } from './read.ts';
import { parseRefusal, refusedRowError } from './refusal.ts';
import { errorOutcome } from './write.ts';

const AT_ONCE = 4;

export async function removeContacts(parts: ReadParts, operations: readonly RemoveOp[], options: CallOptions): Promise<readonly WriteOutcome[]> {
  const limit = pLimit(AT_ONCE);
  const of = (way: RemoveOp['way']): readonly RemoveOp[] => operations.filter((operation) => operation.way === way);
  const refused = of('delete').map(({ attemptId }): WriteOutcome => ({
    attemptId, kind: 'rejected', error: new SyncError('value_rejected', 'HubSpot archives contacts; it deletes them for privacy only', { operation: 'delete' }), fields: [],
  }));
  const [archived, erased] = await Promise.all([archive(parts, of('archive'), options), limit.map(of('erase'), (operation) => erase(parts, operation, options))]);
  return [...refused, ...archived, ...erased];
}

async function archive(parts: ReadParts, operations: readonly RemoveOp[], options: CallOptions): Promise<readonly WriteOutcome[]> {
  if (operations.length === 0) return [];
  const operation = 'batch_archive';
  try {
    const body = { inputs: operations.map(({ id }) => ({ id })) };
    const answer = await parts.client.call({ operation, method: 'POST', path: `${CONTACTS_PATH}/batch/archive`, body, kind: 'calls', isWrite: true, takesRefusals: true }, options);
    if (answer.status < 400) return operations.map(({ attemptId }) => ({ attemptId, kind: 'removed' }));
    if (operations.length === 1) return operations.map(({ attemptId }) => errorOutcome(attemptId, refusedRowError(operation, parseRefusal(answer.body), answer.status), []));
    const half = Math.ceil(operations.length / 2);
    const first = await archive(parts, operations.slice(0, half), options);
    return [...first, ...(await archive(parts, operations.slice(half), options))];
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return operations.map(({ attemptId }) => errorOutcome(attemptId, error, []));
  }
}

async function erase(parts: ReadParts, { attemptId, id }: RemoveOp, options: CallOptions): Promise<WriteOutcome> {
  const operation = 'gdpr_delete';
  try {
    const body = { objectId: id };
    const answer = await parts.client.call({ operation, method: 'POST', path: `${CONTACTS_PATH}/gdpr-delete`, body, kind: 'calls', isWrite: true, takesRefusals: true }, options);
    if (answer.status < 400) return { attemptId, kind: 'removed' };
    return answer.status === 404 ? await absent(parts, attemptId, id, options) : errorOutcome(attemptId, refusedRowError(operation, parseRefusal(answer.body), answer.status), []);
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return errorOutcome(attemptId, error, []);
  }
}

/** Nothing under this id: erased before, or merged into another contact, which then holds what is known of the person. */
async function absent(parts: ReadParts, attemptId: string, id: string, options: CallOptions): Promise<WriteOutcome> {
  const [result] = await probeMissing(parts, [id], [], options);
  if (result?.kind === 'merged') return { attemptId, kind: 'gone', how: 'merged', mergedInto: result.mergedInto };
  return { attemptId, kind: 'gone', how: result?.kind === 'gone' ? result.how : 'not_found', mergedInto: null };
}
