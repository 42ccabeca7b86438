/**
 * Links of which it is to be found out who their partner is, or whether it is as it was. One that must not get a partner
 * made meanwhile says so in its state as well (`unmatched`).
 */
import type { Pool } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import type { IntegrationKey } from './integrations.ts';
import type { LinkKey } from './links.ts';

export function queueMatching(transaction: Transaction, links: readonly LinkKey[], dueAt: number): void {
  if (links.length === 0) return;
  transaction.send({
    name: 'queue-matching',
    text: `insert into match_queue (tenant_id, integration_id, link_id, due_at)
           select n.*, $4 from unnest($1::text[], $2::text[], $3::text[]) as n
           on conflict (tenant_id, integration_id, link_id) do update set due_at = least(match_queue.due_at, excluded.due_at)`,
    values: [links.map((one) => one.tenantId), links.map((one) => one.integrationId), links.map((one) => one.linkId), dueAt],
  });
}

/** An integration that has links to match, or whose listings have both come in. */
export interface MatchDue extends IntegrationKey {
  /** Partners are created already; the round goes on beside the work of the day. */
  readonly isMatched: boolean;
}

/** Integrations with something to match: none before the first listings of both sides are stored (design §5). */
export async function dueMatching(pool: Pool, now: number): Promise<readonly MatchDue[]> {
  const { rows } = await pool.query<{ tenant_id: string; integration_id: string; is_matched: boolean }>({
    name: 'due-matching',
    text: `select i.tenant_id, i.integration_id, i.matched_at is not null as is_matched from integrations i
           where (i.matched_at is not null and exists (select from match_queue q where q.tenant_id = i.tenant_id and q.integration_id = i.integration_id and q.due_at <= $1))
              or (i.matched_at is null and (select count(*) from listings l where l.tenant_id = i.tenant_id and l.integration_id = i.integration_id and l.stored_at is not null) = 2)
           order by i.tenant_id, i.integration_id`,
    values: [now],
  });
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, isMatched: row.is_matched }));
}

/** The next links to match, by id. */
export async function nextToMatch(transaction: Transaction, key: IntegrationKey, now: number, limit: number): Promise<readonly string[]> {
  const { rows } = await transaction.query<{ link_id: string }>({
    name: 'next-to-match',
    text: 'select link_id from match_queue where tenant_id = $1 and integration_id = $2 and due_at <= $3 order by link_id limit $4',
    values: [key.tenantId, key.integrationId, now, limit],
  });
  return rows.map((row) => row.link_id);
}

export function matched(transaction: Transaction, key: IntegrationKey, linkIds: readonly string[]): void {
  if (linkIds.length === 0) return;
  transaction.send({
    text: 'delete from match_queue where tenant_id = $1 and integration_id = $2 and link_id = any($3::text[])',
    values: [key.tenantId, key.integrationId, linkIds],
  });
}

/** Not now: something about them is under way. */
export function postponeMatching(transaction: Transaction, key: IntegrationKey, linkIds: readonly string[], dueAt: number): void {
  if (linkIds.length === 0) return;
  transaction.send({
    text: 'update match_queue set due_at = $4 where tenant_id = $1 and integration_id = $2 and link_id = any($3::text[])',
    values: [key.tenantId, key.integrationId, linkIds, dueAt],
  });
}

/** Opens the creation of missing partners, if nobody is left to match. True when it is open. */
export async function openCreation(transaction: Transaction, key: IntegrationKey, now: number): Promise<boolean> {
  const { rowCount } = await transaction.query({
    text: `update integrations i set matched_at = coalesce(i.matched_at, $3)
           where i.tenant_id = $1 and i.integration_id = $2 and not exists (select from match_queue q where q.tenant_id = $1 and q.integration_id = $2 and q.due_at <= $3)`,
    values: [key.tenantId, key.integrationId, now],
  });
  return rowCount === 1;
}
