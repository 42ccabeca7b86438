/**
 * Batch endpoints (fact sheet §2): at most 100 inputs. When every input carries a trace id of its own, bad rows are
 * reported one by one with 207; otherwise one bad row fails the whole batch and nothing of it is applied.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { batchBody, recordBody } from './bodies.ts';
import type { AcceptedWrite } from './contacts.ts';
import { ApiFault, faultEntry, invalid, notFound } from './fault.ts';
import type { Contact, Properties } from './model.ts';
import type { ContactApi } from './object-routes.ts';
import { parsed, propertiesSchema, readable } from './object-routes.ts';

export const MAX_BATCH = 100;
const MAX_HISTORY_BATCH = 50;

const traceSchema = z.string().min(1).optional();
const inputsOf = <S extends z.ZodType>(input: S) => z.object({ inputs: z.array(input).min(1).max(MAX_BATCH) });
const createSchema = inputsOf(z.object({ properties: propertiesSchema, objectWriteTraceId: traceSchema }));
const changeSchema = inputsOf(z.object({ id: z.string(), idProperty: z.string().optional(), properties: propertiesSchema, objectWriteTraceId: traceSchema }));
const idsSchema = inputsOf(z.object({ id: z.string() }));
const readSchema = idsSchema.extend({
  idProperty: z.string().optional(), properties: z.array(z.string()).default([]), propertiesWithHistory: z.array(z.string()).default([]),
});
const archivedSchema = z.object({ archived: z.enum(['true', 'false']).default('false') });

interface BatchRow {
  readonly properties: Properties;
  readonly traceId: string | undefined;
  /** The contact that the row changes, null for a new one; throws when there is none to change. */
  readonly target: () => string | null;
}

export function registerBatchRoutes(app: FastifyInstance, prefix: string, api: ContactApi): void {
  registerBatchRead(app, prefix, api);
  const write = (path: string, endpoint: string, rowsOf: (body: unknown) => BatchRow[], upsert: boolean, status: number): void => {
    app.post(`${prefix}/batch/${path}`, { config: { endpoint } }, async (request, reply) => {
      const { results, errors } = writeRows(api, rowsOf(request.body), request, upsert);
      return reply.code(errors.length > 0 ? 207 : status).send(batchBody(results, errors, api.now()));
    });
  };
  write('create', 'contacts.batchCreate', creations, false, 201);
  write('update', 'contacts.batchUpdate', (body) => changes(api, body, false), false, 200);
  write('upsert', 'contacts.batchUpsert', (body) => changes(api, body, true), true, 200);
  app.post(`${prefix}/batch/archive`, { config: { endpoint: 'contacts.batchArchive' } }, async (request, reply) => {
    for (const { id } of parsed(idsSchema, request.body).inputs) api.contacts.archive(id, api.gate.actorOf(request));
    return reply.code(204).send();
  });
}

function registerBatchRead(app: FastifyInstance, prefix: string, api: ContactApi): void {
  app.post(`${prefix}/batch/read`, { config: { endpoint: 'contacts.batchRead' } }, async (request, reply) => {
    const body = parsed(readSchema, request.body);
    const archived = parsed(archivedSchema, request.query).archived === 'true';
    if (body.propertiesWithHistory.length > 0 && body.inputs.length > MAX_HISTORY_BATCH) {
      throw invalid(`The maximum number of inputs supported in a batch request for property histories is ${MAX_HISTORY_BATCH}. Please reduce the number of items and try again`);
    }
    const shown = { properties: body.properties, history: body.propertiesWithHistory };
    const found = new Map<string, Contact>();
    const missing: string[] = [];
    for (const { id } of body.inputs) {
      const contact = readable(api, body.idProperty, id, archived);
      if (contact) found.set(contact.id, contact);
      else missing.push(id);
    }
    const results = [...found.values()].map((contact) => recordBody(contact, shown));
    return reply.code(missing.length > 0 ? 207 : 200).send(batchBody(results, missing.length > 0 ? [missingEntry(missing)] : [], api.now()));
  });
}

function missingEntry(ids: readonly string[]): Record<string, unknown> {
  const message = 'Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.';
  return { status: 'error', category: 'OBJECT_NOT_FOUND', message, errors: [], links: {}, context: { ids } };
}

function creations(body: unknown): BatchRow[] {
  return parsed(createSchema, body).inputs.map(({ properties, objectWriteTraceId }) => ({ properties, traceId: objectWriteTraceId, target: () => null }));
}

function changes(api: ContactApi, body: unknown, upsert: boolean): BatchRow[] {
  const { inputs } = parsed(changeSchema, body);
  const keys = new Set(inputs.map(({ id, idProperty }) => `${idProperty ?? ''}\u0000${id}`));
  if (keys.size < inputs.length) throw invalid('Duplicate IDs found in batch input');
  return inputs.map(({ id, idProperty, properties, objectWriteTraceId }) => ({
    traceId: objectWriteTraceId,
    properties: upsert && idProperty !== undefined ? { ...properties, [idProperty]: id } : properties,
    target: () => {
      const contact = api.contacts.findBy(idProperty ?? 'hs_object_id', id);
      if (!contact && !(upsert && idProperty !== undefined)) throw notFound();
      return contact?.id ?? null;
    },
  }));
}

interface CheckedRow {
  readonly row: BatchRow;
  readonly id: string | null;
  readonly write: AcceptedWrite;
}

/** Applies rows one by one when all are traced, else all or none. */
function writeRows(api: ContactApi, rows: readonly BatchRow[], request: FastifyRequest, upsert: boolean): { results: unknown[]; errors: unknown[] } {
  const traces = new Set(rows.map((row) => row.traceId).filter((trace) => trace !== undefined));
  const check = (row: BatchRow, claimed?: Map<string, string>): CheckedRow => {
    const id = row.target();
    return { row, id, write: api.contacts.accept(id, row.properties, claimed) };
  };
  const apply = ({ row, id, write: accepted }: CheckedRow): unknown => {
    const actor = api.gate.actorOf(request);
    const write = { ...accepted, traceId: row.traceId };
    const contact = id === null ? api.contacts.create(write, actor) : api.contacts.update(id, write, actor);
    return {
      ...recordBody(contact, { properties: Object.keys(row.properties), history: [] }),
      ...(row.traceId === undefined ? {} : { objectWriteTraceId: row.traceId }),
      ...(upsert ? { new: id === null } : {}),
    };
  };
  if (traces.size < rows.length) {
    const claimed = new Map<string, string>();
    return { results: rows.map((row) => check(row, claimed)).map(apply), errors: [] };
  }
  const results: unknown[] = [];
  const errors: unknown[] = [];
  for (const row of rows) {
    try {
      results.push(apply(check(row)));
    } catch (error) {
      if (!(error instanceof ApiFault)) throw error;
      errors.push(faultEntry(error, row.traceId ?? ''));
    }
  }
  return { results, errors };
}
