/** The ways a contact ends in the sandbox: deletion (the row stays, marked), erasure (the row goes), merge. */
import type { PoolClient } from 'pg';

import { FIELD_NAMES } from '../contact-api.ts';
import type { Outcome } from './outcomes.ts';
import { absence, versionMismatch } from './outcomes.ts';
import { lookUp } from './read-contacts.ts';
import type { ContactRow } from './rows.ts';
import { toContact } from './rows.ts';
import type { Writer } from './write-contacts.ts';

export interface Removal {
  id: string;
  /** Null: whatever its version is. */
  if_match: number | null;
}

const DONE: Outcome = { status: 204 };

/** Marks the contact as deleted if it is still at the version named. */
export async function deleteContact(writer: Writer, removal: Removal): Promise<Outcome> {
  const { rowCount } = await writer.pool.query(
    `UPDATE contacts SET deleted_at = bevatel_now(), updated_by = $4
      WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL`,
    [writer.tenantId, removal.id, removal.if_match, writer.actor],
  );
  return rowCount === 1 ? DONE : refusal(writer, removal);
}

const BLANK = FIELD_NAMES.map((name) => `${name} = NULL`).join(', ');

/**
 * Privacy erasure, of a deleted contact too. The row is blanked and marked `erased` before it is removed, in one
 * transaction, so that change data capture can tell an erasure from a removal by SQL; the id answers 410 for ever.
 */
export async function eraseContact(writer: Writer, removal: Removal): Promise<Outcome> {
  const erased = await inTransaction(writer, async (client) => {
    const { rowCount } = await client.query(
      `UPDATE contacts SET ${BLANK}, external_references = '{}', erased = true, updated_by = $4
        WHERE tenant_id = $1 AND id = $2 AND ($3::bigint IS NULL OR version = $3)`,
      [writer.tenantId, removal.id, removal.if_match, writer.actor],
    );
    if (rowCount !== 1) return false;
    await client.query('DELETE FROM contacts WHERE tenant_id = $1 AND id = $2', [writer.tenantId, removal.id]);
    await client.query('INSERT INTO erased_contacts (tenant_id, id) VALUES ($1, $2)', [writer.tenantId, removal.id]);
    return true;
  });
  return erased ? DONE : refusal(writer, removal);
}

async function refusal(writer: Writer, removal: Removal): Promise<Outcome> {
  const [known = { row: undefined, erased: false }] = await lookUp(writer.pool, writer.tenantId, [removal.id]);
  return absence(known) ?? (known.row === undefined ? { status: 404, error: { code: 'not_found' } } : versionMismatch(toContact(known.row)));
}

const FILLED = FIELD_NAMES.filter((name) => name !== 'tags' && name !== 'custom')
  .map((name) => `${name} = coalesce(s.${name}, l.${name})`)
  .join(', ');

const FILL_SURVIVOR = `
UPDATE contacts s
   SET ${FILLED},
       tags = CASE WHEN s.tags IS NULL THEN l.tags ELSE s.tags || ARRAY(
         SELECT tag FROM unnest(l.tags) AS tag WHERE tag <> ALL (s.tags)) END,
       custom = CASE WHEN s.custom IS NULL THEN l.custom ELSE coalesce(l.custom, '{}') || s.custom END,
       external_references = l.external_references || s.external_references, updated_by = $4
  FROM contacts l
 WHERE s.tenant_id = $1 AND s.id = $3 AND l.tenant_id = $1 AND l.id = $2`;

/** Merges `loser` into `survivor`: the survivor keeps its values, empty ones are filled from the loser. */
export async function mergeContacts(writer: Writer, loser: string, survivor: string): Promise<Outcome> {
  const into422 = { status: 422, error: { code: 'invalid', faults: [{ path: 'into', message: 'must be another living contact' }] } };
  if (loser === survivor) return into422;
  return inTransaction(writer, async (client) => {
    await client.query('SELECT 1 FROM contacts WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE', [
      writer.tenantId,
      [loser, survivor],
    ]);
    const [from, into] = await lookUp(client, writer.tenantId, [loser, survivor]);
    const gone = from === undefined ? into422 : absence(from);
    if (gone !== undefined) return gone;
    if (into === undefined || absence(into) !== undefined) return into422;
    const parameters = [writer.tenantId, loser, survivor, writer.actor];
    await client.query(FILL_SURVIVOR, parameters);
    await client.query(
      `UPDATE contacts SET deleted_at = bevatel_now(), merged_into = $3, updated_by = $4
        WHERE tenant_id = $1 AND id = $2`,
      parameters,
    );
    const { rows } = await client.query<ContactRow>('SELECT * FROM contacts WHERE tenant_id = $1 AND id = $2', [
      writer.tenantId,
      survivor,
    ]);
    return rows[0] === undefined ? into422 : { status: 200, contact: toContact(rows[0]) };
  });
}

async function inTransaction<T>(writer: Writer, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await writer.pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
