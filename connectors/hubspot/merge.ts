/**
 * Merges, one call each (fact sheet §2): HubSpot keeps the primary's values and fills its gaps from the other, and may give
 * the two a new id. It has no way back. A contact has 250 merged identities at most; more is refused.
 */
import pLimit from 'p-limit';
import { z } from 'zod';
import { isSyncError, SyncError } from '../../schemas/errors.ts';
import type { CallOptions, MergeOp, WriteOutcome } from '../connector.ts';
import { CONTACTS_PATH } from './paths.ts';
import { readContacts } from './read.ts';
import type { ReadParts } from './read.ts';
import { parseRefusal, refusedRowError } from './refusal.ts';
import { errorOutcome } from './write.ts';

const AT_ONCE = 4;
const zSurvivor = z.object({ id: z.string().min(1) });

export async function mergeContacts(parts: ReadParts, operations: readonly MergeOp[], options: CallOptions): Promise<readonly WriteOutcome[]> {
  const limit = pLimit(AT_ONCE);
  return limit.map(operations, (operation) => mergeContact(parts, operation, options));
}

async function mergeContact(parts: ReadParts, { attemptId, id, into }: MergeOp, options: CallOptions): Promise<WriteOutcome> {
  const operation = 'merge';
  try {
    const body = { primaryObjectId: into, objectIdToMerge: id };
    const answer = await parts.client.call({ operation, method: 'POST', path: `${CONTACTS_PATH}/merge`, body, kind: 'calls', isWrite: true, takesRefusals: true }, options);
    if (answer.status >= 400) return await refused(parts, { attemptId, id }, answer, options);
    const survivor = zSurvivor.safeParse(answer.body);
    if (!survivor.success) return { attemptId, kind: 'unknown', error: new SyncError('write_unanswered', 'The answer to a merge does not name the survivor', { operation, status: answer.status }) };
    return { attemptId, kind: 'merged', survivor: survivor.data.id };
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return errorOutcome(attemptId, error, []);
  }
}

/** Either of the two may not be there: what became of the one that was to go is told; if it is there, the other is not. */
async function refused(parts: ReadParts, { attemptId, id }: Pick<MergeOp, 'attemptId' | 'id'>, answer: { readonly status: number; readonly body: unknown }, options: CallOptions): Promise<WriteOutcome> {
  const [result] = answer.status === 404 ? await readContacts(parts, [id], { fields: [], histories: false }, options) : [];
  if (result?.kind === 'merged') return { attemptId, kind: 'gone', how: 'merged', mergedInto: result.mergedInto };
  if (result?.kind === 'gone') return { attemptId, kind: 'gone', how: result.how, mergedInto: null };
  return errorOutcome(attemptId, refusedRowError('merge', parseRefusal(answer.body), answer.status), []);
}
