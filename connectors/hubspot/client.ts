/**
 * One HTTP call to HubSpot: place in the limiter, deadline, classification of every failure, feedback from the headers.
 * Nothing is ever repeated here. Only a connection that was refused proves that a write was not sent.
 */
import type { Dispatcher } from 'undici';
import { Agent, request } from 'undici';
import type { CallOptions, ConnectorContext } from '../connector.ts';
import { isSyncError, SyncError } from '../../schemas/errors.ts';
import type { CallKind } from './limits.ts';
import { pauseOfPolicy } from './limits.ts';
import { parseRefusal, refusedCallError } from './refusal.ts';

export interface HubSpotCall {
  readonly operation: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly kind: CallKind;
  readonly isWrite: boolean;
  /** Hands 400, 404 and 409 back as answers: the caller reads out of the body which record is meant. */
  readonly takesRefusals?: boolean;
}

export interface HubSpotAnswer {
  readonly status: number;
  readonly body: unknown;
  /** HubSpot's clock (epoch ms, whole seconds) when it answered, less the time that the call took; ours if it did not tell. */
  readonly serverTimeMs: number;
}

export interface HubSpotClient {
  call(call: HubSpotCall, options: CallOptions): Promise<HubSpotAnswer>;
}

export interface HubSpotClientOptions {
  readonly baseUrl: string;
  readonly token: string;
  readonly timeoutMs: number;
  /** IANA name of the account's time zone, for the end of the daily limit. */
  readonly timeZone: string | undefined;
  readonly context: Pick<ConnectorContext, 'limiter' | 'clock' | 'onCall'>;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);
const HEADER = {
  remaining: 'x-hubspot-ratelimit-remaining', interval: 'x-hubspot-ratelimit-interval-milliseconds', daily: 'x-hubspot-ratelimit-daily-remaining',
} as const;

type Headers = Dispatcher.ResponseData['headers'];

export function createHubSpotClient(options: HubSpotClientOptions): HubSpotClient {
  const dispatcher = new Agent({ connections: 20, maxResponseSize: MAX_ANSWER_BYTES });
  const { limiter, clock, onCall } = options.context;
  const call = async (made: HubSpotCall, callOptions: CallOptions): Promise<HubSpotAnswer> => {
    await limiter.take(made.kind, callOptions);
    const startedMs = clock();
    let outcome = '2xx';
    try {
      const { statusCode, headers, body } = await send(options, dispatcher, made, callOptions);
      outcome = statusCode === 429 ? '429' : `${Math.floor(statusCode / 100)}xx`;
      const isTaken = made.takesRefusals === true && (statusCode === 400 || statusCode === 404 || statusCode === 409);
      if (statusCode >= 300 && !isTaken) throw refuse(options, made, statusCode, headers, body);
      tellRemaining(options, made.kind, headers);
      return { status: statusCode, body, serverTimeMs: serverTime(headers, startedMs, clock()) };
    } catch (error) {
      if (isSyncError(error)) throw error;
      const failure = classifyFailure(made, error);
      outcome = failure.code;
      throw failure;
    } finally {
      onCall(made.operation, outcome, clock() - startedMs);
    }
  };
  return { call };
}

/** Sends and reads the whole answer; an unreadable body of a refusal is an empty one. */
async function send(options: HubSpotClientOptions, dispatcher: Dispatcher, call: HubSpotCall, { signal }: CallOptions): Promise<{ statusCode: number; headers: Headers; body: unknown }> {
  if (signal.aborted) throw new SyncError('system_timeout', `${call.operation} was not sent: its time was over`, { operation: call.operation });
  const url = new URL(call.path, options.baseUrl);
  for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
  const answer = await request(url, {
    method: call.method, dispatcher,
    signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]),
    headers: { authorization: `Bearer ${options.token}`, accept: 'application/json', ...(call.body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  });
  const text = await answer.body.text();
  return { statusCode: answer.statusCode, headers: answer.headers, body: jsonOr(text, answer.statusCode >= 300 ? {} : undefined) };
}

/** JSON, or the fallback for text that is none; undefined has no documented shape and fails at the parser behind. */
function jsonOr(text: string, fallback: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fallback;
  }
}

function refuse(options: HubSpotClientOptions, call: HubSpotCall, status: number, headers: Headers, body: unknown): SyncError {
  const refusal = parseRefusal(body);
  const nowMs = options.context.clock();
  const told = retryAfterMs(headers, nowMs);
  const pauseMs = status === 429 ? told ?? pauseOfPolicy(refusal.policyName, { nowMs, timeZone: options.timeZone, kind: call.kind }) : told;
  if (pauseMs !== undefined && (status === 429 || status === 477)) options.context.limiter.feedback(call.kind, { pauseMs });
  return refusedCallError({ operation: call.operation, isWrite: call.isWrite, status, refusal, retryAfterMs: pauseMs });
}

function classifyFailure(call: HubSpotCall, error: unknown): SyncError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : 'unknown';
  const facts = { operation: call.operation };
  if (NEVER_SENT.has(code)) return new SyncError('system_unavailable', `HubSpot cannot be reached (${code})`, facts);
  if (call.isWrite) return new SyncError('write_unanswered', `${call.operation} got no answer (${code})`, facts);
  const isTimeout = code === 'TimeoutError' || code === 'AbortError' || code === 'UND_ERR_ABORTED' || code.endsWith('_TIMEOUT') || code === '23' || code === '20';
  return new SyncError(isTimeout ? 'system_timeout' : 'system_unavailable', `${call.operation} got no answer (${code})`, facts);
}

function tellRemaining(options: HubSpotClientOptions, kind: CallKind, headers: Headers): void {
  const remaining = numberOf(headers[HEADER.remaining]);
  const resetMs = numberOf(headers[HEADER.interval]);
  const dailyRemaining = numberOf(headers[HEADER.daily]);
  if (remaining === undefined && dailyRemaining === undefined) return;
  options.context.limiter.feedback(kind, {
    ...(remaining === undefined ? {} : { remaining }),
    ...(resetMs === undefined ? {} : { resetMs }),
    ...(dailyRemaining === undefined ? {} : { dailyRemaining }),
  });
}

/** Retry-After in seconds or as a date, in milliseconds from now. */
function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const told = headers['retry-after'];
  if (typeof told !== 'string') return undefined;
  const waitMs = /^\d+$/.test(told) ? Number(told) * 1_000 : Date.parse(told) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

function serverTime(headers: Headers, startedMs: number, endedMs: number): number {
  const told = typeof headers['date'] === 'string' ? Date.parse(headers['date']) : Number.NaN;
  return Number.isNaN(told) ? startedMs : told - (endedMs - startedMs);
}

function numberOf(header: Headers[string]): number | undefined {
  return typeof header === 'string' && /^\d+$/.test(header) ? Number(header) : undefined;
}
