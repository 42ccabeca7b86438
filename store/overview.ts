/** The numbers of the status: what waits, what is held, how far the listings are. Counting only, nothing is locked. */
import type { Pool } from 'pg';
import { LANES } from '../schemas/value.ts';
import type { Lane, Side } from '../schemas/value.ts';

interface OfIntegration {
  readonly tenantId: string;
  readonly integrationId: string;
}

export interface QueueCount extends OfIntegration {
  readonly kind: 'write' | 'create';
  readonly lane: Lane;
  /** Due now, or leased. */
  readonly due: number;
  /** Waiting for a later time: a retry, or the end of a call. */
  readonly waiting: number;
}

interface Key { tenant_id: string; integration_id: string }

function keyOf(row: Key): OfIntegration {
  return { tenantId: row.tenant_id, integrationId: row.integration_id };
}

export async function countQueue(pool: Pool, now: number): Promise<readonly QueueCount[]> {
  const { rows } = await pool.query<Key & { due_kind: 'write' | 'create'; lane: number; due: string; waiting: string }>(
    `select tenant_id, integration_id, due_kind, lane,
       count(*) filter (where due_at <= $1) as due, count(*) filter (where due_at > $1) as waiting
     from links where due_at is not null group by 1, 2, 3, 4`, [now]);
  return rows.map((row) => ({ ...keyOf(row), kind: row.due_kind, lane: LANES[row.lane] ?? 'backfill', due: Number(row.due), waiting: Number(row.waiting) }));
}

/** How many of the links that are due first are looked at for the oldest. */
const OLDEST_AMONG = 2_000;

export interface OldestWait extends OfIntegration {
  /** When the newest image behind the longest waiting write was folded (epoch ms). */
  readonly since: number;
}

/** Per integration the longest wait of a link on which something is to be written. */
export async function oldestWaits(pool: Pool): Promise<readonly OldestWait[]> {
  const { rows } = await pool.query<Key & { since: string }>(
    `select i.tenant_id, i.integration_id, min(w.since) as since from integrations i
     cross join lateral (
       select greatest((l.state #>> '{seen,bevatel,recordedAt}')::bigint, (l.state #>> '{seen,external,recordedAt}')::bigint) as since
       from links l where l.tenant_id = i.tenant_id and l.integration_id = i.integration_id and l.due_at is not null
       order by l.lane, l.due_at limit ${OLDEST_AMONG}
     ) as w
     where w.since is not null group by 1, 2`);
  return rows.map((row) => ({ ...keyOf(row), since: Number(row.since) }));
}

export interface LinkCount extends OfIntegration {
  readonly paired: number;
  readonly oneSided: number;
  readonly erased: number;
  /** Links with at least one hold, and the holds on them. */
  readonly heldLinks: number;
  readonly holds: number;
}

export async function countLinks(pool: Pool): Promise<readonly LinkCount[]> {
  const { rows } = await pool.query<Key & { paired: string; one_sided: string; erased: string; held_links: string; holds: string }>(
    `select tenant_id, integration_id,
       count(*) filter (where not erased and bevatel_id is not null and external_id is not null) as paired,
       count(*) filter (where not erased and (bevatel_id is null or external_id is null)) as one_sided,
       count(*) filter (where erased) as erased,
       count(*) filter (where held > 0) as held_links, coalesce(sum(held), 0) as holds
     from links group by 1, 2`);
  return rows.map((row) => ({ ...keyOf(row), paired: Number(row.paired), oneSided: Number(row.one_sided), erased: Number(row.erased), heldLinks: Number(row.held_links), holds: Number(row.holds) }));
}

export interface DeadLetterCount {
  readonly tenantId: string | null;
  readonly integrationId: string | null;
  readonly code: string;
  readonly open: number;
}

export async function countOpenDeadLetters(pool: Pool): Promise<readonly DeadLetterCount[]> {
  const { rows } = await pool.query<{ tenant_id: string | null; integration_id: string | null; code: string; open: string }>(
    "select tenant_id, integration_id, code, count(*) as open from dead_letters where status = 'open' group by 1, 2, 3 order by 3");
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, code: row.code, open: Number(row.open) }));
}

export interface ListingProgress extends OfIntegration {
  readonly side: Side;
  readonly records: number;
  readonly total: number | null;
  readonly startedAt: number;
  /** When the last page was listed, and when all of it stood in links; null before. */
  readonly listedAt: number | null;
  readonly storedAt: number | null;
}

export async function listingProgress(pool: Pool): Promise<readonly ListingProgress[]> {
  const { rows } = await pool.query<Key & { side: Side; records: number; total: number | null; started_at: string; listed_at: string | null; stored_at: string | null }>(
    'select tenant_id, integration_id, side, records, total, started_at, listed_at, stored_at from listings');
  return rows.map((row) => ({
    ...keyOf(row), side: row.side, records: row.records, total: row.total, startedAt: Number(row.started_at),
    listedAt: row.listed_at === null ? null : Number(row.listed_at), storedAt: row.stored_at === null ? null : Number(row.stored_at),
  }));
}

export interface StoredPosition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: number;
}

/** Every position that any consumer stored. */
export async function allPositions(pool: Pool): Promise<readonly StoredPosition[]> {
  const { rows } = await pool.query<{ consumer_group: string; topic: string; partition: number; next_offset: string }>(
    'select consumer_group, topic, partition, next_offset from positions order by 1, 2, 3');
  return rows.map((row) => ({ group: row.consumer_group, topic: row.topic, partition: row.partition, nextOffset: Number(row.next_offset) }));
}
