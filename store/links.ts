/**
 * Links as rows: found and locked by the records they pair, written one statement per batch.
 *
 * Locking order everywhere: by (tenant, integration, link id), in one statement, after the advisory locks on match
 * identities (design §5), so that reconcile and deliver cannot deadlock with each other.
 */
import type { Link } from '../domain/link.ts';
import { dueOf, heldCount } from '../domain/due.ts';
import { goneAt } from '../domain/gone.ts';
import type { Transaction } from '../runtime/database.ts';
import { LANES, SIDES } from '../schemas/value.ts';
import type { Lane, Side } from '../schemas/value.ts';
import { bigintArray, booleanArray, jsonArray, smallintArray, textArray } from './binary-arrays.ts';
import { decodeState, encodeState } from './link-state.ts';
import type { StoredState } from './link-state.ts';

/** A link with the columns that are about work, not about the pair. */
export interface StoredLink {
  readonly link: Link;
  readonly lane: Lane;
  readonly leaseId: string | null;
  readonly leaseUntil: number | null;
  readonly version: number;
}

export interface RecordRef {
  readonly tenantId: string;
  /** Null on side bevatel: the links of all integrations. */
  readonly integrationId: string | null;
  readonly side: Side;
  readonly recordId: string;
}

interface Row {
  tenant_id: string;
  integration_id: string;
  link_id: string;
  bevatel_id: string | null;
  external_id: string | null;
  state: StoredState;
  lane: number;
  lease_id: string | null;
  lease_until: string | number | null;
  erased: boolean;
  version: string | number;
}

export const LINK_COLUMNS = 'l.tenant_id, l.integration_id, l.link_id, l.bevatel_id, l.external_id, l.state, l.lane, l.lease_id, l.lease_until, l.erased, l.version';

export function toStoredLink(row: Row): StoredLink {
  return {
    link: {
      tenantId: row.tenant_id, integrationId: row.integration_id, linkId: row.link_id,
      bevatelId: row.bevatel_id, externalId: row.external_id, state: decodeState(row.state), erased: row.erased,
    },
    lane: LANES[row.lane] ?? 'backfill',
    leaseId: row.lease_id,
    leaseUntil: row.lease_until === null ? null : Number(row.lease_until),
    version: Number(row.version),
  };
}

/** Locks every link of these records, and the links with these ids, in the common order. */
export async function lockLinks(transaction: Transaction, records: readonly RecordRef[], linkIds: readonly LinkKey[] = []): Promise<StoredLink[]> {
  const bevatel = records.filter((record) => record.side === 'bevatel');
  const external = records.filter((record) => record.side === 'external');
  const { rows } = await transaction.query<Row>({
    name: 'lock-links',
    text: `
      select ${LINK_COLUMNS} from links l
      where (l.tenant_id, l.integration_id, l.link_id) in (
        select k.tenant_id, k.integration_id, k.link_id from links k
          join unnest($1::text[], $2::text[]) as b(tenant_id, bevatel_id)
            on k.tenant_id = b.tenant_id and k.bevatel_id = b.bevatel_id and k.bevatel_id is not null
        union
        select k.tenant_id, k.integration_id, k.link_id from links k
          join unnest($3::text[], $4::text[], $5::text[]) as x(tenant_id, integration_id, external_id)
            on k.tenant_id = x.tenant_id and k.integration_id = x.integration_id and k.external_id = x.external_id and k.external_id is not null
        union
        select * from unnest($6::text[], $7::text[], $8::text[])
      )
      order by l.tenant_id, l.integration_id, l.link_id
      for update of l`,
    values: [
      textArray(bevatel.map((one) => one.tenantId)), textArray(bevatel.map((one) => one.recordId)),
      textArray(external.map((one) => one.tenantId)), textArray(external.map((one) => one.integrationId)), textArray(external.map((one) => one.recordId)),
      textArray(linkIds.map((one) => one.tenantId)), textArray(linkIds.map((one) => one.integrationId)), textArray(linkIds.map((one) => one.linkId)),
    ],
  });
  return rows.map(toStoredLink);
}

/** Locks the next links of an integration by id, in the common order. */
export async function lockPage(transaction: Transaction, integration: Pick<LinkKey, 'tenantId' | 'integrationId'>, after: string, limit: number): Promise<StoredLink[]> {
  const { rows } = await transaction.query<Row>({
    text: `select ${LINK_COLUMNS} from links l where l.tenant_id = $1 and l.integration_id = $2 and l.link_id > $3 order by l.link_id limit $4 for update of l`,
    values: [integration.tenantId, integration.integrationId, after, limit],
  });
  return rows.map(toStoredLink);
}

export interface LinkKey {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly linkId: string;
}

/** What is to be written of one link; `lane` null keeps the stored lane, `lease` says what becomes of the lease. */
export interface LinkWrite {
  readonly link: Link;
  readonly lane: Lane | null;
  readonly lease: 'keep' | 'release' | { readonly id: string; readonly until: number };
  /** Overrides `dueOf`: a leased link is due again when its lease ends. */
  readonly dueAt?: number | null;
}

/** Updates known links, then inserts new ones, which may have an id that a known one gives up; one statement each. Locked rows only, so nothing is lost (I6). */
export function saveLinks(transaction: Transaction, inserted: readonly LinkWrite[], updated: readonly LinkWrite[], now: number): void {
  if (updated.length > 0) transaction.send({ name: 'update-links', text: UPDATE, values: columns(updated, now) });
  if (inserted.length > 0) transaction.send({ name: 'insert-links', text: INSERT, values: columns(inserted, now) });
}

const UNNEST = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::json[], $7::bigint[], $8::text[], $9::smallint[], $10::text[], $11::text[], $12::bigint[], $13::smallint[], $14::boolean[], $15::bigint[])
  as n(tenant_id, integration_id, link_id, bevatel_id, external_id, state, due_at, due_kind, lane, lease, lease_id, lease_until, held, erased, gone_at)`;

const INSERT = `
  insert into links (tenant_id, integration_id, link_id, bevatel_id, external_id, state, due_at, due_kind, lane, held, erased, gone_at, updated_at)
  select n.tenant_id, n.integration_id, n.link_id, n.bevatel_id, n.external_id, n.state, n.due_at, n.due_kind, coalesce(n.lane, 2::smallint), n.held, n.erased, n.gone_at, $16
  from ${UNNEST}`;

/**
 * A link that is due already stays so since then: the one that waits longest goes first, and no index changes. Nor does
 * one when a lease is taken; the row is due again when the lease ends, at the latest.
 */
const UPDATE = `
  update links l set
    bevatel_id = n.bevatel_id, external_id = n.external_id, state = n.state,
    due_at = case when n.lease = 'take' then least(l.due_at, n.due_at) when n.due_at <= $16 and l.due_at <= $16 and l.due_kind = n.due_kind then l.due_at else n.due_at end, due_kind = case when n.lease = 'take' then coalesce(l.due_kind, n.due_kind) else n.due_kind end, lane = coalesce(n.lane, l.lane), held = n.held, erased = n.erased, gone_at = n.gone_at,
    lease_id = case n.lease when 'keep' then l.lease_id else n.lease_id end,
    lease_until = case n.lease when 'keep' then l.lease_until else n.lease_until end,
    version = l.version + 1, updated_at = $16
  from ${UNNEST}
  where l.tenant_id = n.tenant_id and l.integration_id = n.integration_id and l.link_id = n.link_id`;

function columns(writes: readonly LinkWrite[], now: number): unknown[] {
  const due = writes.map(({ link, dueAt }) => {
    const own = dueOf(link, now);
    return dueAt === undefined ? own : dueAt === null ? null : { at: dueAt, kind: own?.kind ?? ('write' as const) };
  });
  const leases = writes.map(({ lease }) => (typeof lease === 'object' ? lease : null));
  return [
    textArray(writes.map(({ link }) => link.tenantId)),
    textArray(writes.map(({ link }) => link.integrationId)),
    textArray(writes.map(({ link }) => link.linkId)),
    textArray(writes.map(({ link }) => link.bevatelId)),
    textArray(writes.map(({ link }) => link.externalId)),
    jsonArray(writes.map(({ link }) => encodeState(link.state))),
    bigintArray(due.map((one) => one?.at ?? null)),
    textArray(due.map((one) => one?.kind ?? null)),
    smallintArray(writes.map(({ lane }) => (lane === null ? null : LANES.indexOf(lane)))),
    textArray(writes.map(({ lease }) => (typeof lease === 'object' ? 'take' : lease))),
    textArray(leases.map((one) => one?.id ?? null)),
    bigintArray(leases.map((one) => one?.until ?? null)),
    smallintArray(writes.map(({ link }) => heldCount(link))),
    booleanArray(writes.map(({ link }) => link.erased)),
    bigintArray(writes.map(({ link }) => goneAt(link))),
    now,
  ];
}

/** A link gives up its record of a side, which another link is about to get; it has one on the other side. */
export interface ReleasedRecord {
  readonly link: LinkKey;
  readonly side: Side;
}

/** Before the others are saved: an id is in one link at any time (I4). */
export function releaseRecords(transaction: Transaction, released: readonly ReleasedRecord[]): void {
  for (const side of SIDES) {
    const links = released.filter((one) => one.side === side).map(({ link }) => link);
    if (links.length === 0) continue;
    transaction.send({
      text: `update links l set ${side}_id = null from unnest($1::text[], $2::text[], $3::text[]) as n(tenant_id, integration_id, link_id)
             where l.tenant_id = n.tenant_id and l.integration_id = n.integration_id and l.link_id = n.link_id`,
      values: [links.map((one) => one.tenantId), links.map((one) => one.integrationId), links.map((one) => one.linkId)],
    });
  }
}

/**
 * Removes links that ended: they were absorbed into others, or forgotten. Their keys go with them, and who bears one of
 * these is looked at once more.
 */
export function deleteLinks(transaction: Transaction, keys: readonly LinkKey[], now: number): void {
  if (keys.length === 0) return;
  transaction.send({
    text: `with ended as (select * from unnest($1::text[], $2::text[], $3::text[]) as n(tenant_id, integration_id, link_id)
           ), links_gone as (
             delete from links l using ended n where l.tenant_id = n.tenant_id and l.integration_id = n.integration_id and l.link_id = n.link_id
           ), given_up as (
             delete from match_keys m using ended n where m.tenant_id = n.tenant_id and m.integration_id = n.integration_id and m.link_id = n.link_id
             returning m.tenant_id, m.integration_id, m.match_key
           )
           insert into match_queue (tenant_id, integration_id, link_id, due_at)
           select distinct k.tenant_id, k.integration_id, k.link_id, $4::bigint
           from given_up g join match_keys k using (tenant_id, integration_id, match_key)
           where (k.tenant_id, k.integration_id, k.link_id) not in (select * from ended)
           order by 1, 2, 3
           on conflict (tenant_id, integration_id, link_id) do update set due_at = least(match_queue.due_at, excluded.due_at)`,
    values: [keys.map((one) => one.tenantId), keys.map((one) => one.integrationId), keys.map((one) => one.linkId), now],
  });
}
