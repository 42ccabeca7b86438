/** What must be true of Bevatel's table before its changes can be read; the publication is made here if missing. */
import type { ClientBase } from 'pg';
import { escapeIdentifier } from 'pg';

import { SyncError } from '../../../schemas/errors.ts';

export interface CdcTable {
  readonly schema: string;
  readonly table: string;
}

/** Columns without which a row is no contact. */
const REQUIRED_COLUMNS = ['tenant_id', 'id', 'version', 'updated_at', 'updated_by', 'external_references'];

/** Throws SyncError `configuration_invalid` or `replica_identity_missing`, saying what to run. */
export async function checkTable(client: ClientBase, target: CdcTable): Promise<void> {
  const name = qualified(target);
  const { rows } = await client.query<{ identity: string | null; columns: string[]; level: string }>(
    `SELECT (SELECT relreplident::text FROM pg_class WHERE oid = to_regclass($1)) AS identity,
            ARRAY(SELECT attname::text FROM pg_attribute
                   WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped) AS columns,
            current_setting('wal_level') AS level`,
    [name],
  );
  const facts = rows[0];
  if (facts === undefined || facts.identity === null) throw invalid(`there is no table ${name}`);
  if (facts.level !== 'logical') throw invalid(`wal_level is ${facts.level}; set wal_level = logical and restart Postgres`);
  const missing = REQUIRED_COLUMNS.filter((column) => !facts.columns.includes(column));
  if (missing.length > 0) throw invalid(`the table ${name} lacks the columns ${missing.join(', ')}`);
  if (facts.identity !== 'f') {
    throw new SyncError('replica_identity_missing', `run: ALTER TABLE ${name} REPLICA IDENTITY FULL`);
  }
}

/** Creates the publication, or adds the table to it. TRUNCATE is not captured: a verification finds what is missing. */
export async function ensurePublication(client: ClientBase, publication: string, target: CdcTable): Promise<void> {
  const { rows } = await client.query<{ complete: boolean; listed: boolean }>(
    `SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AS complete,
            EXISTS (SELECT 1 FROM pg_publication_tables t
                     WHERE t.pubname = p.pubname AND t.schemaname = $2 AND t.tablename = $3) AS listed
       FROM pg_publication p WHERE p.pubname = $1`,
    [publication, target.schema, target.table],
  );
  const [found] = rows;
  const name = escapeIdentifier(publication);
  if (found === undefined) {
    await client.query(`CREATE PUBLICATION ${name} FOR TABLE ${qualified(target)} WITH (publish = 'insert, update, delete')`);
    return;
  }
  if (!found.complete) throw invalid(`the publication ${publication} leaves out inserts, updates or deletes; drop it, it is made anew`);
  if (!found.listed) await client.query(`ALTER PUBLICATION ${name} ADD TABLE ${qualified(target)}`);
}

export function qualified({ schema, table }: CdcTable): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;
}

function invalid(message: string): SyncError {
  return new SyncError('configuration_invalid', `change data capture from Bevatel: ${message}`);
}
