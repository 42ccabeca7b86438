/**
 * The log: one JSON object per line, built from an allow-list, so that no secret and nothing personal reaches it (I11).
 *
 * What may be logged are ids, codes, counts, times and names of our own parts. An error appears by its code, message
 * and operation; its cause only by name and code, because foreign messages may quote data.
 */
import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import { isSyncError } from '../schemas/errors.ts';

export type Logger = PinoLogger;
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** Defaults to standard output. */
  readonly destination?: DestinationStream;
}

/** Keys that never appear, however an object got into a line; the allow-list proper is what callers pass. */
const REDACTED = ['authorization', 'password', 'token', 'secret', 'apiKey', 'key', 'value', 'values', 'image', 'body', 'email', 'phone', 'phone_number', 'bytes'];

function codeOf(error: object): string | undefined {
  return 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? String(error.code) : undefined;
}

/** A frame's place in the code, without the message line, which may quote data. */
function placesOf(error: Error): string | undefined {
  return error.stack?.split('\n').filter((line) => line.startsWith('    at ')).slice(0, 6).map((line) => line.trim()).join(' < ');
}

/** Marks what `describeError` made, so that a description stays what it is when it is logged as `err`. */
const DESCRIBED = Symbol('described');

/** What of an error may be logged. Messages of our own errors only: they are written to hold no data. */
export function describeError(error: unknown): Record<string, unknown> {
  if (typeof error === 'object' && error !== null && DESCRIBED in error) return error as Record<string, unknown>;
  return { ...factsOf(error), [DESCRIBED]: true };
}

function factsOf(error: unknown): Record<string, unknown> {
  if (isSyncError(error)) {
    const { status, correlationId, operation, retryAfterMs, cause } = error.facts;
    return { code: error.code, message: error.message, status, correlationId, operation, retryAfterMs, ...(cause === undefined ? {} : { cause: factsOf(cause) }) };
  }
  if (error instanceof Error) return { name: error.name, code: codeOf(error), at: placesOf(error) };
  return { name: typeof error };
}

export function createLogger({ service, level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { service },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError, error: describeError },
    redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
