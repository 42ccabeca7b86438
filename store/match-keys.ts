/** Match keys of one-sided links, and the advisory locks that make matching and reserving one step (I4). */
import type { Transaction } from '../runtime/database.ts';
import type { Side } from '../schemas/value.ts';
import type { LinkKey } from './links.ts';

export interface MatchKeyRow extends LinkKey {
  readonly side: Side;
  readonly matchKey: string;
}

export interface IdentityBucket {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly bucket: number;
}

/** Takes the locks in one sorted order and holds them to the end of the transaction. */
export function lockIdentities(transaction: Transaction, buckets: readonly IdentityBucket[]): void {
  if (buckets.length === 0) return;
  transaction.send({
    text: `select pg_advisory_xact_lock(k) from (
       select distinct hashtextextended(t || '|' || i || '|' || b, 0) as k
       from unnest($1::text[], $2::text[], $3::int[]) as n(t, i, b) order by k
     ) as sorted`,
    values: [buckets.map((one) => one.tenantId), buckets.map((one) => one.integrationId), buckets.map((one) => one.bucket)],
  });
}

/** One-sided links that carry any of these keys. */
export async function findByMatchKeys(transaction: Transaction, wanted: readonly { tenantId: string; integrationId: string; matchKey: string }[]): Promise<MatchKeyRow[]> {
  if (wanted.length === 0) return [];
  const { rows } = await transaction.query<{ tenant_id: string; integration_id: string; link_id: string; side: Side; match_key: string }>({
    name: 'find-by-match-keys',
    text: `
      select k.tenant_id, k.integration_id, k.link_id, k.side, k.match_key from match_keys k
      join (select distinct * from unnest($1::text[], $2::text[], $3::text[])) as n(tenant_id, integration_id, match_key)
        using (tenant_id, integration_id, match_key)
      order by k.tenant_id, k.integration_id, k.link_id, k.match_key`,
    values: [wanted.map((one) => one.tenantId), wanted.map((one) => one.integrationId), wanted.map((one) => one.matchKey)],
  });
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, linkId: row.link_id, side: row.side, matchKey: row.match_key }));
}

/** Replaces the keys of links: a paired link has none. */
export function replaceMatchKeys(transaction: Transaction, links: readonly LinkKey[], rows: readonly MatchKeyRow[]): void {
  if (links.length > 0) {
    transaction.send({
      name: 'delete-match-keys',
      text: `delete from match_keys m using unnest($1::text[], $2::text[], $3::text[]) as n(tenant_id, integration_id, link_id)
             where m.tenant_id = n.tenant_id and m.integration_id = n.integration_id and m.link_id = n.link_id`,
      values: [links.map((one) => one.tenantId), links.map((one) => one.integrationId), links.map((one) => one.linkId)],
    });
  }
  if (rows.length > 0) {
    transaction.send({
      name: 'insert-match-keys',
      text: `insert into match_keys (tenant_id, integration_id, match_key, side, link_id)
             select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) on conflict do nothing`,
      values: [rows.map((one) => one.tenantId), rows.map((one) => one.integrationId), rows.map((one) => one.matchKey), rows.map((one) => one.side), rows.map((one) => one.linkId)],
    });
  }
}
