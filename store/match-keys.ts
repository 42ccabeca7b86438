/** Match keys of links, and the advisory locks that make matching and reserving one step (I4). */
import type { Mapping } from '../domain/lenses/mapping.ts';
import type { Link } from '../domain/link.ts';
import { IDENTITY_BUCKETS, keyChange } from '../domain/match.ts';
import type { KeyChange } from '../domain/match.ts';
import type { Transaction } from '../runtime/database.ts';
import type { Side } from '../schemas/value.ts';
import type { IntegrationKey } from './integrations.ts';
import type { LinkKey } from './links.ts';

export interface MatchKeyRow extends LinkKey {
  readonly side: Side;
  readonly matchKey: string;
}

export interface IdentityBucket extends IntegrationKey {
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

/** All of an integration: meanwhile nobody else matches there. */
export function lockAllIdentities(transaction: Transaction, { tenantId, integrationId }: IntegrationKey): void {
  lockIdentities(transaction, Array.from({ length: IDENTITY_BUCKETS }, (_, bucket) => ({ tenantId, integrationId, bucket })));
}

export interface WantedKey extends IntegrationKey {
  readonly matchKey: string;
}

/** A bearer of a key; a link without a partner may bear others, by which further links hang together with it. */
export interface BearerRow extends MatchKeyRow {
  readonly isOneSided: boolean;
}

/** Links that bear any of these keys, so many on each side for each key. */
export async function findBearers(transaction: Transaction, wanted: readonly WantedKey[], limit: number): Promise<BearerRow[]> {
  if (wanted.length === 0) return [];
  const { rows } = await transaction.query<{ tenant_id: string; integration_id: string; link_id: string; side: Side; match_key: string; is_one_sided: boolean }>({
    name: 'find-bearers',
    text: `
      select k.tenant_id, k.integration_id, k.link_id, k.side, k.match_key, l.bevatel_id is null or l.external_id is null as is_one_sided
      from (select distinct * from unnest($1::text[], $2::text[], $3::text[])) as n(tenant_id, integration_id, match_key)
      cross join (values ('bevatel'), ('external')) as s(side)
      cross join lateral (
        select m.tenant_id, m.integration_id, m.link_id, m.side, m.match_key from match_keys m
        where m.tenant_id = n.tenant_id and m.integration_id = n.integration_id and m.match_key = n.match_key and m.side = s.side
        order by m.link_id limit $4
      ) as k
      join links l on l.tenant_id = k.tenant_id and l.integration_id = k.integration_id and l.link_id = k.link_id
      order by k.tenant_id, k.integration_id, k.link_id, k.side, k.match_key`,
    values: [wanted.map((one) => one.tenantId), wanted.map((one) => one.integrationId), wanted.map((one) => one.matchKey), limit],
  });
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, linkId: row.link_id, side: row.side, matchKey: row.match_key, isOneSided: row.is_one_sided }));
}

/** The keys that are stored of links, in the order of their links. */
export async function storedKeys(transaction: Transaction, links: readonly LinkKey[]): Promise<MatchKeyRow[]> {
  if (links.length === 0) return [];
  const { rows } = await transaction.query<{ tenant_id: string; integration_id: string; link_id: string; side: Side; match_key: string }>({
    text: `select m.tenant_id, m.integration_id, m.link_id, m.side, m.match_key from match_keys m
           join unnest($1::text[], $2::text[], $3::text[]) as n(tenant_id, integration_id, link_id) using (tenant_id, integration_id, link_id)
           order by m.tenant_id, m.integration_id, m.link_id, m.side, m.match_key`,
    values: [links.map((one) => one.tenantId), links.map((one) => one.integrationId), links.map((one) => one.linkId)],
  });
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, linkId: row.link_id, side: row.side, matchKey: row.match_key }));
}

/** What becomes of the keys of a link. */
export interface KeyMove {
  readonly link: LinkKey;
  readonly change: KeyChange;
}

/** How the keys of links change with them; `before` is null for a new one. */
export function keyMovesOf(mapping: Pick<Mapping, 'match'>, links: readonly { readonly before: Link | null; readonly after: Link }[]): readonly KeyMove[] {
  return links.flatMap(({ before, after }) => {
    const change = keyChange(mapping, before, after);
    return change ? [{ link: after, change }] : [];
  });
}

/**
 * Stores how keys changed, in one statement, and has those who bear a key that somebody gave up looked at once more: they
 * may have been held for it.
 */
export function moveKeys(transaction: Transaction, moves: readonly KeyMove[], now: number): void {
  if (moves.length === 0) return;
  const gone = moves.flatMap(({ link, change }) => change.gone.map((row) => ({ ...link, ...row })));
  const added = moves.flatMap(({ link, change }) => change.added.map((row) => ({ ...link, ...row })));
  transaction.send({ name: 'move-keys', text: MOVE_KEYS, values: [...columns(gone), ...columns(added), now] });
}

const MOVE_KEYS = `
  with given_up as (
    delete from match_keys m using unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as n(tenant_id, integration_id, match_key, side, link_id)
    where m.tenant_id = n.tenant_id and m.integration_id = n.integration_id and m.match_key = n.match_key and m.side = n.side and m.link_id = n.link_id
    returning m.tenant_id, m.integration_id, m.match_key, m.link_id
  ), added as (
    insert into match_keys (tenant_id, integration_id, match_key, side, link_id)
    select * from unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::text[]) on conflict do nothing
  )
  insert into match_queue (tenant_id, integration_id, link_id, due_at)
  select distinct k.tenant_id, k.integration_id, k.link_id, $11::bigint
  from given_up g join match_keys k using (tenant_id, integration_id, match_key)
  where k.link_id <> g.link_id
  order by 1, 2, 3
  on conflict (tenant_id, integration_id, link_id) do update set due_at = least(match_queue.due_at, excluded.due_at)`;

function columns(rows: readonly MatchKeyRow[]): string[][] {
  return [
    rows.map((one) => one.tenantId), rows.map((one) => one.integrationId), rows.map((one) => one.matchKey), rows.map((one) => one.side), rows.map((one) => one.linkId),
  ];
}

/** The partners that these links' records name, as records of the other side. */
export async function namedPartners(transaction: Transaction, { tenantId, integrationId }: IntegrationKey, linkIds: readonly string[]): Promise<readonly { readonly side: Side; readonly recordId: string }[]> {
  const { rows } = await transaction.query<{ side: Side; record_id: string }>({
    name: 'named-partners',
    text: `select s.other as side, l.state -> 'seen' -> s.side ->> 'reference' as record_id
           from links l cross join (values ('bevatel', 'external'), ('external', 'bevatel')) as s(side, other)
           where l.tenant_id = $1 and l.integration_id = $2 and l.link_id = any($3::text[])
             and (l.bevatel_id is null or l.external_id is null) and l.state -> 'seen' -> s.side ->> 'reference' is not null
           order by 1, 2`,
    values: [tenantId, integrationId, linkIds],
  });
  return rows.map((row) => ({ side: row.side, recordId: row.record_id }));
}
