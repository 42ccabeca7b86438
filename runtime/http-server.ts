/**
 * The HTTP server that every role has: /health/live, /health/ready, /metrics, and the role's own routes.
 *
 * - Bodies are bounded; schemas are zod; every error answers `{error: {code, message, advice}}` with the status of its
 *   code. An unforeseen one is logged and answered as 500 without a word about it.
 * - It listens on loopback unless told otherwise. Metrics hold ids, so whoever opens the host must close the door.
 */
import fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Registry } from 'prom-client';
import type { ErrorCode } from '../schemas/errors.ts';
import { SyncError, isSyncError } from '../schemas/errors.ts';
import { readiness } from './health.ts';
import type { Check } from './health.ts';
import type { Logger } from './logger.ts';

export interface HttpServerOptions {
  readonly logger: Logger;
  readonly metrics: Registry;
  /** What must answer before the role is ready. */
  readonly checks: Readonly<Record<string, Check>>;
  /** Largest body (bytes, default 1 MiB). */
  readonly bodyLimit?: number;
  /** Longest time for one request to arrive (ms). */
  readonly requestTimeoutMs?: number;
}

export type HttpServer = FastifyInstance;
export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly advice: string;
    readonly faults?: readonly { readonly path: string; readonly message: string }[];
  };
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  unauthenticated: 401, not_found: 404, state_moved: 409, not_restorable: 409, change_malformed: 422, webhook_malformed: 400,
  configuration_invalid: 422, configuration_missing: 422, value_invalid: 422, record_invalid: 422, rate_limited: 429,
};

/** Errors that are passing answer 503, so that a sender tries again. */
export function statusOf(error: SyncError): number {
  return STATUS[error.code] ?? (error.class === 'retry' ? 503 : 500);
}

export function errorBody(error: SyncError): ErrorBody {
  const { faults } = error.facts;
  return { error: { code: error.code, message: error.message, advice: error.advice, ...(faults ? { faults } : {}) } };
}

function plainBody(code: string, message: string, advice: string): ErrorBody {
  return { error: { code, message, advice } };
}

/** What fastify itself refuses before a route sees it. */
function refusedByServer(error: FastifyError): { readonly status: number; readonly body: ErrorBody } | undefined {
  const status = error.statusCode ?? 500;
  if (status === 413) return { status, body: plainBody('body_too_large', 'the body is larger than accepted', 'Send smaller batches.') };
  if (status === 415) return { status, body: plainBody('media_type_unknown', 'the content type is not accepted', 'Send JSON as application/json.') };
  if (status >= 400 && status < 500) return { status, body: plainBody('request_malformed', 'the request cannot be read', 'Correct the request; the API document says what is expected.') };
  return undefined;
}

function answerError(error: FastifyError, reply: FastifyReply, logger: Logger): FastifyReply {
  if (isSyncError(error)) return reply.code(statusOf(error)).send(errorBody(error));
  if (hasZodFastifySchemaValidationErrors(error)) {
    const faults = error.validation.map((fault) => ({ path: fault.instancePath.replace(/^\//, '').replaceAll('/', '.'), message: fault.message ?? 'is not valid' }));
    return reply.code(422).send(errorBody(new SyncError('change_malformed', 'the request does not fit the contract', { faults })));
  }
  const refused = refusedByServer(error);
  if (refused) return reply.code(refused.status).send(refused.body);
  logger.error({ err: error, operation: `${reply.request.method} ${reply.request.routeOptions.url ?? ''}` }, 'a request failed unforeseen');
  return reply.code(500).send(plainBody('unforeseen', 'the request failed', 'Nothing is known about this failure; find its line in the log by the time.'));
}

function addCommonRoutes(server: FastifyInstance, { metrics, checks }: HttpServerOptions): void {
  server.get('/health/live', () => ({ live: true }));
  server.get('/health/ready', async (_request, reply) => {
    const result = await readiness(checks);
    return reply.code(result.ready ? 200 : 503).send(result);
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const server = fastify({
    logger: false, bodyLimit: options.bodyLimit ?? 1_048_576, requestTimeout: options.requestTimeoutMs ?? 30_000,
    forceCloseConnections: 'idle', return503OnClosing: true, routerOptions: { maxParamLength: 200 },
  });
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  server.setErrorHandler((error: FastifyError, _request, reply) => answerError(error, reply, options.logger));
  server.setNotFoundHandler((_request, reply) => reply.code(404).send(plainBody('unknown_path', 'there is nothing here', 'The API document lists the paths.')));
  addCommonRoutes(server, options);
  return server;
}

/** Listens and tells where; port 0 chooses a free one. */
export async function listen(server: HttpServer, { host = '127.0.0.1', port }: { readonly host?: string; readonly port: number }): Promise<string> {
  return server.listen({ host, port });
}
