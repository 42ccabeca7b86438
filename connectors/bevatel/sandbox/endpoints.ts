/** The endpoints of the contact API: each turns a checked request into an answer. No faults, no counting here. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';

import type { WriteItem, WriteResult } from '../contact-api.ts';
import {
  BATCH_LIMIT,
  PAGE_LIMIT,
  batchReadBody,
  contactId,
  createBody,
  externalReference,
  idempotencyKey,
  mergeBody,
  patchBody,
  writeItem,
} from '../contact-api.ts';
import type { Endpoint } from './faults.ts';
import type { Outcome } from './outcomes.ts';
import { absence } from './outcomes.ts';
import { batchRead, listPage, lookUp, pageByReference } from './read-contacts.ts';
import { deleteContact, eraseContact, mergeContacts } from './remove-contacts.ts';
import { Refusal, faultsOf, header, ifMatch, ifMatchAny, invalid, parsed } from './requests.ts';
import { toContact } from './rows.ts';
import type { Writer } from './write-contacts.ts';
import { writeContacts } from './write-contacts.ts';

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface EndpointDefinition {
  endpoint: Endpoint;
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  handle(request: FastifyRequest, writer: Writer): Promise<Answer>;
}

export const ENDPOINT_DEFINITIONS: readonly EndpointDefinition[] = [
  { endpoint: 'list', method: 'GET', path: '/v1/contacts', handle: list },
  { endpoint: 'get', method: 'GET', path: '/v1/contacts/:id', handle: get },
  { endpoint: 'create', method: 'POST', path: '/v1/contacts', handle: create },
  { endpoint: 'update', method: 'PATCH', path: '/v1/contacts/:id', handle: update },
  { endpoint: 'delete', method: 'DELETE', path: '/v1/contacts/:id', handle: remove },
  { endpoint: 'merge', method: 'POST', path: '/v1/contacts/:id/merge', handle: merge },
  { endpoint: 'batchRead', method: 'POST', path: '/v1/contacts/batch/read', handle: readBatch },
  { endpoint: 'batchWrite', method: 'POST', path: '/v1/contacts/batch/write', handle: writeBatch },
];

const listQuery = z.object({
  cursor: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT).default(PAGE_LIMIT),
  external_reference: z.string().includes(':').optional(),
});

async function list(request: FastifyRequest, writer: Writer): Promise<Answer> {
  const query = parsed(listQuery, request.query);
  if (query.external_reference !== undefined) {
    const [integrationId = '', ...rest] = query.external_reference.split(':');
    const reference = parsed(externalReference, { integration_id: integrationId, external_id: rest.join(':') });
    return { status: 200, body: await pageByReference(writer.pool, writer.tenantId, reference) };
  }
  const page = await listPage(writer.pool, writer.tenantId, query);
  if (page === undefined) throw invalid([{ path: 'cursor', message: 'was not given by this API' }]);
  return { status: 200, body: page };
}

async function get(request: FastifyRequest, writer: Writer): Promise<Answer> {
  const [known = { row: undefined, erased: false }] = await lookUp(writer.pool, writer.tenantId, [pathId(request)]);
  const contact = known.row === undefined ? {} : { contact: toContact(known.row) };
  return answer(absence(known) ?? { status: 200, ...contact });
}

async function create(request: FastifyRequest, writer: Writer): Promise<Answer> {
  const key = header(request, 'idempotency-key');
  if (key === undefined) throw new Refusal(428, { code: 'idempotency_key_required' });
  const body = parsed(createBody, request.body);
  const item: WriteItem = { op: 'create', ref: '', idempotency_key: parsed(idempotencyKey, key), ...body };
  const created = answer(await single(writer, item));
  return created.status === 200 ? { ...created, headers: { ...created.headers, 'idempotent-replay': 'true' } } : created;
}

async function update(request: FastifyRequest, writer: Writer): Promise<Answer> {
  const condition = ifMatch(request);
  const { fields } = parsed(patchBody, request.body);
  return answer(await single(writer, { op: 'update', ref: '', id: pathId(request), if_match: condition, fields }));
}

async function remove(request: FastifyRequest, writer: Writer): Promise<Answer> {
  const { erase } = parsed(z.object({ erase: z.enum(['true', 'false']).default('false') }), request.query);
  const id = pathId(request);
  return answer(await (erase === 'true' ? eraseContact(writer, { id, if_match: ifMatchAny(request) }) : deleteContact(writer, { id, if_match: ifMatch(request) })));
}

async function merge(request: FastifyRequest, writer: Writer): Promise<Answer> {
  const { into } = parsed(mergeBody, request.body);
  return answer(await mergeContacts(writer, pathId(request), into));
}

async function readBatch(request: FastifyRequest, writer: Writer): Promise<Answer> {
  const { ids } = parsed(batchReadBody, request.body);
  return { status: 200, body: await batchRead(writer.pool, writer.tenantId, ids) };
}

const batchBody = z.strictObject({ items: z.array(z.unknown()).max(BATCH_LIMIT) });

/** A faulty item is refused alone; the others are written. */
async function writeBatch(request: FastifyRequest, writer: Writer): Promise<Answer> {
  const { items } = parsed(batchBody, request.body);
  const results = new Array<WriteResult>(items.length);
  const valid: { item: WriteItem; place: number }[] = [];
  for (const [place, raw] of items.entries()) {
    const item = writeItem.safeParse(raw);
    if (item.success) valid.push({ item: item.data, place });
    else results[place] = { ref: refOf(raw), status: 422, error: { code: 'invalid', faults: faultsOf(item.error) } };
  }
  const outcomes = await writeContacts(writer, valid.map(({ item }) => item));
  for (const [index, { item, place }] of valid.entries()) {
    results[place] = { ref: item.ref, ...(outcomes[index] ?? { status: 500, error: { code: 'internal' } }) };
  }
  return { status: 207, body: { results } };
}

function refOf(raw: unknown): string {
  const { data } = z.object({ ref: z.string() }).safeParse(raw);
  return data?.ref ?? '';
}

async function single(writer: Writer, item: WriteItem): Promise<Outcome> {
  const [outcome] = await writeContacts(writer, [item]);
  return outcome ?? { status: 500, error: { code: 'internal' } };
}

/** No contact can have an id that is not storable: answered like any id that does not exist. */
function pathId(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  const result = contactId.safeParse(id);
  if (!result.success) throw new Refusal(404, { code: 'not_found' });
  return result.data;
}

function answer(outcome: Outcome): Answer {
  const { status, contact, error } = outcome;
  if (error !== undefined) return { status, body: contact === undefined ? { error } : { error, contact } };
  return contact === undefined ? { status } : { status, headers: { etag: `"${contact.version}"` }, body: contact };
}
