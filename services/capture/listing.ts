/**
 * Listing: all records of one side of an integration, once, in the backfill lane; again in the repair lane when
 * somebody begins the row anew (store/listings.ts).
 *
 * Resumable: the cursor is stored after its page has landed, while the next page is fetched already. At the end a mark
 * goes to every partition of the lane's topic, behind all records of the listing; when the reconciler has folded all of
 * them the listing is whole. Absence from a listing proves nothing (I9).
 */
import type { Pool } from 'pg';
import type { ListPage } from '../../connectors/connector.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { ContactChange } from '../../schemas/change.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import { advanceListing, beginListing, finishListing, newListingId, readListing } from '../../store/listings.ts';
import type { Listing } from '../../store/listings.ts';
import { changeOfListingEnd, changeOfRecord } from './change-of-record.ts';
import type { Observation } from './change-of-record.ts';
import { withinDeadline } from './deadline.ts';
import type { LiveIntegration } from './integration-set.ts';
import { createPatience } from './patience.ts';
import type { PublishChanges } from './publish-changes.ts';
import type { Report } from './report.ts';

export interface ListingOptions {
  readonly pool: Pool;
  readonly integration: LiveIntegration;
  readonly side: Side;
  readonly publishChanges: PublishChanges;
  /** Publishes one mark to each partition of the lane; the function makes the mark from their number. */
  readonly publishMarks: (lane: Lane, mark: (partitions: number) => ContactChange) => Promise<void>;
  readonly onProgress: (records: number) => void;
  readonly report: Report;
  readonly timeoutMs: number;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly random: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 2_000;

/** Lists what has to be listed until the signal ends: now the first time, later whenever the row was begun anew. */
export async function keepListed(options: ListingOptions): Promise<void> {
  const { integration, side, report, random, sleep, signal } = options;
  const patience = createPatience({ firstMs: 500, lastMs: 60_000, random });
  while (!signal.aborted) {
    let waitMs = LOOK_EVERY_MS;
    try {
      await listOnce(options);
      patience.reset();
    } catch (error) {
      if (signal.aborted) return;
      waitMs = patience.after(error);
      report.failed(`listing ${side}`, integration, error, waitMs);
    }
    await sleep(waitMs, signal);
  }
}

/** Goes on with the listing of this side from its cursor; nothing happens when it is finished. */
export async function listOnce(options: ListingOptions): Promise<void> {
  const { pool, clock, newId, signal } = options;
  const key = keyOf(options);
  const listing = (await readListing(pool, key)) ?? (await beginListing(pool, key, newListingId('backfill', newId()), clock()));
  if (listing.listedAt !== null) return;
  let { cursor, records } = listing;
  let fetched = await fetchPage(options, listing.lane, cursor);
  while (!signal.aborted) {
    const { page } = fetched;
    const landing = options.publishChanges(changesOf(options, fetched), listing.lane);
    const [next] = await Promise.all([page.next === null ? null : fetchPage(options, listing.lane, page.next), landing]);
    const progress = { listingId: listing.listingId, from: cursor, cursor: page.next, records: page.records.length, total: page.total };
    if (!next) await mark(options, listing);
    const outcome = next ? await advanceListing(pool, key, progress) : await finishListing(pool, key, progress, clock());
    records += page.records.length;
    options.onProgress(records);
    options.report.succeeded(options.integration);
    if (!next || outcome === 'ANOTHER_LISTING_WENT_ON') return;
    cursor = page.next;
    fetched = next;
  }
}

function keyOf({ integration, side }: ListingOptions) {
  return { tenantId: integration.tenantId, integrationId: integration.integrationId, side };
}

interface Fetched {
  readonly page: ListPage;
  readonly observedFrom: number;
  readonly observedTo: number;
}

async function fetchPage({ integration, side, timeoutMs: ms, clock, sleep, signal }: ListingOptions, lane: Lane, cursor: string | null): Promise<Fetched> {
  const observedFrom = clock();
  const page = await withinDeadline({ signal, ms, sleep }, (until) => integration.connector(side).list({ cursor, fields: integration.fields[side] }, { lane, signal: until }));
  return { page, observedFrom, observedTo: clock() };
}

function observation(options: ListingOptions, observedFrom: number, observedTo: number): Observation {
  return { ...keyOf(options), changeId: options.newId(), capture: 'listing', readById: false, observedFrom, observedTo };
}

function changesOf(options: ListingOptions, { page, observedFrom, observedTo }: Fetched): ContactChange[] {
  return page.records.map((record) => changeOfRecord(record, observation(options, observedFrom, observedTo)));
}

async function mark(options: ListingOptions, listing: Listing): Promise<void> {
  const now = options.clock();
  await options.publishMarks(listing.lane, (partitions) => changeOfListingEnd(listing.listingId, partitions, observation(options, now, now)));
}
