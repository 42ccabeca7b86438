/** Links of which a record is gone, or was parted from it, as an operator lists them. */
import type { Pool } from 'pg';
import { WENT_INTO } from './conflicts.ts';
import type { LinkFilter } from './conflicts.ts';
import { LINK_COLUMNS, toStoredLink } from './links.ts';
import type { StoredLink } from './links.ts';

export interface GoneCursor {
  readonly at: number;
  readonly linkId: string;
}

export interface GoneLink extends StoredLink {
  readonly goneAt: number;
}

/** The newest first; `after` is the last of the page before. */
export async function listGoneLinks(pool: Pool, filter: LinkFilter, page: { readonly limit: number; readonly after: GoneCursor | null }): Promise<readonly GoneLink[]> {
  const { rows } = await pool.query<Parameters<typeof toStoredLink>[0] & { gone_at: string }>(
    `select ${LINK_COLUMNS}, l.gone_at from links l
     where l.gone_at is not null and ($1::text is null or l.tenant_id = $1) and ($2::text is null or l.integration_id = $2)
       and ($3::bigint is null or (l.gone_at, l.link_id) < ($3, $4))
     order by l.gone_at desc, l.link_id desc limit $5`,
    [filter.tenantId, filter.integrationId, page.after?.at ?? null, page.after?.linkId ?? null, page.limit]);
  return rows.map((row) => ({ ...toStoredLink(row), goneAt: Number(row.gone_at) }));
}

/**
 * Links of a contact by any id that it has or had: Bevatel's, the external system's, one that went into another by a merge,
 * or that of a record from which it was parted. Only what is gone or parted is searched for former ids.
 */
export async function findLinksOfFormer(pool: Pool, contactId: string, filter: LinkFilter): Promise<readonly StoredLink[]> {
  const { rows } = await pool.query<Parameters<typeof toStoredLink>[0]>(
    `select ${LINK_COLUMNS} from links l
     where ($2::text is null or l.tenant_id = $2) and ($3::text is null or l.integration_id = $3)
       and (l.bevatel_id = $1 or l.external_id = $1 or ${WENT_INTO}
         or (l.gone_at is not null and exists (select from json_array_elements(coalesce(l.state -> 'apart', '[]'::json)) as p where p ->> 'id' = $1)))
     order by l.tenant_id, l.integration_id, l.link_id limit 100`,
    [contactId, filter.tenantId, filter.integrationId]);
  return rows.map(toStoredLink);
}
