/** Links of a tenant's other integrations that may be of the same person, and the lock under which one of them makes a Bevatel contact (I4). */
import { CROWD } from '../domain/pairing.ts';
import type { Rival } from '../domain/give-way.ts';
import type { Transaction } from '../runtime/database.ts';
import { LINK_COLUMNS, toStoredLink } from './links.ts';

/**
 * Makes looking for rivals and recording the attempt one step for a tenant, over processes; held to the end of the transaction.
 * Taken after the links of one integration are locked and before its risks are (store/change-sets.ts); whoever holds it
 * locks no further links.
 */
export function lockBevatelCreation(transaction: Transaction, tenantId: string): void {
  transaction.send({ text: "select pg_advisory_xact_lock(hashtextextended('create ' || $1, 3))", values: [tenantId] });
}

/** Of which rivals are looked for. */
export interface Sought {
  readonly linkId: string;
  readonly keys: readonly string[];
  /** The contact that it had and that is gone. */
  readonly bevatelId: string | null;
}

export interface Place {
  readonly tenantId: string;
  readonly integrationId: string;
  /** Where rivals are looked for. */
  readonly others: readonly string[];
}

type Row = Parameters<typeof toStoredLink>[0] & { readonly own: string; readonly is_known: boolean };

/** By our link's id, not locked. A key that too many bear tells nobody apart, and finds nobody here either. */
export async function findRivals(transaction: Transaction, { tenantId, integrationId, others }: Place, sought: readonly Sought[]): Promise<ReadonlyMap<string, readonly Rival[]>> {
  const keys = sought.flatMap(({ linkId, keys: all }) => all.map((key) => ({ linkId, key })));
  const former = sought.flatMap(({ linkId, bevatelId }) => (bevatelId === null ? [] : [{ linkId, bevatelId }]));
  const { rows } = await transaction.query<Row>({
    name: 'find-rivals',
    text: `
      with met as (
        select w.own, o.integration_id, unnest(k.link_ids) as link_id
        from unnest($4::text[], $5::text[]) as w(own, match_key)
        cross join unnest($3::text[]) as o(integration_id)
        cross join lateral (
          select array_agg(b.link_id) as link_ids from (
            select distinct m.link_id from match_keys m
            where m.tenant_id = $1 and m.integration_id = o.integration_id and m.match_key = w.match_key limit $8 + 1
          ) as b having count(*) <= $8
        ) as k
        union
        select f.own, l.integration_id, l.link_id
        from unnest($6::text[], $7::text[]) as f(own, bevatel_id)
        join links l on l.tenant_id = $1 and l.bevatel_id = f.bevatel_id and l.integration_id = any($3::text[])
      )
      select met.own, ${LINK_COLUMNS},
        exists (select from links h where h.tenant_id = $1 and h.integration_id = $2 and h.bevatel_id = l.bevatel_id and h.state -> 'unmatched' is null) as is_known
      from met join links l on l.tenant_id = $1 and l.integration_id = met.integration_id and l.link_id = met.link_id
      order by met.own, l.integration_id, l.link_id`,
    values: [
      tenantId, integrationId, others, keys.map(({ linkId }) => linkId), keys.map(({ key }) => key),
      former.map(({ linkId }) => linkId), former.map(({ bevatelId }) => bevatelId), CROWD,
    ],
  });
  const rivals = Map.groupBy(rows, ({ own }) => own);
  return new Map([...rivals].map(([own, found]) => [own, found.map((row) => ({ link: toStoredLink(row).link, isKnownHere: row.is_known }))]));
}
