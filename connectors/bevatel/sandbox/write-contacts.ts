/**
 * Creates and updates of the sandbox, set-wise: one statement for all updates of a round, one for all its creates.
 *
 * A round holds each contact, idempotency key and external reference once; a batch that names one twice takes a
 * further round, so that every item answers as if it had been called alone, in the batch's order.
 * Creates, and updates that set an external reference, run under an advisory lock per tenant, taken by a statement
 * before: keys and references are unique without failing the others of the statement.
 */
import type { Pool } from 'pg';

import type { ContactPatch, CreateItem, ExternalReferencePatch, UpdateItem, WriteItem } from '../contact-api.ts';
import { FIELD_NAMES } from '../contact-api.ts';
import type { Outcome } from './outcomes.ts';
import { absence, missedUpdate, referenceTaken } from './outcomes.ts';
import type { Db } from './read-contacts.ts';
import { holdersOf, lookUp } from './read-contacts.ts';
import type { ContactRow } from './rows.ts';
import { fieldFromJson, patchedField, toContact } from './rows.ts';

/** Who writes, and where new ids come from. */
export interface Writer {
  pool: Pool;
  tenantId: string;
  actor: string;
  newId: () => string;
}

/** Applies all items; the outcomes are in the items' order. */
export async function writeContacts(writer: Writer, items: readonly WriteItem[]): Promise<Outcome[]> {
  const outcomes = new Map<WriteItem, Outcome>();
  for (const round of rounds(items)) {
    const needsLock = round.filter((item) => item.op === 'create' || item.external_reference !== undefined);
    const plain = round.filter((item) => item.op === 'update' && item.external_reference === undefined);
    await applyUpdates(writer, writer.pool, plain as UpdateItem[], outcomes);
    if (needsLock.length > 0) await applyLocked(writer, needsLock, outcomes);
  }
  return items.map((item) => outcomes.get(item) ?? { status: 500, error: { code: 'internal' } });
}

function rounds(items: readonly WriteItem[]): WriteItem[][] {
  const result: WriteItem[][] = [];
  const nextFree = new Map<string, number>();
  for (const item of items) {
    const names = namesOf(item);
    const round = Math.max(0, ...names.map((name) => nextFree.get(name) ?? 0));
    for (const name of names) nextFree.set(name, round + 1);
    (result[round] ??= []).push(item);
  }
  return result;
}

function namesOf(item: WriteItem): string[] {
  const own = item.op === 'create' ? `key ${item.idempotency_key}` : `id ${item.id}`;
  const reference = item.external_reference;
  return reference === undefined || reference.external_id === null ? [own] : [own, `ref ${reference.integration_id}:${reference.external_id}`];
}

async function applyLocked(writer: Writer, items: WriteItem[], outcomes: Map<WriteItem, Outcome>): Promise<void> {
  const client = await writer.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`bevatel-sandbox ${writer.tenantId}`]);
    await applyUpdates(writer, client, items.filter((item) => item.op === 'update'), outcomes);
    await applyCreates(writer, client, items.filter((item) => item.op === 'create'), outcomes);
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}

const SET_PATCHED = FIELD_NAMES.map((name) => `${name} = ${patchedField(name, 'c', 'i.patch')}`).join(', ');

/** Rows are locked in the order of their ids, so that concurrent batches cannot deadlock. */
const UPDATE = `
UPDATE contacts c
   SET ${SET_PATCHED},
       external_references = (c.external_references || coalesce(i.reference, '{}')) - coalesce(i.forgets, ''), updated_by = $3
  FROM jsonb_to_recordset($2::jsonb) AS i(id text, if_match bigint, patch jsonb, reference jsonb, forgets text)
 WHERE c.tenant_id = $1 AND c.id = i.id AND c.version = i.if_match AND c.deleted_at IS NULL
   AND (i.reference IS NULL OR NOT EXISTS (
     SELECT 1 FROM contacts o WHERE o.tenant_id = $1 AND o.external_references @> i.reference
        AND o.deleted_at IS NULL AND o.id <> i.id))
RETURNING c.*`;

async function applyUpdates(
  writer: Writer,
  db: Db,
  items: UpdateItem[],
  outcomes: Map<WriteItem, Outcome>,
): Promise<void> {
  if (items.length === 0) return;
  const input = items
    .map((item) => ({ id: item.id, if_match: item.if_match, patch: item.fields, reference: referenceOf(item), forgets: forgottenBy(item) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const { rows } = await db.query<ContactRow>(UPDATE, [writer.tenantId, JSON.stringify(input), writer.actor]);
  const updated = new Map(rows.map((row) => [row.id, row]));
  const missed = items.filter((item) => !updated.has(item.id));
  const known = await lookUp(db, writer.tenantId, missed.map((item) => item.id));
  for (const item of items) {
    const row = updated.get(item.id);
    if (row !== undefined) outcomes.set(item, { status: 200, contact: toContact(row) });
  }
  for (const [index, item] of missed.entries()) {
    const taken = await otherHolder(db, writer.tenantId, item);
    outcomes.set(item, missedUpdate(known[index] ?? { row: undefined, erased: false }, item, taken));
  }
}

async function otherHolder(db: Db, tenantId: string, { id, external_reference: reference }: UpdateItem) {
  if (reference === undefined || reference.external_id === null) return undefined;
  const holder = (await holdersOf(db, tenantId, { ...reference, external_id: reference.external_id })).find((row) => row.id !== id);
  return holder === undefined ? undefined : toContact(holder);
}

const NEW_VALUES = FIELD_NAMES.map((name) => fieldFromJson(name, 'i.patch')).join(', ');

const CREATE = `
WITH item AS (
  SELECT * FROM jsonb_to_recordset($2::jsonb) AS i(place int, id text, key text, patch jsonb, reference jsonb)
), known AS (
  SELECT i.place, k.contact_id FROM item i JOIN idempotency_keys k ON k.tenant_id = $1 AND k.key = i.key
), taken AS (
  SELECT i.place, c.id AS holder_id FROM item i JOIN contacts c
      ON c.tenant_id = $1 AND c.external_references @> i.reference AND c.deleted_at IS NULL
), fresh AS (
  INSERT INTO contacts (tenant_id, id, ${FIELD_NAMES.join(', ')}, external_references, created_at, updated_at, updated_by)
  SELECT $1, i.id, ${NEW_VALUES}, coalesce(i.reference, '{}'), born.at, born.at, $3
    FROM item i CROSS JOIN (SELECT bevatel_now() AS at) AS born
   WHERE i.place NOT IN (SELECT place FROM known) AND i.place NOT IN (SELECT place FROM taken)
  RETURNING *
), remembered AS (
  INSERT INTO idempotency_keys SELECT $1, i.key, i.id FROM item i JOIN fresh f ON f.id = i.id
)
SELECT i.place, known.contact_id, taken.holder_id, f.*
  FROM item i LEFT JOIN known USING (place) LEFT JOIN taken USING (place) LEFT JOIN fresh f ON f.id = i.id`;

interface CreateRow extends ContactRow {
  place: number;
  contact_id: string | null;
  holder_id: string | null;
}

async function applyCreates(
  writer: Writer,
  db: Db,
  items: CreateItem[],
  outcomes: Map<WriteItem, Outcome>,
): Promise<void> {
  if (items.length === 0) return;
  const input = items.map((item, place) => ({
    place,
    id: writer.newId(),
    key: item.idempotency_key,
    patch: withoutNulls(item.fields),
    reference: referenceOf(item),
  }));
  const { rows } = await db.query<CreateRow>(CREATE, [writer.tenantId, JSON.stringify(input), writer.actor]);
  for (const row of rows) {
    const item = items[row.place];
    if (item === undefined) continue;
    outcomes.set(item, row.id === null ? await notCreated(writer, db, row) : { status: 201, contact: toContact(row) });
  }
}

/** A known idempotency key answers its contact as it is now; a reference that is taken answers who has it. */
async function notCreated(writer: Writer, db: Db, row: CreateRow): Promise<Outcome> {
  const id = row.contact_id ?? row.holder_id ?? '';
  const [known = { row: undefined, erased: false }] = await lookUp(db, writer.tenantId, [id]);
  if (known.row === undefined || known.row.merged_into !== null) {
    return absence(known) ?? { status: 404, error: { code: 'not_found' } };
  }
  const contact = toContact(known.row);
  return row.contact_id === null ? referenceTaken(contact) : { status: 200, contact };
}

function referenceOf(item: { external_reference?: ExternalReferencePatch | undefined }): Record<string, string> | null {
  const reference = item.external_reference;
  return reference === undefined || reference.external_id === null ? null : { [reference.integration_id]: reference.external_id };
}

/** The integration whose reference is removed. */
function forgottenBy({ external_reference: reference }: UpdateItem): string | null {
  return reference?.external_id === null ? reference.integration_id : null;
}

function withoutNulls(fields: ContactPatch): ContactPatch {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
