/** Statistics of tables that have just grown from nothing; later the database's own autovacuum keeps them. */
import type { Pool } from 'pg';

const TABLES = ['links', 'match_keys'];
/** Below it every plan is a good one. */
const WORTH_IT_BYTES = 524_288;

/**
 * Analyzes those that never were. Autovacuum comes about a minute later, and without statistics all indexes that begin
 * with the tenant look alike: a whole integration would be read for one record. Resolves with how many are still young.
 */
export async function analyzeYoungTables(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ relname: string; bytes: string }>(
    'select relname, pg_relation_size(oid) as bytes from pg_class where relnamespace = current_schema()::regnamespace and relname = any($1) and reltuples < 0', [TABLES]);
  for (const { relname } of rows.filter(({ bytes }) => Number(bytes) > WORTH_IT_BYTES)) await pool.query(`analyze ${relname}`);
  return rows.filter(({ bytes }) => Number(bytes) <= WORTH_IT_BYTES).length;
}
