/** Listing, reading by id, and looking up by the partner's id. */
import pLimit from 'p-limit';
import type { CallOptions, ListPage, ReadResult, RecordImage } from '../connector.ts';
import type { ContactAnswer, MissingAnswer } from './answers.ts';
import { zBatchRead, zPage } from './answers.ts';
import type { BevatelClient } from './client.ts';
import { BATCH_LIMIT, PAGE_LIMIT } from './contact-api.ts';
import { toRecordImage } from './record.ts';

/** Look-ups by reference are single calls; so many go side by side. */
const LOOK_UPS_AT_ONCE = 8;

export async function listRecords(
  client: BevatelClient, request: { readonly cursor: string | null; readonly fields: readonly string[] }, options: CallOptions,
): Promise<ListPage> {
  const query = { limit: String(PAGE_LIMIT), ...(request.cursor === null ? {} : { cursor: request.cursor }) };
  const page = await client.call({ operation: 'list', method: 'GET', path: '/contacts', query, isWrite: false, answer: zPage }, options);
  return { records: page.results.map((contact) => toRecordImage(contact, request.fields)), next: page.next_cursor, total: page.total ?? null };
}

export async function readRecords(
  client: BevatelClient, ids: readonly string[], request: { readonly fields: readonly string[] }, options: CallOptions,
): Promise<readonly ReadResult[]> {
  const chunks = Array.from({ length: Math.ceil(ids.length / BATCH_LIMIT) }, (_, index) => ids.slice(index * BATCH_LIMIT, (index + 1) * BATCH_LIMIT));
  const answers = await Promise.all(chunks.map((part) =>
    client.call({ operation: 'batch_read', method: 'POST', path: '/contacts/batch/read', body: { ids: part }, isWrite: false, answer: zBatchRead }, options)));
  return answers.flatMap(({ results, missing }) => [
    ...results.map((contact): ReadResult => ({ kind: 'found', id: contact.id, record: toRecordImage(contact, request.fields) })),
    ...missing.map(toGone),
  ]);
}

/** A reason that the contract does not name proves nothing (I9): the record counts as not found. */
function toGone({ id, reason, merged_into: survivor }: MissingAnswer): ReadResult {
  if (reason === 'merged' && typeof survivor === 'string') return { kind: 'merged', id, mergedInto: survivor };
  return { kind: 'gone', id, how: reason === 'deleted' || reason === 'erased' ? reason : 'not_found' };
}

export async function findRecordsByReference(
  client: BevatelClient, integrationId: string, references: readonly string[], request: { readonly fields: readonly string[] }, options: CallOptions,
): Promise<ReadonlyMap<string, RecordImage>> {
  const limit = pLimit(LOOK_UPS_AT_ONCE);
  const found = await limit.map(references, (reference) => lookUp(client, integrationId, reference, options));
  return new Map(found.flatMap((contact, index): [string, RecordImage][] =>
    contact === undefined ? [] : [[references[index] ?? '', toRecordImage(contact, request.fields)]]));
}

async function lookUp(client: BevatelClient, integrationId: string, reference: string, options: CallOptions): Promise<ContactAnswer | undefined> {
  const query = { external_reference: `${integrationId}:${reference}` };
  const page = await client.call({ operation: 'find_by_reference', method: 'GET', path: '/contacts', query, isWrite: false, answer: zPage }, options);
  return page.results.find((contact) => contact.external_references[integrationId] === reference);
}
