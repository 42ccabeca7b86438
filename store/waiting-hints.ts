/**
 * Hints that wait for their system, or for their turn: one row per record, because one read answers all hints before
 * it. It is read in the most urgent lane that any of them had.
 */
import type { Pool } from 'pg';
import type { ContactHint } from '../schemas/change.ts';
import { LANES } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
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
    text: `insert into waiting_hints as w (tenant_id, integration_id, side, record_id, hint, lane, parked_at, due_at)
           select n.tenant_id, n.integration_id, n.side, n.record_id, n.hint, n.lane, $7, $8
             from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::smallint[]) as n(tenant_id, integration_id, side, record_id, hint, lane)
           on conflict (tenant_id, integration_id, side, record_id) do update set
             hint = excluded.hint || jsonb_build_object('mergedInto', coalesce(excluded.hint->>'mergedInto', w.hint->>'mergedInto')),
             lane = least(w.lane, excluded.lane), version = w.version + 1`,
    values: [
      hints.map((one) => one.tenantId), hints.map((one) => one.integrationId), hints.map((one) => one.side), hints.map((one) => one.recordId),
      hints.map((one) => JSON.stringify(one)), hints.map((one) => LANES.indexOf(one.lane)), now, dueAt,
    ],
  });
}

/** Hints whose turn has come, the most urgent lane first, therein the longest waiting; each says its row's lane. */
export async function dueHints(pool: Pool, key: IntegrationKey, now: number, limit: number): Promise<readonly WaitingHint[]> {
  const { rows } = await pool.query<{ hint: ContactHint; lane: number; version: string }>(
    `select hint, lane, version from waiting_hints where tenant_id = $1 and integration_id = $2 and due_at <= $3
     order by lane, due_at, parked_at, side, record_id limit $4`,
    [key.tenantId, key.integrationId, now, limit],
  );
  return rows.map(({ hint, lane, version }) => ({ hint: { ...hint, lane: LANES[lane] ?? 'live' }, version }));
}

/** Of these records of an integration, those whose read waits. */
export async function waitingAmong(pool: Pool, key: IntegrationKey, side: Side, recordIds: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ record_id: string }>(
    'select record_id from waiting_hints where tenant_id = $1 and integration_id = $2 and side = $3 and record_id = any($4::text[])',
    [key.tenantId, key.integrationId, side, recordIds],
  );
  return new Set(rows.map((row) => row.record_id));
}

/** How many hints of an integration wait; counted up to `atMost`. */
export async function countWaitingOf(pool: Pool, key: IntegrationKey, atMost: number): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(
    'select count(*) from (select from waiting_hints where tenant_id = $1 and integration_id = $2 limit $3) as w', [key.tenantId, key.integrationId, atMost]);
  return Number(rows[0]?.count);
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
