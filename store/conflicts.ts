/** Links on which something is held, as an operator lists them, and links found by a contact's ids. */
import type { Pool } from 'pg';
import type { Queries } from './history.ts';
import type { StoredLink } from './links.ts';
import { LINK_COLUMNS, toStoredLink } from './links.ts';
import type { LinkKey } from './links.ts';

type Row = Parameters<typeof toStoredLink>[0];

export interface LinkFilter {
  readonly tenantId: string | null;
  readonly integrationId: string | null;
}

/** One of the link's records is that into which `$1` went by a merge. */
export const WENT_INTO = `(
  (l.tenant_id, l.bevatel_id) in (select r.tenant_id, r.new_id from redirects r where r.side = 'bevatel' and r.old_id = $1)
  or (l.tenant_id, l.integration_id, l.external_id) in (select r.tenant_id, r.integration_id, r.new_id from redirects r where r.side = 'external' and r.old_id = $1))`;

/** One page of links with holds, by key; `after` is the last key of the page before. */
export async function listHeldLinks(pool: Pool, filter: LinkFilter, page: { readonly limit: number; readonly after: LinkKey | null }): Promise<readonly StoredLink[]> {
  const { rows } = await pool.query<Row>(
    `select ${LINK_COLUMNS} from links l
     where l.held > 0 and ($1::text is null or l.tenant_id = $1) and ($2::text is null or l.integration_id = $2)
       and ($3::text is null or (l.tenant_id, l.integration_id, l.link_id) > ($3, $4, $5))
     order by l.tenant_id, l.integration_id, l.link_id limit $6`,
    [filter.tenantId, filter.integrationId, page.after?.tenantId ?? null, page.after?.integrationId ?? null, page.after?.linkId ?? null, page.limit],
  );
  return rows.map(toStoredLink);
}

export async function readLink(pool: Pool, key: LinkKey): Promise<StoredLink | null> {
  const { rows } = await pool.query<Row>(
    `select ${LINK_COLUMNS} from links l where l.tenant_id = $1 and l.integration_id = $2 and l.link_id = $3`, [key.tenantId, key.integrationId, key.linkId]);
  return rows[0] ? toStoredLink(rows[0]) : null;
}

/** Links by their own id alone, as an operator copies it: ids are unique over all tenants. */
export async function findLinksById(pool: Pool, linkId: string, filter: LinkFilter): Promise<readonly StoredLink[]> {
  const { rows } = await pool.query<Row>(
    `select ${LINK_COLUMNS} from links l
     where l.link_id = $1 and ($2::text is null or l.tenant_id = $2) and ($3::text is null or l.integration_id = $3) limit 10`,
    [linkId, filter.tenantId, filter.integrationId]);
  return rows.map(toStoredLink);
}

/** The links of a contact, by an id that it has in Bevatel or in the external system, or had before a merge. */
export async function findLinksOfContact(pool: Pool, contactId: string, filter: LinkFilter): Promise<readonly StoredLink[]> {
  const { rows } = await pool.query<Row>(
    `select ${LINK_COLUMNS} from links l
     where (l.bevatel_id = $1 or l.external_id = $1 or ${WENT_INTO}) and ($2::text is null or l.tenant_id = $2) and ($3::text is null or l.integration_id = $3)
     order by l.tenant_id, l.integration_id, l.link_id limit 100`,
    [contactId, filter.tenantId, filter.integrationId]);
  return rows.map(toStoredLink);
}

/** Links by their ids; those that are gone are left out. */
export async function readLinks(queries: Queries, integration: { readonly tenantId: string; readonly integrationId: string }, linkIds: readonly string[]): Promise<readonly StoredLink[]> {
  const { rows } = await queries.query<Row>({
    text: `select ${LINK_COLUMNS} from links l where l.tenant_id = $1 and l.integration_id = $2 and l.link_id = any($3::text[]) order by l.link_id`,
    values: [integration.tenantId, integration.integrationId, linkIds],
  });
  return rows.map(toStoredLink);
}

export async function countLinksOf(pool: Pool, integration: { readonly tenantId: string; readonly integrationId: string }): Promise<number> {
  const { rows } = await pool.query<{ count: string }>('select count(*) from links where tenant_id = $1 and integration_id = $2', [integration.tenantId, integration.integrationId]);
  return Number(rows[0]?.count);
}

/** One page of an integration's links by id, for verify. */
export async function pageLinks(pool: Pool, integration: { readonly tenantId: string; readonly integrationId: string }, afterLinkId: string, limit: number): Promise<readonly StoredLink[]> {
  const { rows } = await pool.query<Row>(
    `select ${LINK_COLUMNS} from links l where l.tenant_id = $1 and l.integration_id = $2 and l.link_id > $3 order by l.link_id limit $4`,
    [integration.tenantId, integration.integrationId, afterLinkId, limit]);
  return rows.map(toStoredLink);
}

/** Of these ids, those that no link of the integration has. */
export async function unlinkedIds(pool: Pool, integration: { readonly tenantId: string; readonly integrationId: string }, side: 'bevatel' | 'external', ids: readonly string[]): Promise<readonly string[]> {
  const column = side === 'bevatel' ? 'bevatel_id' : 'external_id';
  const { rows } = await pool.query<{ id: string }>(
    `select n.id from unnest($3::text[]) as n(id)
     where not exists (select from links l where l.tenant_id = $1 and l.integration_id = $2 and l.${column} = n.id)`,
    [integration.tenantId, integration.integrationId, ids]);
  return rows.map((row) => row.id);
}
