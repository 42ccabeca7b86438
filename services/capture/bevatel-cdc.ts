/**
 * Change data capture of Bevatel's database: stream → contact.changes.live, snapshots → the backfill lane the first time
 * and the repair lane after a lost slot. Positions are confirmed to Postgres only after Kafka's acknowledgement.
 *
 * Whether a snapshot is owed stands in a row (store/listings.ts) that is written before the slot is made, so that a
 * crash between the two costs a second snapshot and never a gap. One process at a time does this; others stand by.
 */
import type { Pool } from 'pg';
import type { ContactCdc, StreamEnd } from '../../connectors/bevatel/cdc/contact-cdc.ts';
import { changeOfRow } from '../../connectors/bevatel/cdc/change-of-row.ts';
import type { RowEvent } from '../../connectors/bevatel/cdc/row-event.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { ContactChange } from '../../schemas/change.ts';
import type { Lane } from '../../schemas/value.ts';
import { beginAnew, beginListing, finishListing, newListingId, readListing } from '../../store/listings.ts';
import type { Listing, ListingKey } from '../../store/listings.ts';
import { createPatience } from './patience.ts';
import type { PublishChanges } from './publish-changes.ts';
import type { Report } from './report.ts';

export interface BevatelCdcOptions {
  readonly cdc: ContactCdc;
  /** Of slot and publication. */
  readonly name: string;
  readonly pool: Pool;
  /** For the stream, and for snapshots, which must not delay it. */
  readonly publishLive: PublishChanges;
  readonly publishBulk: PublishChanges;
  readonly customNames: () => readonly string[];
  readonly report: Report;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly random: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

/** Bevatel's database belongs to no tenant and no integration. */
function keyOf(name: string): ListingKey {
  return { tenantId: '-', integrationId: name, side: 'bevatel' };
}

/** Captures until the signal ends. */
export async function runBevatelCdc(options: BevatelCdcOptions): Promise<void> {
  const { report, random, sleep, signal } = options;
  const patience = createPatience({ firstMs: 200, lastMs: 10_000, random });
  while (!signal.aborted) {
    try {
      const end = await captureOnce(options);
      patience.reset();
      if (end.kind === 'slot_lost') await oweSnapshot(options);
    } catch (error) {
      if (signal.aborted) return;
      const waitMs = patience.after(error);
      report.failed('cdc', null, error, waitMs);
      await sleep(waitMs, signal);
    }
  }
}

async function oweSnapshot({ pool, name, clock, newId }: BevatelCdcOptions): Promise<void> {
  await beginAnew(pool, keyOf(name), newListingId('repair', newId()), clock());
}

/** Streams until the slot is lost or the signal ends; beside it the snapshot that is owed, if one is. */
async function captureOnce(options: BevatelCdcOptions): Promise<StreamEnd> {
  const { cdc, pool, name, clock, newId, signal } = options;
  const owed = (await readListing(pool, keyOf(name))) ?? (await beginListing(pool, keyOf(name), newListingId('backfill', newId()), clock()));
  const onBatch = (events: readonly RowEvent[]): Promise<void> => options.publishLive(changesOf(options, events), 'live');
  if (owed.listedAt !== null) return cdc.stream({ signal, onBatch });
  await cdc.prepare();
  const ended = new AbortController();
  const snapshot = snapshotUntilDone(options, owed, AbortSignal.any([signal, ended.signal]));
  try {
    return await cdc.stream({ signal, onBatch });
  } finally {
    ended.abort();
    await snapshot;
  }
}

/** Repeats an interrupted snapshot from its start; the stream goes on meanwhile. */
async function snapshotUntilDone(options: BevatelCdcOptions, owed: Listing, signal: AbortSignal): Promise<void> {
  const { cdc, pool, name, report, clock, random, sleep } = options;
  const patience = createPatience({ firstMs: 500, lastMs: 30_000, random });
  const lane: Lane = owed.lane;
  while (!signal.aborted) {
    try {
      const { rows, complete } = await cdc.snapshot({ signal, onBatch: (events) => options.publishBulk(changesOf(options, events), lane) });
      if (!complete) return;
      await finishListing(pool, keyOf(name), { listingId: owed.listingId, from: null, cursor: null, records: rows, total: rows }, clock());
      return;
    } catch (error) {
      const waitMs = patience.after(error);
      report.failed('cdc snapshot', null, error, waitMs);
      await sleep(waitMs, signal);
    }
  }
}

function changesOf({ customNames, newId }: BevatelCdcOptions, events: readonly RowEvent[]): ContactChange[] {
  const names = customNames();
  const changes: ContactChange[] = [];
  for (const event of events) {
    const change = changeOfRow(event, { newId, customNames: names });
    if (change) changes.push(change);
  }
  return changes;
}
