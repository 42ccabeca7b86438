/** Hints that wait for their system: one row per record, because one read answers all hints before it. */
import type { Pool } from 'pg';
import type { ContactHint } from '../schemas/change.ts';
import type { IntegrationKey } from './integrations.ts';

export interface WaitingHint {
  readonly hint: ContactHint;
  readonly version: string;
}

/** Parks hints, one per record at most; a record that waits already gets the new one and keeps its turn. */
export async function parkHints(pool: Pool, hints: readonly ContactHint[], dueAt: number, now: number): Promise<void> {
  if (hints.length === 0) return;
  await pool.query({
    name: 'park-hints',
    text: `insert into waiting_hints as w (tenant_id, integration_id, side, record_id, hint, parked_at, due_at)
           select n.tenant_id, n.integration_id, n.side, n.record_id, n.hint, $6, $7
             from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[]) as n(tenant_id, integration_id, side, record_id, hint)
           on conflict (tenant_id, integration_id, side, record_id) do update set
             hint = excluded.hint || jsonb_build_object('mergedInto', coalesce(excluded.hint->>'mergedInto', w.hint->>'mergedInto')),
             version = w.version + 1`,
    values: [
      hints.map((one) => one.tenantId), hints.map((one) => one.integrationId), hints.map((one) => one.side), hints.map((one) => one.recordId),
      hints.map((one) => JSON.stringify(one)), now, dueAt,
    ],
  });
}

/** Hints whose turn has come, the longest waiting first. */
export async function dueHints(pool: Pool, key: IntegrationKey, now: number, limit: number): Promise<readonly WaitingHint[]> {
  const { rows } = await pool.query<{ hint: ContactHint; version: string }>(
    'select hint, version from waiting_hints where tenant_id = $1 and integration_id = $2 and due_at <= $3 order by due_at, parked_at, side, record_id limit $4',
    [key.tenantId, key.integrationId, now, limit],
  );
  return rows;
}

/** Removes what was read, unless a newer hint of the record has come meanwhile. */
export async function removeWaiting(pool: Pool, waiting: readonly WaitingHint[]): Promise<void> {
  await pool.query(
    `delete from waiting_hints w using unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) as n(tenant_id, integration_id, side, record_id, version)
     where w.tenant_id = n.tenant_id and w.integration_id = n.integration_id and w.side = n.side and w.record_id = n.record_id and w.version = n.version`,
    [
      waiting.map(({ hint }) => hint.tenantId), waiting.map(({ hint }) => hint.integrationId), waiting.map(({ hint }) => hint.side),
      waiting.map(({ hint }) => hint.recordId), waiting.map(({ version }) => version),
    ],
  );
}

/** Puts all waiting hints of an integration off: its system is still away. */
export async function postponeWaiting(pool: Pool, key: IntegrationKey, dueAt: number): Promise<void> {
  await pool.query('update waiting_hints set due_at = $3 where tenant_id = $1 and integration_id = $2 and due_at < $3', [key.tenantId, key.integrationId, dueAt]);
}

export async function countWaiting(pool: Pool): Promise<readonly (IntegrationKey & { readonly count: number })[]> {
  const { rows } = await pool.query<{ tenant_id: string; integration_id: string; count: string }>(
    'select tenant_id, integration_id, count(*) from waiting_hints group by tenant_id, integration_id');
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, count: Number(row.count) }));
}
