/** Leases: which due links one worker writes at a time (design §6). A crash frees them when the lease ends. */
import type { Transaction } from '../runtime/database.ts';
import { LANES } from '../schemas/value.ts';
import { LINK_COLUMNS, toStoredLink } from './links.ts';
import type { LinkKey, StoredLink } from './links.ts';

export interface LeaseRequest {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly limit: number;
  readonly now: number;
  /** Creation of partners waits for the first listings of both sides. */
  readonly mayCreate: boolean;
  /** Links of the backfill lane are taken when this many are due, or the oldest waits this long (ms), so that batches fill. */
  readonly backfill: { readonly atLeast: number; readonly orAfterMs: number };
}

type DueRow = Parameters<typeof toStoredLink>[0] & { readonly due_at: string };

/** Locks due links for the rest of the transaction, the live lane first; other workers pass them over. */
export async function lockDue(transaction: Transaction, request: LeaseRequest): Promise<StoredLink[]> {
  const { rows } = await transaction.query<DueRow>({
    name: 'lock-due',
    text: `
      select ${LINK_COLUMNS}, l.due_at from links l
      where l.tenant_id = $1 and l.integration_id = $2 and l.due_at <= $3
        and (l.lease_until is null or l.lease_until <= $3)
        and ($4 or l.due_kind = 'write')
      order by l.lane, l.due_at
      limit $5
      for update skip locked`,
    values: [request.tenantId, request.integrationId, request.now, request.mayCreate, request.limit],
  });
  const backfill = rows.filter((row) => LANES[row.lane] === 'backfill');
  const isRipe = backfill.length >= request.backfill.atLeast || backfill.some((row) => Number(row.due_at) <= request.now - request.backfill.orAfterMs);
  return (isRipe ? rows : rows.filter((row) => LANES[row.lane] !== 'backfill')).toSorted(inTurn).map(toStoredLink);
}

/** Those that are due since the same moment by their ids, so that the same state is worked off in the same order (I12); sorted here, where no index has to. */
function inTurn(a: DueRow, b: DueRow): number {
  return a.lane - b.lane || Number(a.due_at) - Number(b.due_at) || (a.link_id < b.link_id ? -1 : 1);
}

/** Locks links by key, in the common order. */
export async function lockByKey(transaction: Transaction, keys: readonly LinkKey[]): Promise<StoredLink[]> {
  const { rows } = await transaction.query<Parameters<typeof toStoredLink>[0]>({
    name: 'lock-by-key',
    text: `
      select ${LINK_COLUMNS} from links l
      where (l.tenant_id, l.integration_id, l.link_id) in (select * from unnest($1::text[], $2::text[], $3::text[]))
      order by l.tenant_id, l.integration_id, l.link_id
      for update of l`,
    values: [keys.map((one) => one.tenantId), keys.map((one) => one.integrationId), keys.map((one) => one.linkId)],
  });
  return rows.map(toStoredLink);
}
