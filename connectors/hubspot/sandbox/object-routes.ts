/** Single-record endpoints of the contacts API (fact sheet §2): list, read, create, update, archive, merge, erase, search. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { recordBody } from './bodies.ts';
import type { ContactTable } from './contacts.ts';
import { invalid, notFound } from './fault.ts';
import type { Gate } from './gate.ts';
import type { Contact } from './model.ts';
import type { SearchIndex } from './search.ts';
import { searchRequestSchema } from './search.ts';

export interface ContactApi {
  readonly contacts: ContactTable;
  readonly index: SearchIndex;
  readonly gate: Gate;
  readonly now: () => number;
  /** Whether the next merge mints a third id. */
  readonly mergeMintsId: () => boolean;
  /** Whether a read of a merged-away id answers with the survivor instead of 404. */
  readonly mergedReadsShowSurvivor: () => boolean;
}

const MAX_LIST_PAGE = 100;
const MAX_HISTORY_PAGE = 50;

/** Query lists come as `a,b` or as repeated parameters. */
const namesSchema = z.union([z.string(), z.array(z.string())]).default([])
  .transform((given) => [given].flat().flatMap((part) => part.split(',')).filter((name) => name !== ''));
const flagSchema = z.enum(['true', 'false']).default('false').transform((flag) => flag === 'true');
const shownSchema = z.object({ properties: namesSchema, propertiesWithHistory: namesSchema, archived: flagSchema, idProperty: z.string().optional() });
const listSchema = shownSchema.extend({ limit: z.coerce.number().int().min(1).max(MAX_LIST_PAGE).default(10), after: z.coerce.number().int().min(0).default(0) });
const idSchema = z.object({ contactId: z.string() });
export const propertiesSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).nullable()
  .transform((value) => (value === null ? null : String(value))));
const writeSchema = z.object({ properties: propertiesSchema });
const mergeSchema = z.object({ primaryObjectId: z.string(), objectIdToMerge: z.string() });
const eraseSchema = z.object({ objectId: z.string(), idProperty: z.string().optional() });

/** Parses input of a call; faults become one 400. */
export function parsed<S extends z.ZodType>(schema: S, input: unknown): z.infer<S> {
  const outcome = schema.safeParse(input);
  if (!outcome.success) throw invalid(`Invalid input JSON or parameters: ${z.prettifyError(outcome.error)}`);
  return outcome.data;
}

/** The live contact behind an id, or the survivor where the option says so. */
export function readable(api: ContactApi, idProperty: string | undefined, id: string, archived: boolean): Contact | undefined {
  const contact = api.contacts.findBy(idProperty ?? 'hs_object_id', id, archived);
  return contact ?? (idProperty === undefined && api.mergedReadsShowSurvivor() ? api.contacts.survivorOf(id) : undefined);
}

export function registerObjectRoutes(app: FastifyInstance, prefix: string, api: ContactApi): void {
  registerReads(app, prefix, api);
  registerWrites(app, prefix, api);
}

function registerReads(app: FastifyInstance, prefix: string, api: ContactApi): void {
  app.get(prefix, { config: { endpoint: 'contacts.list' } }, async (request) => {
    const query = parsed(listSchema, request.query);
    const withHistory = query.propertiesWithHistory.length > 0;
    if (withHistory && query.limit > MAX_HISTORY_PAGE) throw invalid(`limit is at most ${MAX_HISTORY_PAGE} with propertiesWithHistory`);
    const { contacts, more } = api.contacts.page(query.after, query.limit, query.archived);
    const shown = { properties: query.properties, history: query.propertiesWithHistory };
    const results = contacts.map((contact) => recordBody(contact, shown));
    return { results, ...(more ? { paging: { next: { after: contacts.at(-1)?.id, link: '' } } } : {}) };
  });
  app.get(`${prefix}/:contactId`, { config: { endpoint: 'contacts.read' } }, async (request) => {
    const query = parsed(shownSchema, request.query);
    const contact = readable(api, query.idProperty, parsed(idSchema, request.params).contactId, query.archived);
    if (!contact) throw notFound();
    return recordBody(contact, { properties: query.properties, history: query.propertiesWithHistory });
  });
  app.post(`${prefix}/search`, { config: { endpoint: 'contacts.search' } }, async (request) => {
    const search = parsed(searchRequestSchema, request.body);
    const page = api.index.search(search);
    const results = page.contacts.map((contact) => recordBody(contact, { properties: search.properties, history: [] }));
    return { total: page.total, results, ...(page.nextAfter === null ? {} : { paging: { next: { after: page.nextAfter } } }) };
  });
}

function registerWrites(app: FastifyInstance, prefix: string, api: ContactApi): void {
  const { contacts, gate } = api;
  app.post(prefix, { config: { endpoint: 'contacts.create' } }, async (request, reply) => {
    const { properties } = parsed(writeSchema, request.body);
    const contact = contacts.create(contacts.accept(null, properties), gate.actorOf(request));
    return reply.code(201).send(recordBody(contact, { properties: Object.keys(properties), history: [] }));
  });
  app.patch(`${prefix}/:contactId`, { config: { endpoint: 'contacts.update' } }, async (request) => {
    const { properties } = parsed(writeSchema, request.body);
    const { idProperty } = parsed(shownSchema, request.query);
    const target = contacts.findBy(idProperty ?? 'hs_object_id', parsed(idSchema, request.params).contactId);
    if (!target) throw notFound();
    const contact = contacts.update(target.id, contacts.accept(target.id, properties), gate.actorOf(request));
    return recordBody(contact, { properties: Object.keys(properties), history: [] });
  });
  app.delete(`${prefix}/:contactId`, { config: { endpoint: 'contacts.archive' } }, async (request, reply) => {
    contacts.archive(parsed(idSchema, request.params).contactId, gate.actorOf(request));
    return reply.code(204).send();
  });
  app.post(`${prefix}/merge`, { config: { endpoint: 'contacts.merge' } }, async (request) => {
    const { primaryObjectId, objectIdToMerge } = parsed(mergeSchema, request.body);
    return recordBody(contacts.merge(primaryObjectId, objectIdToMerge, gate.actorOf(request), api.mergeMintsId()), { properties: [], history: [] });
  });
  app.post(`${prefix}/gdpr-delete`, { config: { endpoint: 'contacts.erase' } }, async (request, reply) => {
    const { objectId, idProperty } = parsed(eraseSchema, request.body);
    contacts.erase({ property: idProperty ?? 'hs_object_id', value: objectId }, gate.actorOf(request));
    return reply.code(204).send();
  });
}
