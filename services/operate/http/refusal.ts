/** What the operator's refusals tell beyond those of every role (runtime/http-server.ts): what has moved meanwhile. */
import { errorBody } from '../../../runtime/http-server.ts';
import type { ApiError } from '../../../schemas/api.ts';
import { isSyncError } from '../../../schemas/errors.ts';
import { StateMoved } from '../conflicts/resolve-conflict.ts';

/** An error that is not ours is told as `unforeseen`, without its words (I11). */
export function apiErrorOf(error: unknown): ApiError {
  if (!isSyncError(error)) return { code: 'unforeseen', message: 'it failed inside the service', advice: 'Find the line in the log of operate by the time.' };
  const { faults, ...told } = errorBody(error).error;
  return { ...told, ...(faults ? { faults: [...faults] } : {}), ...(error instanceof StateMoved ? { changed: error.changed } : {}) };
}
