/** Links as an operator lists and names them. */
import type { Pool } from 'pg';
import type { LINK_FILTERS } from '../schemas/api-identity.ts';
import type { LinkFilter } from './conflicts.ts';
import { WENT_INTO } from './conflicts.ts';
import { LINK_COLUMNS, toStoredLink } from './links.ts';
import type { LinkKey, StoredLink } from './links.ts';

type Row = Parameters<typeof toStoredLink>[0];

export type LinkStateFilter = (typeof LINK_FILTERS)[number];

const IN_STATE: Readonly<Record<LinkStateFilter, string>> = {
  paired: 'l.bevatel_id is not null and l.external_id is not null and not l.erased',
  alone: '(l.bevatel_id is null or l.external_id is null) and not l.erased',
  held: 'l.held > 0',
  gone: 'l.gone_at is not null and not l.erased',
  erased: 'l.erased',
};

/** By key; `after` is the last key of the page before. */
export async function listLinks(pool: Pool, filter: LinkFilter & { readonly state: LinkStateFilter | null }, page: { readonly limit: number; readonly after: LinkKey | null }): Promise<readonly StoredLink[]> {
  const { after } = page;
  const { rows } = await pool.query<Row>(
    `select ${LINK_COLUMNS} from links l
     where ($1::text is null or l.tenant_id = $1) and ($2::text is null or l.integration_id = $2) and ${filter.state === null ? 'true' : IN_STATE[filter.state]}
       and ($3::text is null or (l.tenant_id, l.integration_id, l.link_id) > ($3, $4, $5))
     order by l.tenant_id, l.integration_id, l.link_id limit $6`,
    [filter.tenantId, filter.integrationId, after?.tenantId ?? null, after?.integrationId ?? null, after?.linkId ?? null, page.limit]);
  return rows.map(toStoredLink);
}

/** By the link's own id, or by an id that one of its records has, or had before a merge. */
export async function findLinksByName(pool: Pool, name: string, filter: LinkFilter): Promise<readonly StoredLink[]> {
  const { rows } = await pool.query<Row>(
    `select ${LINK_COLUMNS} from links l
     where (l.link_id = $1 or l.bevatel_id = $1 or l.external_id = $1 or ${WENT_INTO})
       and ($2::text is null or l.tenant_id = $2) and ($3::text is null or l.integration_id = $3)
     order by l.tenant_id, l.integration_id, l.link_id limit 100`,
    [name, filter.tenantId, filter.integrationId]);
  return rows.map(toStoredLink);
}

/** Ids that went into the record of a side by merges. */
export async function formerIds(pool: Pool, key: { readonly tenantId: string; readonly integrationId: string; readonly side: 'bevatel' | 'external' }, id: string): Promise<readonly string[]> {
  const { rows } = await pool.query<{ old_id: string }>(
    'select old_id from redirects where tenant_id = $1 and integration_id = $2 and side = $3 and new_id = $4 order by old_id limit 300',
    [key.tenantId, key.side === 'bevatel' ? '' : key.integrationId, key.side, id]);
  return rows.map((row) => row.old_id);
}
