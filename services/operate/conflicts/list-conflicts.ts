/** Pages of what is held. A page ends between links; `next` names the last one. */
import type { Pool } from 'pg';
import type { Conflict } from '../../../schemas/api.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { listHeldLinks } from '../../../store/conflicts.ts';
import type { LinkKey } from '../../../store/links.ts';
import { conflictsOf } from './conflict-view.ts';

export interface ConflictQuery {
  readonly tenant?: string | undefined;
  readonly integration?: string | undefined;
  /** Links per page, each with all its holds. */
  readonly limit: number;
  readonly after?: string | undefined;
}

export async function listConflicts(pool: Pool, query: ConflictQuery): Promise<{ conflicts: Conflict[]; next: string | null }> {
  const filter = { tenantId: query.tenant ?? null, integrationId: query.integration ?? null };
  const links = await listHeldLinks(pool, filter, { limit: query.limit, after: query.after === undefined ? null : parseCursor(query.after) });
  const last = links.length === query.limit ? links.at(-1)?.link : undefined;
  return { conflicts: links.flatMap(conflictsOf), next: last ? `${last.tenantId}/${last.integrationId}/${last.linkId}` : null };
}

function parseCursor(after: string): LinkKey {
  const [tenantId, integrationId, linkId, ...rest] = after.split('/');
  if (tenantId === undefined || integrationId === undefined || linkId === undefined || rest.length > 0) throw new SyncError('change_malformed', 'after is no cursor of this list');
  return { tenantId, integrationId, linkId };
}
