/**
 * One HTTP call to Bevatel's contact API: place in the limiter, deadline, classification of every failure.
 *
 * Nothing is ever repeated here. A write is proven not to be applied by a connection that was refused, by 4xx, and by
 * 503 with the service's own code `unavailable` (contract); any other missing answer or 5xx leaves it unknown.
 */
import type { Dispatcher } from 'undici';
import { Agent, request } from 'undici';
import { z } from 'zod';
import type { ErrorCode } from '../../schemas/errors.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import type { CallOptions, ConnectorContext } from '../connector.ts';
import type { Refusal } from './answers.ts';
import { NO_REFUSAL, zRefusal } from './answers.ts';

export interface BevatelCall<T> {
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** `If-Match`. */
  readonly ifMatch?: string;
  readonly isWrite: boolean;
  /** Refusals that are handed back as answers: their body tells what became of the one record. */
  readonly takes?: readonly number[];
  readonly answer: z.ZodType<T>;
}

export interface BevatelClient {
  call<T>(call: BevatelCall<T>, options: CallOptions): Promise<T>;
}

export interface BevatelClientOptions {
  readonly baseUrl: string;
  readonly key: string;
  readonly timeoutMs: number;
  readonly context: Pick<ConnectorContext, 'limiter' | 'clock' | 'onCall'>;
}

/** The limiter's name for every call. */
export const CALL_KIND = 'calls';

const CONNECTIONS = 20;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);
const NOT_APPLIED = 'unavailable';

/** Of whole calls; single records are answered within a batch. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthorised', 403: 'missing_scope', 422: 'value_rejected', 429: 'rate_limited',
};

type Sent = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'> & { readonly text: string };
type AnyCall = BevatelCall<unknown>;

export function createBevatelClient(options: BevatelClientOptions): BevatelClient {
  const dispatcher = new Agent({ connections: CONNECTIONS, maxResponseSize: MAX_ANSWER_BYTES });
  const { limiter, clock, onCall } = options.context;
  return {
    call: async (made, callOptions) => {
      await limiter.take(CALL_KIND, callOptions);
      const startedMs = clock();
      let outcome = '2xx';
      try {
        const sent = await send(options, dispatcher, made, callOptions);
        outcome = sent.statusCode === 429 ? '429' : `${Math.floor(sent.statusCode / 100)}xx`;
        if (sent.statusCode >= 300 && made.takes?.includes(sent.statusCode) !== true) throw refuse(options, made, sent);
        return parseAnswer(made, sent);
      } catch (error) {
        if (isSyncError(error)) throw error;
        const failure = classifyFailure(made, error);
        outcome = failure.code;
        throw failure;
      } finally {
        onCall(made.operation, outcome, clock() - startedMs);
      }
    },
  };
}

async function send(options: BevatelClientOptions, dispatcher: Dispatcher, call: AnyCall, { signal }: CallOptions): Promise<Sent> {
  if (signal.aborted) throw new SyncError('system_timeout', `${call.operation} was not sent: its time was over`, { operation: call.operation });
  const url = new URL(`${options.baseUrl.replace(/\/+$/, '')}/v1${call.path}`);
  for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
  const { statusCode, headers, body } = await request(url, {
    method: call.method, dispatcher,
    signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]),
    headers: {
      authorization: `Bearer ${options.key}`, accept: 'application/json',
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(call.ifMatch === undefined ? {} : { 'if-match': call.ifMatch }),
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  });
  return { statusCode, headers, text: await body.text() };
}

/** An answer that cannot be read leaves a write unknown: it may well be applied. */
function parseAnswer<T>(call: BevatelCall<T>, sent: Sent): T {
  const parsed = call.answer.safeParse(jsonOf(sent.text));
  if (parsed.success) return parsed.data;
  const paths = parsed.error.issues.map((issue) => issue.path.join('.') || '(body)').slice(0, 5).join(', ');
  throw new SyncError(call.isWrite ? 'write_unanswered' : 'unexpected_answer', `Bevatel's answer to ${call.operation} does not fit the contract: ${paths}`, {
    status: sent.statusCode, operation: call.operation,
  });
}

function refuse({ context }: BevatelClientOptions, call: AnyCall, sent: Sent): SyncError {
  const refusal = refusalOf(sent);
  const { statusCode: status } = sent;
  const pauseMs = retryAfterMs(sent.headers, context.clock());
  if (pauseMs !== undefined && (status === 429 || status === 503)) context.limiter.feedback(CALL_KIND, { pauseMs });
  const proven = !call.isWrite || (status === 503 && refusal.code === NOT_APPLIED);
  const failed = proven ? 'system_unavailable' : 'write_unanswered';
  const code = CODE_OF_STATUS[status] ?? (status >= 500 ? failed : 'unexpected_answer');
  return new SyncError(code, `Bevatel answered ${status} to ${call.operation}${refusal.code === '' ? '' : ` (${refusal.code})`}`, {
    status, operation: call.operation, faults: refusal.faults,
    ...(pauseMs === undefined ? {} : { retryAfterMs: pauseMs }),
    ...correlation(sent.headers),
  });
}

function refusalOf(sent: Sent): Refusal {
  const parsed = z.object({ error: zRefusal }).safeParse(jsonOf(sent.text));
  return parsed.success ? parsed.data.error : NO_REFUSAL;
}

function classifyFailure(call: AnyCall, error: unknown): SyncError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : 'unknown';
  const facts = { operation: call.operation, cause: error };
  if (NEVER_SENT.has(code)) return new SyncError('system_unavailable', `Bevatel cannot be reached (${code})`, facts);
  if (call.isWrite) return new SyncError('write_unanswered', `${call.operation} got no answer (${code})`, facts);
  const timedOut = error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError' || code.endsWith('_TIMEOUT'));
  return new SyncError(timedOut ? 'system_timeout' : 'system_unavailable', `${call.operation} got no answer (${code})`, facts);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Retry-After in seconds or as a date, in milliseconds from now. */
function retryAfterMs(headers: Sent['headers'], nowMs: number): number | undefined {
  const told = headers['retry-after'];
  if (typeof told !== 'string') return undefined;
  const waitMs = /^\d+$/.test(told) ? Number(told) * 1_000 : Date.parse(told) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

function correlation(headers: Sent['headers']): { correlationId?: string } {
  const id = headers['x-request-id'];
  return typeof id === 'string' ? { correlationId: id } : {};
}
