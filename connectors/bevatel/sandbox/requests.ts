/** From HTTP requests to checked values. Everything wrong with a request is reported at once, as status 422. */
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';

import type { ApiErrorBody, Fault } from '../contact-api.ts';

/** A request that is refused with this status and body. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: ApiErrorBody;

  constructor(status: number, body: ApiErrorBody) {
    super(body.code);
    this.status = status;
    this.body = body;
  }
}

export function invalid(faults: Fault[]): Refusal {
  return new Refusal(422, { code: 'invalid', message: 'The request has faults; nothing was changed.', faults });
}

export function faultsOf(error: z.ZodError): Fault[] {
  return error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
}

export function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw invalid(faultsOf(result.error));
  return result.data;
}

/** The version in `If-Match: "<version>"`; 428 when the header is missing. */
export function ifMatch(request: FastifyRequest): number {
  const version = ifMatchAny(request);
  if (version === null) throw invalid([{ path: 'If-Match', message: 'must be "<version>"' }]);
  return version;
}

/** The same, or null for `*`, any version: a privacy deletion may go over whatever the contact holds by now. */
export function ifMatchAny(request: FastifyRequest): number | null {
  const header = request.headers['if-match'];
  if (header === undefined) throw new Refusal(428, { code: 'if_match_required' });
  if (header.trim() === '*') return null;
  const version = /^"?(\d{1,15})"?$/.exec(header)?.[1];
  if (version === undefined) throw invalid([{ path: 'If-Match', message: 'must be "<version>"' }]);
  return Number(version);
}

export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
