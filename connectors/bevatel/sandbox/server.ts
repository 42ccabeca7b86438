/**
 * A stand-in for Bevatel's contact service: the API of `docs/bevatel-contract.md` over a Postgres database of its
 * own, whose table `contacts` change data capture reads. Several tenants; the Bearer key decides which one a caller
 * sees. It can be made to fail (`control.fault`) and counts its calls (`control.counters`).
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import Fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Pool } from 'pg';

import { openPool } from './database.ts';
import type { Answer, EndpointDefinition } from './endpoints.ts';
import { ENDPOINT_DEFINITIONS } from './endpoints.ts';
import type { Counters, Endpoint, Fault, FaultKind } from './faults.ts';
import { FaultPlan, newCounters } from './faults.ts';
import { newContactId } from './ids.ts';
import { Refusal, header } from './requests.ts';
import { createSandboxSchema } from './schema-sql.ts';
import type { SeedContact } from './seed.ts';
import { seedContacts } from './seed.ts';
import type { Writer } from './write-contacts.ts';

export interface SandboxKey {
  key: string;
  tenantId: string;
  /** Names the caller: edits without `X-Actor` are by `app:<name>`. */
  name: string;
}

export interface BevatelSandboxOptions {
  /** A database of the sandbox's own (see `createSandboxDatabase`); tables are created as needed. */
  databaseUrl: string;
  keys: readonly SandboxKey[];
  /** Default 0: a free port on 127.0.0.1. */
  port?: number;
  /** Shifts the clock behind `created_at` and `updated_at`. Default 0. */
  clockSkewMs?: number;
  /** Database connections. Default 8. */
  connections?: number;
  newId?: () => string;
  /** Told of every call when its effect, if it has one, has come about. */
  onExchange?: (exchange: Exchange) => void;
}

/** A call and what became of it, whatever its caller hears of that. */
export interface Exchange {
  endpoint: Endpoint;
  /** As `updated_by` would name them. */
  actor: string;
  /** Epoch ms. */
  arrivedAt: number;
  body: unknown;
  /** Null: the call was cut before anything was applied, or nobody knows whether it was. */
  answer: Answer | null;
  /** The injected fault that hit it. */
  fault: FaultKind['kind'] | null;
}

export interface BevatelSandboxControl {
  /** Plans a fault; the function returned removes it. */
  fault(fault: Fault): () => void;
  clearFaults(): void;
  /** A copy of the counters since the start or the last reset. */
  counters(): Counters;
  resetCounters(): void;
  /** Inserts contacts past the API; returns their ids in order. */
  seed(tenantId: string, contacts: readonly SeedContact[]): Promise<string[]>;
  /** Runs plain SQL on the sandbox's database, as somebody with access to Bevatel's tables would. */
  sql<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

export interface BevatelSandbox {
  /** Base URL without a trailing slash; the API is under `/v1`. */
  url: string;
  control: BevatelSandboxControl;
  /** Cuts held connections, closes the server and the pool. The database stays. */
  stop(): Promise<void>;
}

const BODY_LIMIT_BYTES = 16 * 1024 * 1024;

interface State {
  pool: Pool;
  keys: Map<string, SandboxKey>;
  newId: () => string;
  faults: FaultPlan;
  counters: Counters;
  onExchange: (exchange: Exchange) => void;
  stopping: AbortController;
}

export async function startBevatelSandbox(options: BevatelSandboxOptions): Promise<BevatelSandbox> {
  const pool = openPool(options.databaseUrl, {
    clockSkewMs: options.clockSkewMs ?? 0,
    connections: options.connections ?? 8,
  });
  pool.on('error', () => undefined); // an idle connection died: the next query opens another one
  pool.on('connect', (client) => { client.on('error', () => undefined); }); // one in use died: its next query rejects with it
  const state: State = {
    pool,
    keys: new Map(options.keys.map((entry) => [digest(entry.key), entry])),
    newId: options.newId ?? (() => newContactId()),
    faults: new FaultPlan(),
    counters: newCounters(),
    onExchange: options.onExchange ?? (() => undefined),
    stopping: new AbortController(),
  };
  try {
    await createSandboxSchema(pool);
    const app = buildServer(state);
    const url = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
    return { url, control: controlOf(state), stop: () => stop(state, app) };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

async function stop(state: State, app: FastifyInstance): Promise<void> {
  state.stopping.abort();
  state.faults.clear();
  await app.close();
  if (!state.pool.ending) await state.pool.end();
}

function controlOf(state: State): BevatelSandboxControl {
  return {
    fault: (fault) => state.faults.add(fault),
    clearFaults: () => state.faults.clear(),
    counters: () => structuredClone(state.counters),
    resetCounters: () => {
      state.counters = newCounters();
    },
    seed: (tenantId, contacts) => seedContacts(state.pool, tenantId, contacts, state.newId),
    sql: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      (await state.pool.query<Row>(text, [...values])).rows,
  };
}

function buildServer(state: State): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    requestIdHeader: 'x-request-id',
    routerOptions: { maxParamLength: 1_000 },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: { code: 'no_such_endpoint' } }));
  app.setErrorHandler(sendError);
  for (const definition of ENDPOINT_DEFINITIONS) {
    app.route({
      method: definition.method,
      url: definition.path,
      onRequest: async (request) => void authenticate(state, request),
      handler: (request, reply) => serve(state, definition, request, reply),
    });
  }
  return app;
}

function sendError(error: FastifyError | Refusal, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof Refusal) return reply.code(error.status).send({ error: error.body });
  const status = error.statusCode ?? 500;
  return reply.code(status).send({ error: { code: status < 500 ? 'bad_request' : 'internal', message: error.code } });
}

function authenticate(state: State, request: FastifyRequest): SandboxKey {
  const [scheme, key] = (request.headers.authorization ?? '').split(' ');
  const known = scheme === 'Bearer' && key !== undefined ? state.keys.get(digest(key)) : undefined;
  if (known === undefined) throw new Refusal(401, { code: 'unauthorized' });
  return known;
}

/** Counts the request, lets the planned fault happen, answers. */
async function serve(
  state: State,
  definition: EndpointDefinition,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const counters = state.counters[definition.endpoint];
  counters.calls += 1;
  counters.items += itemsIn(request.body);
  const arrivedAt = Date.now();
  const planned = state.faults.take(definition.endpoint);
  const tell = (answer: Answer | null): void => state.onExchange({
    endpoint: definition.endpoint, actor: actorOf(state, request), arrivedAt, body: request.body, answer, fault: planned?.fault.kind ?? null,
  });
  const before = planned === undefined ? 'go' : await faultBefore(state, planned);
  if (before === 'cut') {
    tell(null);
    return cut(request, reply);
  }
  const answer = before === 'go' ? await answerOf(state, definition, request).catch((error: unknown) => { tell(null); throw error; }) : before;
  tell(answer);
  counters.statuses[answer.status] = (counters.statuses[answer.status] ?? 0) + 1;
  if (planned?.fault.kind === 'dropAnswer') return cut(request, reply);
  if (planned?.fault.kind === 'delayAnswer') await pause(state, planned.fault.ms);
  return reply.code(answer.status).headers(answer.headers ?? {}).send(answer.body);
}

async function answerOf(state: State, definition: EndpointDefinition, request: FastifyRequest): Promise<Answer> {
  const caller = authenticate(state, request);
  const writer: Writer = { pool: state.pool, tenantId: caller.tenantId, actor: actorOf(state, request), newId: state.newId };
  try {
    return await definition.handle(request, writer);
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, body: { error: error.body } };
    throw error;
  }
}

function actorOf(state: State, request: FastifyRequest): string {
  return header(request, 'x-actor') ?? `app:${authenticate(state, request).name}`;
}

async function faultBefore(
  state: State,
  { fault, released }: { fault: Fault; released: Promise<void> },
): Promise<'go' | 'cut' | Answer> {
  if (fault.kind === 'cut') return 'cut';
  if (fault.kind === 'hang') return released.then(() => 'cut' as const);
  if (fault.kind === 'delay') return (await pause(state, fault.ms)) ? 'go' : 'cut';
  if (fault.kind !== 'status') return 'go';
  const wait = fault.retryAfterSeconds;
  return {
    status: fault.status,
    body: { error: { code: fault.status === 429 ? 'rate_limited' : 'unavailable' } },
    ...(wait === undefined ? {} : { headers: { 'retry-after': String(wait) } }),
  };
}

/** False when the sandbox stopped meanwhile. */
async function pause(state: State, ms: number): Promise<boolean> {
  return sleep(ms, true, { signal: state.stopping.signal }).catch(() => false);
}

function cut(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.hijack();
  request.raw.socket.destroy();
  return reply;
}

function itemsIn(body: unknown): number {
  if (typeof body !== 'object' || body === null) return 0;
  const { items, ids } = body as { items?: unknown; ids?: unknown };
  if (Array.isArray(items)) return items.length;
  return Array.isArray(ids) ? ids.length : 1;
}

function digest(key: string): string {
  return createHash('sha256').update(key).digest('base64');
}
