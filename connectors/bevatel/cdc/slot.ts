/**
 * The replication slot: Postgres' memory of what we have confirmed. Outcomes are named; a lost slot is no error here,
 * because its cure (a new slot and a new snapshot) is the caller's next step.
 */
import type { ClientBase } from 'pg';

import { SyncError } from '../../../schemas/errors.ts';
import type { Lsn } from './lsn.ts';
import { parseLsn } from './lsn.ts';

export type SlotState =
  | { readonly kind: 'missing' }
  /** Postgres removed log that we had not confirmed, or invalidated the slot: changes are gone. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'usable'; readonly confirmed: Lsn; readonly activePid: number | null };

interface SlotRow {
  confirmed_flush_lsn: string | null;
  active_pid: number | null;
  wal_status: string | null;
  plugin: string | null;
  database: string | null;
  here: string;
}

export async function inspectSlot(client: ClientBase, slot: string): Promise<SlotState> {
  const { rows } = await client.query<SlotRow>(
    `SELECT confirmed_flush_lsn::text, active_pid, wal_status, plugin, database, current_database() AS here
       FROM pg_replication_slots WHERE slot_name = $1`,
    [slot],
  );
  const [row] = rows;
  if (row === undefined) return { kind: 'missing' };
  if (row.plugin !== 'pgoutput' || row.database !== row.here) {
    throw new SyncError('configuration_invalid', `the replication slot ${slot} belongs to another database or plugin; give this service a slot name of its own`);
  }
  if (row.wal_status === 'lost' || row.confirmed_flush_lsn === null) return { kind: 'lost' };
  return { kind: 'usable', confirmed: parseLsn(row.confirmed_flush_lsn), activePid: row.active_pid };
}

/** Creates the slot. Every transaction that commits after this call returned is in its stream. */
export async function createSlot(client: ClientBase, slot: string): Promise<void> {
  await client.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
}

/** Drops the slot if it is there; a slot that is in use is refused by Postgres. */
export async function dropSlot(client: ClientBase, slot: string): Promise<void> {
  await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot]);
}

/** What Postgres keeps for us: log that is written but not confirmed. */
export interface SlotLag {
  readonly bytes: number;
  /** For how long log has been known that is not confirmed yet; short by at most the interval between two calls. */
  readonly seconds: number;
}

/** Turns bytes of lag into seconds: remembers when the log's end stood where. Pure; one per slot. */
export class SlotLagMeter {
  #ends: { at: number; end: Lsn }[] = [];

  /** @param at our clock, epoch ms */
  observe(at: number, end: Lsn, confirmed: Lsn): SlotLag {
    this.#ends.push({ at, end });
    const newer = this.#ends.findIndex((entry) => entry.end > confirmed);
    if (newer === -1) {
      this.#ends = this.#ends.slice(-1);
      return { bytes: 0, seconds: 0 };
    }
    this.#ends = thinned(this.#ends.slice(newer));
    const written = this.#ends[0]?.at ?? at;
    return { bytes: Number(end - confirmed), seconds: Math.max(0, at - written) / 1_000 };
  }
}

const REMEMBERED_ENDS = 1_000;

/** Keeps the first, whose age is the answer, and halves the rest when they are too many. */
function thinned<T>(entries: T[]): T[] {
  return entries.length <= REMEMBERED_ENDS ? entries : entries.filter((_, index) => index % 2 === 0);
}

export async function readSlotEnds(client: ClientBase, slot: string): Promise<{ end: Lsn; confirmed: Lsn } | undefined> {
  const { rows } = await client.query<{ end: string; confirmed: string | null }>(
    `SELECT pg_current_wal_lsn()::text AS end, confirmed_flush_lsn::text AS confirmed
       FROM pg_replication_slots WHERE slot_name = $1`,
    [slot],
  );
  const [row] = rows;
  if (row === undefined || row.confirmed === null) return undefined;
  return { end: parseLsn(row.end), confirmed: parseLsn(row.confirmed) };
}
