/** Records of one side that share a match key, group by group in the order of their keys. */
import type { Pool } from 'pg';
import type { Side } from '../schemas/value.ts';
import type { IntegrationKey } from './integrations.ts';

export interface DuplicateGroup {
  readonly matchKey: string;
  readonly side: Side;
  /** How many bear the key, and the first of them by link id. */
  readonly count: number;
  readonly linkIds: readonly string[];
}

export interface DuplicateCursor {
  readonly matchKey: string;
  readonly side: Side;
}

/** So many of a group are told by name. */
export const MOST_BEARERS = 20;
/** Keys that are looked at for one page. */
const WINDOW = 20_000;

export interface DuplicatePage {
  readonly groups: readonly DuplicateGroup[];
  /** Where to go on; null when all keys were looked at. */
  readonly next: (DuplicateCursor & { /** One that bears the key. */ readonly linkId: string }) | null;
}

/** One statement over a bounded stretch of the keys, in the order of their index. */
export async function duplicateGroups(pool: Pool, { tenantId, integrationId }: IntegrationKey, after: DuplicateCursor | null, limit: number): Promise<DuplicatePage> {
  const { rows } = await pool.query<{ match_key: string; side: Side; count: string; link_ids: string[] }>(
    `with stretch as (
       select m.match_key, m.side, m.link_id from match_keys m
       where m.tenant_id = $1 and m.integration_id = $2 and ($3::text is null or (m.match_key, m.side) > ($3, $4))
       order by m.match_key, m.side, m.link_id limit $5
     )
     select match_key, side, count(*) as count, (array_agg(link_id order by link_id))[1:$6] as link_ids from stretch group by match_key, side order by match_key, side`,
    [tenantId, integrationId, after?.matchKey ?? null, after?.side ?? null, WINDOW, MOST_BEARERS]);
  const isCut = rows.reduce((sum, row) => sum + Number(row.count), 0) === WINDOW;
  // The last key of a stretch may go on behind it, unless it fills the stretch alone.
  const whole = isCut && rows.length > 1 ? rows.slice(0, -1) : rows;
  const shared = whole.filter((row) => Number(row.count) > 1);
  const groups = shared.slice(0, limit).map((row) => ({ matchKey: row.match_key, side: row.side, count: Number(row.count), linkIds: row.link_ids }));
  const last = shared.length > limit ? shared[limit - 1] : isCut ? whole.at(-1) : undefined;
  return { groups, next: last ? { matchKey: last.match_key, side: last.side, linkId: last.link_ids[0] ?? '' } : null };
}
