/** One record of a simulated system, in all the states that it was ever in; the newest stands last. */
import type { FieldTime, HistoryEntry } from '../../schemas/change.ts';
import type { RecordImage } from '../../schemas/record.ts';
import type { Capabilities } from '../../schemas/system.ts';
import type { Image, Value } from '../../schemas/value.ts';

export interface RecordState {
  readonly version: number;
  /** By the system's clock. */
  readonly modifiedAt: number;
  readonly updatedBy: string;
  readonly fields: Image;
  /** Partner's system → partner's id. */
  readonly references: Readonly<Record<string, string>>;
  readonly histories: Readonly<Record<string, readonly HistoryEntry[]>>;
  readonly life: 'live' | 'deleted' | 'erased' | { readonly mergedInto: string };
  readonly mergedIds: readonly string[];
}

export interface DatedState {
  /** World time. */
  readonly at: number;
  /** When the index shows it. */
  readonly indexedAt: number;
  readonly state: RecordState;
}

export interface SimulatedRecord {
  readonly id: string;
  /** Who it is, in truth. */
  readonly person: string;
  readonly states: DatedState[];
}

export function stateOf(record: SimulatedRecord): RecordState {
  return (record.states.at(-1) as DatedState).state;
}

/** As it stood then; null before it was there. */
export function stateAt(record: SimulatedRecord, at: number): RecordState | null {
  return record.states.findLast((one) => one.at <= at)?.state ?? null;
}

/** As the index shows it now. */
export function indexed(record: SimulatedRecord, now: number): RecordState | null {
  return record.states.findLast((one) => one.indexedAt <= now)?.state ?? null;
}

export function revisionOf({ revisions }: Capabilities, { version, modifiedAt }: RecordState): string | null {
  switch (revisions) {
    case 'strict': return String(version);
    case 'approximate': return String(modifiedAt);
    case 'none': return null;
    default: return revisions satisfies never;
  }
}

/** The fields asked for, as a connector shows them; with histories only where they are asked for and kept. */
export function imageOf(id: string, state: RecordState, capabilities: Capabilities, fields: readonly string[], histories: boolean): RecordImage {
  const values: Record<string, Value> = {};
  const fieldTimes: Record<string, FieldTime> = {};
  const shown: Record<string, readonly HistoryEntry[]> = {};
  for (const field of fields) {
    values[field] = state.fields[field] ?? null;
    const entries = state.histories[field] ?? [];
    if (!histories || !capabilities.history) continue;
    shown[field] = entries;
    const newest = entries[0];
    if (newest) fieldTimes[field] = { at: newest.at, actor: newest.actor };
  }
  return {
    id, revision: revisionOf(capabilities, state), values, fieldTimes, histories: shown,
    modifiedAt: capabilities.revisions === 'none' ? null : state.modifiedAt,
    references: state.references, mergedIds: state.mergedIds,
  };
}

/** A value as a text field shows it in histories and notifications. */
export function asText(value: Value | undefined): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? value.join(';') : String(value);
}
