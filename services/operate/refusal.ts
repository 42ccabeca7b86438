/** How an error is answered: status and body by its code; what is not ours is told as `internal`, without its words (I11). */
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { ApiError } from '../../schemas/api.ts';
import { isSyncError } from '../../schemas/errors.ts';
import type { ErrorCode } from '../../schemas/errors.ts';
import { StateMoved } from './resolve-conflict.ts';

export interface Refusal {
  readonly status: number;
  readonly body: ApiError;
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  not_found: 404, state_moved: 409, unauthenticated: 401, change_malformed: 400, configuration_invalid: 422, configuration_missing: 422,
};

export function refusalOf(error: unknown): Refusal {
  if (hasZodFastifySchemaValidationErrors(error)) return malformed(error.validation.map(({ instancePath, message }) => ({ path: instancePath.replace(/^\//, '').replaceAll('/', '.'), message: message ?? 'is invalid' })));
  if (isSyncError(error)) {
    return {
      status: STATUS[error.code] ?? (error.class === 'retry' ? 503 : 502),
      body: {
        code: error.code, message: error.message, advice: error.advice,
        ...(error.facts.faults ? { faults: [...error.facts.faults] } : {}),
        ...(error instanceof StateMoved ? { changed: error.changed } : {}),
      },
    };
  }
  const status = statusOf(error);
  if (status !== null && status < 500) return { ...malformed([]), status };
  return { status: 500, body: { code: 'internal', message: 'the request failed inside the service', advice: 'See the log of operate at this time; report it.' } };
}

function malformed(faults: NonNullable<ApiError['faults']>): Refusal {
  return { status: 400, body: { code: 'change_malformed', message: 'the request does not fit the contract', advice: 'Correct the faults that are named and send it again.', faults } };
}

/** What the HTTP library refuses by itself: an oversized or malformed body, an unsupported media type. */
function statusOf(error: unknown): number | null {
  return typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : null;
}
