/** What the links know of records that hints speak of: one statement per batch, nothing locked. */
import type { Pool } from 'pg';
import type { Attempt, Seen } from '../domain/link.ts';
import type { IntegrationKey } from './integrations.ts';
import { decodeSeen } from './link-state.ts';
import type { StoredSeen } from './link-state.ts';

/** The link of an external record, as far as it tells whether a read is needed. */
export interface HintFacts {
  readonly externalId: string | null;
  readonly bevatelId: string | null;
  readonly seen: Seen | null;
  readonly attempts: readonly Attempt[];
}

/** Links of these external records, and links of these Bevatel contacts, whose partner may just be on its way. */
export async function readHintFacts(pool: Pool, key: IntegrationKey, externalIds: readonly string[], bevatelIds: readonly string[]): Promise<readonly HintFacts[]> {
  const { rows } = await pool.query<{ external_id: string | null; bevatel_id: string | null; seen: StoredSeen | null; attempts: readonly Attempt[] }>({
    name: 'read-hint-facts',
    text: `select l.external_id, l.bevatel_id, l.state #> '{seen,external}' as seen, coalesce(l.state -> 'attempts', '[]'::json) as attempts
           from unnest($3::text[]) as x(external_id)
             join links l on l.tenant_id = $1 and l.integration_id = $2 and l.external_id = x.external_id
           union all
           select l.external_id, l.bevatel_id, l.state #> '{seen,external}', coalesce(l.state -> 'attempts', '[]'::json)
           from unnest($4::text[]) as b(bevatel_id)
             join links l on l.tenant_id = $1 and l.integration_id = $2 and l.bevatel_id = b.bevatel_id
           where l.external_id is null or not l.external_id = any($3)`,
    values: [key.tenantId, key.integrationId, externalIds, bevatelIds],
  });
  return rows.map((row) => ({ externalId: row.external_id, bevatelId: row.bevatel_id, seen: row.seen && decodeSeen(row.seen), attempts: row.attempts }));
}

/** Whether a creation in the external system is under way, a first one or that of a record which was deleted: a record that nobody knows yet may be its result. */
export async function isCreatingExternal(pool: Pool, key: IntegrationKey, now: number): Promise<boolean> {
  const { rows } = await pool.query<{ creating: boolean }>({
    name: 'is-creating-external',
    text: `select exists (select 1 from links l
             where l.tenant_id = $1 and l.integration_id = $2 and l.due_at is not null and (l.external_id is null or l.gone_at is not null) and l.lease_until > $3) as creating`,
    values: [key.tenantId, key.integrationId, now],
  });
  return rows[0]?.creating === true;
}
