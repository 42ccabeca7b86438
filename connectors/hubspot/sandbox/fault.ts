/**
 * HubSpot's error bodies (fact sheet §2 "Error body"): `{status, message, correlationId, category, errors?, context?}`.
 * A refusal inside the sandbox is thrown as ApiFault and becomes either the answer or one entry of a 207.
 */
import { randomUUID } from 'node:crypto';

export interface FaultDetail {
  readonly message: string;
  readonly code: string;
  readonly context?: Readonly<Record<string, readonly string[]>>;
}

export class ApiFault extends Error {
  readonly status: number;
  readonly category: string;
  readonly details: readonly FaultDetail[];
  readonly context: Readonly<Record<string, readonly string[]>>;

  constructor(status: number, category: string, message: string, extra: {
    readonly details?: readonly FaultDetail[];
    readonly context?: Readonly<Record<string, readonly string[]>>;
  } = {}) {
    super(message);
    this.status = status;
    this.category = category;
    this.details = extra.details ?? [];
    this.context = extra.context ?? {};
  }
}

/** The body of an answer that refuses the whole request. */
export function faultBody(fault: ApiFault): Record<string, unknown> {
  return {
    status: 'error',
    message: fault.message,
    correlationId: randomUUID(),
    category: fault.category,
    ...(fault.details.length > 0 ? { errors: fault.details } : {}),
    ...(Object.keys(fault.context).length > 0 ? { context: fault.context } : {}),
  };
}

/** One entry of `errors` in a 207 answer, bound to its input by the trace id. */
export function faultEntry(fault: ApiFault, traceId: string): Record<string, unknown> {
  return {
    status: 'error',
    category: fault.category,
    message: fault.message,
    errors: fault.details,
    links: {},
    context: { ...fault.context, objectWriteTraceId: [traceId] },
  };
}

export const notFound = (): ApiFault => new ApiFault(404, 'OBJECT_NOT_FOUND', 'resource not found');

export const invalid = (message: string, details: readonly FaultDetail[] = []): ApiFault =>
  new ApiFault(400, 'VALIDATION_ERROR', message, { details });

/** The existing id stands only in the message (fact sheet §2). */
export const emailTaken = (existingId: string): ApiFault =>
  new ApiFault(409, 'CONFLICT', `Contact already exists. Existing ID: ${existingId}`);

/** A value of a custom unique property is taken; here too the existing id stands only in the message. */
export const uniqueValueTaken = (property: string, existingId: string): ApiFault =>
  new ApiFault(409, 'CONFLICT', `Cannot set ${property}: value must be unique. ${existingId} already has that value. Existing ID: ${existingId}`);
