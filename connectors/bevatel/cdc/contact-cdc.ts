/**
 * Change data capture from Bevatel's Postgres: committed changes of the table `contacts`, in commit order, at least
 * once.
 *
 *  1. `prepare` checks the table and makes publication and slot where they are missing. It says whether changes may
 *     have been missed: then the caller reads a `snapshot` (lane backfill the first time, else repair).
 *  2. `stream` yields every change that commits after the slot was made. It confirms a transaction to Postgres only
 *     after `onBatch` resolved for all its rows, so a crash repeats and never loses. It reconnects by itself, and ends
 *     by a named outcome when it is stopped or when the slot is lost.
 *  3. `lag` reads how far behind the slot is.
 *
 * Several processes may stream from one slot name: Postgres lets one in, the others wait as standby.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';
import type { ClientConfig } from 'pg';

import { SyncError, isSyncError } from '../../../schemas/errors.ts';
import type { Lsn } from './lsn.ts';
import type { CdcTable } from './publication.ts';
import { checkTable, ensurePublication } from './publication.ts';
import { ReplicationSession } from './session.ts';
import type { RowEvent } from './row-event.ts';
import type { SlotLag } from './slot.ts';
import { SlotLagMeter, createSlot, dropSlot, inspectSlot, readSlotEnds } from './slot.ts';
import type { SnapshotResult } from './snapshot.ts';
import { readSnapshot } from './snapshot.ts';

export interface ContactCdcOptions {
  /** The role needs REPLICATION, SELECT on the table, and its ownership unless the publication exists already. */
  readonly databaseUrl: string;
  /** Names publication and slot; one per service and database, since slots belong to the whole server. */
  readonly name: string;
  readonly table?: CdcTable;
  /** Rows handed over at once. Default 1,000. */
  readonly maxBatchRows?: number;
  /** Default 1,000 ms; must stay well below the server's `wal_sender_timeout`. */
  readonly statusIntervalMs?: number;
  /** Default 30,000 ms. */
  readonly silenceLimitMs?: number;
  /** Default 10,000 ms. */
  readonly drainLimitMs?: number;
  /** First wait after a lost connection; doubles up to `maxRetryDelayMs`. Defaults 100 and 10,000 ms. */
  readonly retryDelayMs?: number;
  readonly maxRetryDelayMs?: number;
  readonly clock?: () => number;
  /** 0 ≤ n < 1, for jitter. */
  readonly random?: () => number;
  /** Told whenever the stream's state changes; for logs and metrics. */
  readonly onState?: (state: StreamState) => void;
}

const STANDBY_DELAY_MS = 1_000;

export type StreamState =
  | { readonly kind: 'streaming' }
  /** Another process has the slot. */
  | { readonly kind: 'standby' }
  | { readonly kind: 'retrying'; readonly error: SyncError; readonly delayMs: number };

/** `created` and `recreated` ask for a snapshot: changes before this moment are in no stream. */
export type Prepared = 'present' | 'created' | 'recreated';

export type StreamEnd = { readonly kind: 'stopped' } | { readonly kind: 'slot_lost'; readonly reason: 'missing' | 'invalidated' };

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Resolves when the events are safe (Kafka has them). A rejection is retried from the confirmed position. */
  readonly onBatch: (events: readonly RowEvent[]) => Promise<void>;
}

export interface ContactCdc {
  /** Throws SyncError: `configuration_invalid`, `replica_identity_missing`, `database_unavailable`. */
  prepare(): Promise<Prepared>;
  /** All rows as they are now; may run beside `stream`. Repeated from its start if interrupted. */
  snapshot(options: ReadOptions & { readonly pageRows?: number }): Promise<SnapshotResult>;
  stream(options: ReadOptions): Promise<StreamEnd>;
  /** Undefined when there is no slot. */
  lag(): Promise<SlotLag | undefined>;
  /** Removes slot and publication: nothing is kept for us any more. */
  remove(): Promise<void>;
}

type Settings = Required<Omit<ContactCdcOptions, 'onState'>> & Pick<ContactCdcOptions, 'onState'>;

export function createContactCdc(options: ContactCdcOptions): ContactCdc {
  const settings: Settings = {
    table: { schema: 'public', table: 'contacts' },
    maxBatchRows: 1_000,
    statusIntervalMs: 1_000,
    silenceLimitMs: 30_000,
    drainLimitMs: 10_000,
    retryDelayMs: 100,
    maxRetryDelayMs: 10_000,
    clock: Date.now,
    random: Math.random,
    ...options,
  };
  if (!/^[a-z0-9_]{1,63}$/.test(settings.name)) {
    throw new SyncError('configuration_invalid', 'the name of slot and publication must be 1 to 63 of a-z, 0-9 and _');
  }
  const meter = new SlotLagMeter();
  return {
    prepare: () => withClient(settings, (client) => prepare(client, settings)),
    snapshot: ({ pageRows = 1_000, signal, onBatch }) =>
      withClient(settings, (client) =>
        readSnapshot(client, { table: settings.table, pageRows, clock: settings.clock, signal, onBatch }),
      ),
    stream: (read) => stream(settings, read),
    lag: () =>
      withClient(settings, async (client) => {
        const ends = await readSlotEnds(client, settings.name);
        return ends === undefined ? undefined : meter.observe(settings.clock(), ends.end, ends.confirmed);
      }),
    remove: () =>
      withClient(settings, async (client) => {
        await dropSlot(client, settings.name);
        await client.query(`DROP PUBLICATION IF EXISTS ${client.escapeIdentifier(settings.name)}`);
      }),
  };
}

async function prepare(client: Client, { name, table }: Settings): Promise<Prepared> {
  await checkTable(client, table);
  await ensurePublication(client, name, table);
  const state = await inspectSlot(client, name);
  if (state.kind === 'usable') return 'present';
  if (state.kind === 'lost') await dropSlot(client, name);
  await createSlot(client, name);
  return state.kind === 'lost' ? 'recreated' : 'created';
}

async function stream(settings: Settings, read: ReadOptions): Promise<StreamEnd> {
  let waits = 0;
  while (!read.signal.aborted) {
    const begun = settings.clock();
    try {
      const state = await withClient(settings, (client) => inspectSlot(client, settings.name));
      if (state.kind === 'missing') return { kind: 'slot_lost', reason: 'missing' };
      if (state.kind === 'lost') return { kind: 'slot_lost', reason: 'invalidated' };
      if (state.activePid === null) {
        await runSession(settings, state.confirmed, read);
      } else {
        settings.onState?.({ kind: 'standby' });
        await pause(Math.min(STANDBY_DELAY_MS, settings.retryDelayMs * 2 ** waits), read.signal);
        waits += 1;
      }
    } catch (error) {
      if (settings.clock() - begun > settings.maxRetryDelayMs) waits = 0;
      await retryLater(settings, error, waits, read.signal);
      waits += 1;
    }
  }
  return { kind: 'stopped' };
}

async function retryLater(settings: Settings, error: unknown, waits: number, signal: AbortSignal): Promise<void> {
  const classified = databaseError(error);
  if (classified.class === 'permanent') throw classified;
  const delayMs = Math.min(settings.maxRetryDelayMs, settings.retryDelayMs * 2 ** waits) * (0.5 + settings.random() / 2);
  settings.onState?.({ kind: 'retrying', error: classified, delayMs });
  await pause(delayMs, signal);
}

async function runSession(settings: Settings, confirmed: Lsn, read: ReadOptions): Promise<void> {
  const session = new ReplicationSession({
    ...settings,
    client: clientConfig(settings),
    slot: settings.name,
    publication: settings.name,
    confirmed,
    onBatch: read.onBatch,
    onStarted: () => settings.onState?.({ kind: 'streaming' }),
  });
  await session.run(read.signal);
}

function clientConfig({ databaseUrl, name }: Settings): ClientConfig {
  return {
    connectionString: databaseUrl,
    application_name: name,
    connectionTimeoutMillis: 10_000,
    options: '-c datestyle=ISO -c timezone=UTC -c extra_float_digits=1',
  };
}

async function withClient<T>(settings: Settings, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(clientConfig(settings));
  client.on('error', () => undefined); // the query under way rejects with the same fault
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw databaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What the caller of `onBatch` threw keeps its class; everything else is Postgres being away. */
function databaseError(error: unknown): SyncError {
  if (isSyncError(error)) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const shown = typeof code === 'string' ? ` (${code})` : '';
  return new SyncError('database_unavailable', `Bevatel's database cannot be read${shown}`, { cause: error });
}

/** Ends early, without an error, when the signal does. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
