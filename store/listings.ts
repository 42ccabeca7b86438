/**
 * Listings: how far the full listing of one side of an integration has come. The cursor is stored only after the page
 * before it landed, so that a listing goes on where it stopped. The marks at its end are store/listing-marks.ts.
 */
import type { Pool } from 'pg';
import { LANES } from '../schemas/value.ts';
import type { Lane, Side } from '../schemas/value.ts';
import type { IntegrationKey } from './integrations.ts';

export interface ListingKey extends IntegrationKey {
  readonly side: Side;
}

export interface Listing {
  /** `<lane>:<unique id>`; travels as the record id of the marks. */
  readonly listingId: string;
  readonly lane: Lane;
  /** Null before the first page has landed. */
  readonly cursor: string | null;
  readonly records: number;
  readonly total: number | null;
  readonly startedAt: number;
  /** When all pages and the marks had landed on the topic; null before. */
  readonly listedAt: number | null;
  /** When the reconciler had folded the marks of all partitions. */
  readonly storedAt: number | null;
}

interface Row {
  listing_id: string; cursor: string | null; records: number; total: number | null; started_at: string; listed_at: string | null; stored_at: string | null;
}

const COLUMNS = 'listing_id, cursor, records, total, started_at, listed_at, stored_at';
const BY_KEY = 'tenant_id = $1 and integration_id = $2 and side = $3';

export function newListingId(lane: Lane, id: string): string {
  return `${lane}:${id}`;
}

function laneOf(listingId: string): Lane {
  const name = listingId.slice(0, listingId.indexOf(':'));
  return LANES.find((lane) => lane === name) ?? 'backfill';
}

function toListing(row: Row): Listing {
  return {
    listingId: row.listing_id, lane: laneOf(row.listing_id), cursor: row.cursor, records: row.records, total: row.total, startedAt: Number(row.started_at),
    listedAt: row.listed_at === null ? null : Number(row.listed_at), storedAt: row.stored_at === null ? null : Number(row.stored_at),
  };
}

function keyValues(key: ListingKey): string[] {
  return [key.tenantId, key.integrationId, key.side];
}

export async function readListing(pool: Pool, key: ListingKey): Promise<Listing | null> {
  const { rows } = await pool.query<Row>(`select ${COLUMNS} from listings where ${BY_KEY}`, keyValues(key));
  return rows[0] ? toListing(rows[0]) : null;
}

/** Begins the first listing of a side, or gives the one that stands there already, finished or not. */
export async function beginListing(pool: Pool, key: ListingKey, listingId: string, now: number): Promise<Listing> {
  const { rows } = await pool.query<Row>(
    `insert into listings (tenant_id, integration_id, side, listing_id, started_at) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, integration_id, side) do update set listing_id = listings.listing_id
     returning ${COLUMNS}`,
    [...keyValues(key), listingId, now],
  );
  const row = rows[0];
  if (!row) throw new Error('an upsert returned no row');
  return toListing(row);
}

/** Begins a listing anew, whatever stands there; one of which no page has landed yet serves as well. */
export async function beginAnew(pool: Pool, key: ListingKey, listingId: string, now: number): Promise<void> {
  await pool.query(
    `insert into listings as l (tenant_id, integration_id, side, listing_id, started_at) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, integration_id, side) do update
       set listing_id = excluded.listing_id, cursor = null, records = 0, total = null, started_at = excluded.started_at, listed_at = null, marks = '{}', stored_at = null
       where l.listed_at is not null or l.cursor is not null`,
    [...keyValues(key), listingId, now],
  );
}

export type ListingOutcome = 'STORED' | 'ANOTHER_LISTING_WENT_ON';

export interface ListingProgress {
  readonly listingId: string;
  /** The cursor that the page came from; the compare in compare-and-set. */
  readonly from: string | null;
  readonly cursor: string | null;
  readonly records: number;
  readonly total: number | null;
}

export async function advanceListing(pool: Pool, key: ListingKey, progress: ListingProgress): Promise<ListingOutcome> {
  const { rowCount } = await pool.query(
    `update listings set cursor = $6, records = records + $7, total = coalesce($8, total)
     where ${BY_KEY} and listing_id = $4 and cursor is not distinct from $5 and listed_at is null`,
    [...keyValues(key), progress.listingId, progress.from, progress.cursor, progress.records, progress.total],
  );
  return rowCount === 1 ? 'STORED' : 'ANOTHER_LISTING_WENT_ON';
}

/** The last page and the marks have landed. `progress.cursor` is of no use here. */
export async function finishListing(pool: Pool, key: ListingKey, progress: ListingProgress, now: number): Promise<ListingOutcome> {
  const { rowCount } = await pool.query(
    `update listings set records = records + $6, total = records + $6, listed_at = $7
     where ${BY_KEY} and listing_id = $4 and cursor is not distinct from $5 and listed_at is null`,
    [...keyValues(key), progress.listingId, progress.from, progress.records, now],
  );
  return rowCount === 1 ? 'STORED' : 'ANOTHER_LISTING_WENT_ON';
}
