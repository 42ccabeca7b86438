/** Reads of the sandbox: one statement each, always of one tenant (I11). */
import type { Pool, PoolClient } from 'pg';

import type { BatchReadAnswer, ContactPage, ExternalReference, MissingContact } from '../contact-api.ts';
import type { KnownId } from './outcomes.ts';
import { absence } from './outcomes.ts';
import type { ContactRow } from './rows.ts';
import { toContact } from './rows.ts';

export type Db = Pool | PoolClient;

const LIVING = 'deleted_at IS NULL';

/** What is known of each id, in the order asked. */
export async function lookUp(db: Db, tenantId: string, ids: readonly string[]): Promise<KnownId[]> {
  if (ids.length === 0) return [];
  const { rows } = await db.query<ContactRow & { asked_id: string; was_erased: boolean }>(
    `SELECT asked.id AS asked_id, e.id IS NOT NULL AS was_erased, c.*
       FROM unnest($2::text[]) WITH ORDINALITY AS asked(id, place)
       LEFT JOIN contacts c ON c.tenant_id = $1 AND c.id = asked.id
       LEFT JOIN erased_contacts e ON e.tenant_id = $1 AND e.id = asked.id
      ORDER BY asked.place`,
    [tenantId, ids],
  );
  return rows.map((row) => ({ row: row.id === null ? undefined : row, erased: row.was_erased }));
}

export async function batchRead(db: Db, tenantId: string, ids: readonly string[]): Promise<BatchReadAnswer> {
  const answer: BatchReadAnswer = { results: [], missing: [] };
  const known = await lookUp(db, tenantId, ids);
  for (const [index, id] of ids.entries()) {
    const found = known[index] ?? { row: undefined, erased: false };
    const gone = absence(found);
    if (gone === undefined && found.row !== undefined) answer.results.push(toContact(found.row));
    else answer.missing.push(missing(id, gone?.error));
  }
  return answer;
}

function missing(id: string, error: { code: string; merged_into?: string | undefined } | undefined): MissingContact {
  const reason = (error?.code ?? 'not_found') as MissingContact['reason'];
  return error?.merged_into === undefined ? { id, reason } : { id, reason, merged_into: error.merged_into };
}

interface Place {
  after: string;
  total: number;
}

/**
 * One page of living contacts in the order of their ids. The total is counted for the first page and travels in the
 * cursor, so that a listing costs one count. Returns undefined for a cursor that this function did not make.
 */
export async function listPage(
  db: Db,
  tenantId: string,
  query: { cursor?: string | undefined; limit: number },
): Promise<ContactPage | undefined> {
  const place = query.cursor === undefined ? { after: '', total: await count(db, tenantId) } : parse(query.cursor);
  if (place === undefined) return undefined;
  const { rows } = await db.query<ContactRow>(
    `SELECT * FROM contacts WHERE tenant_id = $1 AND id > $2 AND ${LIVING} ORDER BY id LIMIT $3`,
    [tenantId, place.after, query.limit + 1],
  );
  const results = rows.slice(0, query.limit).map(toContact);
  const last = results.at(-1);
  const more = rows.length > query.limit && last !== undefined;
  return {
    results,
    next_cursor: more ? Buffer.from(JSON.stringify({ ...place, after: last.id })).toString('base64url') : null,
    total: place.total,
  };
}

async function count(db: Db, tenantId: string): Promise<number> {
  const { rows } = await db.query<{ total: number }>(
    `SELECT count(*) AS total FROM contacts WHERE tenant_id = $1 AND ${LIVING}`,
    [tenantId],
  );
  return rows[0]?.total ?? 0;
}

function parse(cursor: string): Place | undefined {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as Partial<Place>;
    return typeof place.after === 'string' && typeof place.total === 'number'
      ? { after: place.after, total: place.total }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The page holding the one living contact that carries this external reference, or an empty page. */
export async function pageByReference(db: Db, tenantId: string, reference: ExternalReference): Promise<ContactPage> {
  const rows = await holdersOf(db, tenantId, reference);
  return { results: rows.map(toContact), next_cursor: null, total: rows.length };
}

export async function holdersOf(db: Db, tenantId: string, reference: ExternalReference): Promise<ContactRow[]> {
  const { rows } = await db.query<ContactRow>(
    `SELECT * FROM contacts WHERE tenant_id = $1 AND external_references @> $2 AND ${LIVING} ORDER BY id`,
    [tenantId, JSON.stringify({ [reference.integration_id]: reference.external_id })],
  );
  return rows;
}
