/**
 * The sandbox's tables, triggers and indexes. Idempotent: may be run at every start, by several processes at once
 * (an advisory lock serialises them). `contacts` is what change data capture reads.
 *
 * `bevatel_now()` is the contact service's clock in whole milliseconds; the session setting `bevatel.clock_skew_ms`
 * makes it wrong on purpose.
 *
 * Triggers make edits by plain SQL first-class:
 *  - an update that changes nothing is suppressed, so it makes no version and no change event;
 *  - a real update grows `version` by one and moves `updated_at`, unless the statement set them itself;
 *  - `updated_by` becomes 'sql' unless the statement names the column. Postgres tells a row trigger the new values
 *    only, not which columns were named; so `contacts_10_actor`, fired by `UPDATE OF updated_by` alone, marks the
 *    value and `contacts_20_version`, which runs after it in alphabetical order, takes the mark off.
 */
import type { Pool } from 'pg';

const SCHEMA = `
CREATE OR REPLACE FUNCTION bevatel_now() RETURNS timestamptz LANGUAGE sql AS $$
  SELECT date_trunc('milliseconds', clock_timestamp() + make_interval(
    secs => coalesce(nullif(current_setting('bevatel.clock_skew_ms', true), ''), '0')::double precision / 1000));
$$;
CREATE TABLE IF NOT EXISTS contacts (
  tenant_id text NOT NULL, id text NOT NULL, version bigint NOT NULL DEFAULT 1,
  contact_first_name text, contact_last_name text, phone_number text, email text, company_name text,
  source_channel text, crm_url text, language text, tags text[], consent text, owner text, custom jsonb,
  external_references jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT bevatel_now(),
  updated_at timestamptz NOT NULL DEFAULT bevatel_now(),
  updated_by text NOT NULL DEFAULT 'sql',
  deleted_at timestamptz, merged_into text, erased boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 80);
ALTER TABLE contacts REPLICA IDENTITY FULL;
CREATE INDEX IF NOT EXISTS contacts_external_references
  ON contacts USING gin (external_references jsonb_path_ops) WITH (fastupdate = off);
CREATE TABLE IF NOT EXISTS idempotency_keys (
  tenant_id text NOT NULL, key text NOT NULL, contact_id text NOT NULL, PRIMARY KEY (tenant_id, key));
CREATE TABLE IF NOT EXISTS erased_contacts (
  tenant_id text NOT NULL, id text NOT NULL, erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, id));

CREATE OR REPLACE FUNCTION contacts_mark_actor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_by := E'\\x01' || NEW.updated_by;
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION contacts_bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  actor text := CASE WHEN left(NEW.updated_by, 1) = E'\\x01' THEN substr(NEW.updated_by, 2) ELSE 'sql' END;
BEGIN
  IF NEW.version = OLD.version AND NEW.updated_at = OLD.updated_at THEN
    NEW.updated_by := OLD.updated_by;
    IF NEW IS NOT DISTINCT FROM OLD THEN RETURN NULL; END IF;
  END IF;
  NEW.updated_by := actor;
  IF NEW.version = OLD.version THEN NEW.version := OLD.version + 1; END IF;
  IF NEW.updated_at = OLD.updated_at THEN
    NEW.updated_at := bevatel_now();
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER contacts_10_actor BEFORE UPDATE OF updated_by ON contacts
  FOR EACH ROW EXECUTE FUNCTION contacts_mark_actor();
CREATE OR REPLACE TRIGGER contacts_20_version BEFORE UPDATE ON contacts
  FOR EACH ROW EXECUTE FUNCTION contacts_bump_version();
`;

/** Creates what is missing. One transaction, under an advisory lock of its own. */
export async function createSandboxSchema(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('bevatel-sandbox-schema', 0))`);
    await client.query(SCHEMA);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
