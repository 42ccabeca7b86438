/**
 * Reading by id and by reference, listing, and telling what became of an id that is not there (fact sheet §2, §3):
 * archived, merged into another (the survivor names it in `hs_merged_object_ids`), or not found.
 */
import { z } from 'zod';
import type { CallOptions, ListPage, ReadResult, RecordImage } from '../connector.ts';
import type { HubSpotClient } from './client.ts';
import { BATCH_SIZE, HISTORY_BATCH_SIZE, LIST_PAGE } from './limits.ts';
import { CONTACTS_PATH } from './paths.ts';
import type { HubSpotRecord, ImageRules } from './record.ts';
import { MERGED_IDS_PROPERTY, mergedIdsOf, parseAnswer, toRecordImage, zRecord } from './record.ts';

export interface ReadParts {
  readonly client: HubSpotClient;
  readonly rules: ImageRules;
}

const zRecords = z.object({ results: z.array(zRecord) });
const zListPage = zRecords.extend({ paging: z.object({ next: z.object({ after: z.string() }).nullish() }).nullish() });

function withOwn(fields: readonly string[], rules: ImageRules): readonly string[] {
  return [...new Set([...fields, rules.referenceProperty, MERGED_IDS_PROPERTY])];
}

export async function listContacts(parts: ReadParts, request: { readonly cursor: string | null; readonly fields: readonly string[] }, options: CallOptions): Promise<ListPage> {
  const properties = withOwn(request.fields, parts.rules).join(',');
  const query = { limit: String(LIST_PAGE), properties, archived: 'false', ...(request.cursor === null ? {} : { after: request.cursor }) };
  const answer = await parts.client.call({ operation: 'list', method: 'GET', path: CONTACTS_PATH, query, kind: 'calls', isWrite: false }, options);
  const page = parseAnswer(zListPage, answer.body, 'list');
  return { records: page.results.map((record) => toRecordImage(record, request.fields, parts.rules)), next: page.paging?.next?.after ?? null, total: null };
}

interface BatchRead {
  readonly ids: readonly string[];
  readonly idProperty?: string;
  readonly properties: readonly string[];
  readonly histories: readonly string[];
  readonly archived: boolean;
}

/** Reads in as many calls as the documented sizes need; ids that are not there are left out. */
async function batchRead(client: HubSpotClient, read: BatchRead, options: CallOptions): Promise<HubSpotRecord[]> {
  const size = read.histories.length > 0 ? HISTORY_BATCH_SIZE : BATCH_SIZE;
  const chunks = Array.from({ length: Math.ceil(read.ids.length / size) }, (_, index) => read.ids.slice(index * size, (index + 1) * size));
  const records = await Promise.all(chunks.map(async (ids) => {
    const body = {
      inputs: ids.map((id) => ({ id })), properties: read.properties, propertiesWithHistory: read.histories,
      ...(read.idProperty === undefined ? {} : { idProperty: read.idProperty }),
    };
    const query = { archived: String(read.archived) };
    const answer = await client.call({ operation: 'batch_read', method: 'POST', path: `${CONTACTS_PATH}/batch/read`, query, body, kind: 'calls', isWrite: false }, options);
    return parseAnswer(zRecords, answer.body, 'batch_read').results;
  }));
  return records.flat();
}

export async function readContacts(
  parts: ReadParts, ids: readonly string[], request: { readonly fields: readonly string[]; readonly histories: boolean }, options: CallOptions,
): Promise<readonly ReadResult[]> {
  if (ids.length === 0) return [];
  const properties = withOwn(request.fields, parts.rules);
  const records = await batchRead(parts.client, { ids, properties, histories: request.histories ? request.fields : [], archived: false }, options);
  const byId = new Map(records.map((record) => [record.id, record]));
  const missing = ids.filter((id) => !byId.has(id));
  const found = ids.flatMap((id): ReadResult[] => {
    const record = byId.get(id);
    return record ? [{ kind: 'found', id, record: toRecordImage(record, request.fields, parts.rules) }] : [];
  });
  return [...found, ...(await probeMissing(parts, missing, records, options))];
}

/**
 * What became of ids that a read did not give. `shown` are records that came under other ids: survivors of merges.
 * The search for survivors may lag, so that a fresh merge can still look like `not_found`.
 */
export async function probeMissing(parts: ReadParts, ids: readonly string[], shown: readonly HubSpotRecord[], options: CallOptions): Promise<readonly ReadResult[]> {
  if (ids.length === 0) return [];
  const survivors = survivorsAmong(shown);
  const unexplained = ids.filter((id) => !survivors.has(id));
  const archived = new Set<string>();
  if (unexplained.length > 0) {
    for (const record of await batchRead(parts.client, { ids: unexplained, properties: ['hs_object_id'], histories: [], archived: true }, options)) archived.add(record.id);
    const lost = unexplained.filter((id) => !archived.has(id));
    for (const [id, survivor] of await searchSurvivors(parts.client, lost, options)) survivors.set(id, survivor);
  }
  return ids.map((id): ReadResult => {
    const mergedInto = survivors.get(id);
    if (mergedInto !== undefined) return { kind: 'merged', id, mergedInto };
    return { kind: 'gone', id, how: archived.has(id) ? 'deleted' : 'not_found' };
  });
}

/** Merged-away id → survivor. */
function survivorsAmong(records: readonly HubSpotRecord[]): Map<string, string> {
  return new Map(records.flatMap((record) => mergedIdsOf(record).map((id): [string, string] => [id, record.id])));
}

async function searchSurvivors(client: HubSpotClient, ids: readonly string[], options: CallOptions): Promise<Map<string, string>> {
  const survivors = new Map<string, string>();
  for (let from = 0; from < ids.length; from += BATCH_SIZE) {
    const values = ids.slice(from, from + BATCH_SIZE);
    const body = {
      filterGroups: [{ filters: [{ propertyName: MERGED_IDS_PROPERTY, operator: 'IN', values }] }],
      properties: [MERGED_IDS_PROPERTY], limit: BATCH_SIZE,
    };
    const answer = await client.call({ operation: 'search_merged', method: 'POST', path: `${CONTACTS_PATH}/search`, body, kind: 'search', isWrite: false }, options);
    for (const [id, survivor] of survivorsAmong(parseAnswer(zRecords, answer.body, 'search_merged').results)) survivors.set(id, survivor);
  }
  return survivors;
}

export async function findContactsByReference(
  parts: ReadParts, references: readonly string[], request: { readonly fields: readonly string[] }, options: CallOptions,
): Promise<ReadonlyMap<string, RecordImage>> {
  if (references.length === 0) return new Map();
  const { referenceProperty } = parts.rules;
  const properties = withOwn(request.fields, parts.rules);
  const records = await batchRead(parts.client, { ids: references, idProperty: referenceProperty, properties, histories: [], archived: false }, options);
  return new Map(records.flatMap((record): [string, RecordImage][] => {
    const reference = record.properties[referenceProperty];
    return reference ? [[reference, toRecordImage(record, request.fields, parts.rules)]] : [];
  }));
}
