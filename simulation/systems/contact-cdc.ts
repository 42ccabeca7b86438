/**
 * Change data capture of the simulated Bevatel (the port of connectors/bevatel/cdc/contact-cdc.ts): a log of row changes,
 * and a slot that remembers up to where they were confirmed. Streaming is at least once: what a process did not confirm
 * before its end comes again.
 */
import type { ContactCdc, ReadOptions, StreamEnd } from '../../connectors/bevatel/cdc/contact-cdc.ts';
import type { CdcRow, RowEvent } from '../../connectors/bevatel/cdc/row-event.ts';
import { CONTACT_FIELDS } from '../../schemas/contact.ts';
import type { Incarnation } from '../engine/incarnation.ts';
import { stateOf } from './record.ts';
import type { RecordState, SimulatedRecord } from './record.ts';
import type { SimulatedSystem } from './system.ts';

/** A row change as it stands in the log; received when it is streamed. */
type Logged = Pick<RowEvent, 'op' | 'old' | 'new' | 'commitTime'>;

/** The slot on Bevatel's server: outlives every process. */
export class Slot {
  readonly #system: SimulatedSystem;
  readonly #tenant: string;
  readonly #log: Logged[] = [];
  readonly #waiting = new Set<() => void>();
  /** Null while there is no slot. */
  confirmed: number | null = null;

  constructor(system: SimulatedSystem, tenant: string) {
    this.#system = system;
    this.#tenant = tenant;
    system.listeners.push(({ record, before, after }) => {
      this.#log.push({ op: before ? 'update' : 'insert', old: before && this.row(record, before), new: this.row(record, after), commitTime: system.clockAt });
      for (const wake of this.#waiting) wake();
    });
  }

  create(): boolean {
    if (this.confirmed !== null) return false;
    this.confirmed = this.#log.length;
    return true;
  }

  /** Never goes back, whoever was late. */
  confirm(position: number): void {
    if (this.confirmed !== null) this.confirmed = Math.max(this.confirmed, position);
  }

  lose(): void {
    this.confirmed = null;
    for (const wake of this.#waiting) wake();
  }

  get isDrained(): boolean {
    return this.confirmed === this.#log.length;
  }

  from(position: number, count: number): readonly Logged[] {
    return this.#log.slice(position, position + count);
  }

  rows(): CdcRow[] {
    return [...this.#system.records.values()].map((record) => this.row(record, stateOf(record)));
  }

  /** Tells once that there is more, or that the slot is lost. */
  onNews(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  row(record: SimulatedRecord, state: RecordState): CdcRow {
    const plain = Object.keys(CONTACT_FIELDS).map((field) => [field, state.fields[field] ?? null]);
    const custom = Object.entries(state.fields).filter(([field, value]) => field.startsWith('custom.') && value !== null).map(([field, value]) => [field.slice('custom.'.length), value]);
    return {
      ...Object.fromEntries(plain),
      custom: Object.fromEntries(custom),
      tenant_id: this.#tenant, id: record.id, version: String(state.version), external_references: state.references,
      updated_at: new Date(state.modifiedAt), updated_by: state.updatedBy,
      deleted_at: state.life === 'deleted' ? new Date(state.modifiedAt) : null,
      merged_into: typeof state.life === 'object' ? state.life.mergedInto : null,
      erased: state.life === 'erased',
    };
  }
}

/** How one process streams from the slot. */
export function contactCdc(slot: Slot, incarnation: Incarnation): ContactCdc {
  const way = (): number => incarnation.random.int(1, 40);
  return {
    prepare: () => incarnation.passes('call', way(), () => (slot.create() ? 'created' : 'present')),
    stream: (options) => stream(slot, incarnation, options),
    snapshot: async ({ onBatch }) => {
      const observedFrom = incarnation.clock();
      const rows = await incarnation.passes('call', way(), () => slot.rows());
      const observedTo = incarnation.clock();
      await onBatch(rows.map((row) => ({ op: 'snapshot', lsn: '0/0', commitTime: null, observedFrom, observedTo, old: null, new: row })));
      return { rows: rows.length, complete: true };
    },
    lag: () => Promise.resolve(undefined),
    remove: () => Promise.resolve(slot.lose()),
  };
}

async function stream(slot: Slot, incarnation: Incarnation, { signal, onBatch }: ReadOptions): Promise<StreamEnd> {
  let position = slot.confirmed;
  while (!signal.aborted) {
    if (slot.confirmed === null || position === null) return { kind: 'slot_lost', reason: 'missing' };
    const events = slot.from(position, incarnation.random.int(1, 6));
    if (events.length === 0) {
      await news(slot, incarnation, signal);
      continue;
    }
    const at = incarnation.clock();
    await onBatch(events.map((event): RowEvent => ({ ...event, lsn: '0/0', observedFrom: at, observedTo: at })));
    position += events.length;
    const next = position;
    await incarnation.passes('call', incarnation.random.int(1, 10), () => slot.confirm(next));
  }
  return { kind: 'stopped' };
}

/** Waits for the log to grow, or for the end. */
function news(slot: Slot, incarnation: Incarnation, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop();
      signal.removeEventListener('abort', end);
      incarnation.later(incarnation.random.int(1, 40), resolve);
    };
    const stop = slot.onNews(end);
    signal.addEventListener('abort', end, { once: true });
  });
}
