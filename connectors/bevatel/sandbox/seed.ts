/** Fills the sandbox with thousands of contacts in few statements, past the API. */
import type { Pool } from 'pg';

import type { ContactPatch } from '../contact-api.ts';
import { FIELD_NAMES } from '../contact-api.ts';
import { fieldFromJson } from './rows.ts';

export interface SeedContact {
  /** Default: a new id. */
  id?: string;
  /** Not validated: data that the API would refuse can be seeded, as plain SQL could write it. */
  fields: ContactPatch;
  external_references?: Record<string, string>;
  /** ISO 8601; default: now. */
  updated_at?: string;
  /** Default: `import`. */
  updated_by?: string;
}

const CHUNK = 5_000;

const INSERT = `
INSERT INTO contacts (tenant_id, id, ${FIELD_NAMES.join(', ')}, external_references, created_at, updated_at, updated_by)
SELECT $1, i.id, ${FIELD_NAMES.map((name) => fieldFromJson(name, 'i.patch')).join(', ')},
       coalesce(i.reference, '{}'), coalesce(i.at, bevatel_now()), coalesce(i.at, bevatel_now()), i.actor
  FROM jsonb_to_recordset($2::jsonb) AS i(id text, patch jsonb, reference jsonb, at timestamptz, actor text)`;

/** Inserts the contacts and returns their ids, in order. */
export async function seedContacts(
  pool: Pool,
  tenantId: string,
  contacts: readonly SeedContact[],
  newId: () => string,
): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < contacts.length; from += CHUNK) {
    const rows = contacts.slice(from, from + CHUNK).map((contact) => ({
      id: contact.id ?? newId(),
      patch: contact.fields,
      reference: contact.external_references,
      at: contact.updated_at,
      actor: contact.updated_by ?? 'import',
    }));
    await pool.query(INSERT, [tenantId, JSON.stringify(rows)]);
    for (const row of rows) ids.push(row.id);
  }
  await pool.query('ANALYZE contacts');
  return ids;
}
