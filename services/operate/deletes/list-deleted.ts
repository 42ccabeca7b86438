/** Lists and shows what was deleted. */
import type { Pool } from 'pg';
import type { Deleted, DeletedDetail } from '../../../schemas/api-deletes.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { decisionsOfLink } from '../../../store/decisions.ts';
import { findLinksOfFormer, listGoneLinks } from '../../../store/deleted.ts';
import type { GoneCursor } from '../../../store/deleted.ts';
import { deletedDetail, deletedOf } from './deleted-view.ts';

interface Filter {
  readonly tenant?: string | undefined;
  readonly integration?: string | undefined;
}

const DECISIONS = 200;

export async function listDeleted(pool: Pool, query: Filter & { readonly limit: number; readonly after?: string | undefined }): Promise<{ deleted: Deleted[]; next: string | null }> {
  const links = await listGoneLinks(pool, filterOf(query), { limit: query.limit, after: query.after === undefined ? null : parseCursor(query.after) });
  const last = links.length === query.limit ? links.at(-1) : undefined;
  return { deleted: links.flatMap(({ link }) => deletedOf(link) ?? []), next: last ? `${last.goneAt}/${last.link.linkId}` : null };
}

/** Throws SyncError `not_found` for an id that no link has or had, and where nothing is gone. */
export async function showDeleted(pool: Pool, query: Filter & { readonly contact: string }): Promise<{ links: DeletedDetail[] }> {
  const found = await findLinksOfFormer(pool, query.contact, filterOf(query));
  const links = await Promise.all(found.map(async ({ link }) => deletedDetail(link, await decisionsOfLink(pool, link, DECISIONS)) ?? []));
  if (links.flat().length === 0) throw new SyncError('not_found', found.length === 0 ? 'no link has or had a contact of this id' : 'nothing of this contact is deleted');
  return { links: links.flat() };
}

export function filterOf({ tenant, integration }: Filter): { tenantId: string | null; integrationId: string | null } {
  return { tenantId: tenant ?? null, integrationId: integration ?? null };
}

function parseCursor(after: string): GoneCursor {
  const match = /^(?<at>\d{1,15})\/(?<link>.+)$/.exec(after);
  const { at, link } = match?.groups ?? {};
  if (at === undefined || link === undefined) throw new SyncError('change_malformed', 'after is no cursor of this list');
  return { at: Number(at), linkId: link };
}
