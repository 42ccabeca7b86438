/**
 * A system with contacts: what people and automations do there, and what it makes of it. It knows nothing of links or of
 * the product; every change is told to the journal and to whoever listens (webhooks, change data capture).
 */
import type { Fact, Removed, SystemName } from '../journal.ts';
import type { HistoryEntry } from '../../schemas/change.ts';
import type { Capabilities } from '../../schemas/system.ts';
import { sameValue } from '../../schemas/value.ts';
import type { Image, Value } from '../../schemas/value.ts';
import type { SystemDials } from './dials.ts';
import { capabilitiesOf } from './dials.ts';
import { normalised } from './normalise.ts';
import { asText, stateOf } from './record.ts';
import type { RecordState, SimulatedRecord } from './record.ts';

export interface SystemChange {
  readonly kind: 'created' | 'changed' | 'deleted' | 'restored' | 'erased' | 'merged';
  readonly record: SimulatedRecord;
  readonly before: RecordState | null;
  readonly after: RecordState;
}

export interface SystemOptions {
  readonly name: SystemName;
  readonly dials: SystemDials;
  readonly clock: () => number;
  readonly tell: (fact: Fact) => void;
  /** How long the index does not show a change (ms). */
  readonly indexLag: () => number;
}

/** Who changes a record. */
export interface Author {
  readonly actor: string;
  /** For histories: whether the product wrote it, as far as the system tells. */
  readonly ours: boolean | null;
  /** Null for a write of the product. */
  readonly deed: number | null;
}

type Change = Partial<Pick<RecordState, 'references' | 'life' | 'mergedIds'>> & { readonly fields?: Image };

export class SimulatedSystem {
  readonly name: SystemName;
  readonly dials: SystemDials;
  readonly capabilities: Capabilities;
  readonly records = new Map<string, SimulatedRecord>();
  readonly listeners: ((change: SystemChange) => void)[] = [];
  readonly #options: SystemOptions;
  #ids = 0;

  constructor(options: SystemOptions) {
    this.name = options.name;
    this.dials = options.dials;
    this.capabilities = capabilitiesOf(options.dials);
    this.#options = options;
  }

  /** The system's own clock. */
  get clockAt(): number {
    return this.#options.clock() + this.dials.clockSkewMs;
  }

  find(id: string): SimulatedRecord | undefined {
    return this.records.get(id);
  }

  /** The records of a person that are there now. */
  of(person: string): SimulatedRecord[] {
    return [...this.records.values()].filter((record) => record.person === person && isLive(record));
  }

  live(): SimulatedRecord[] {
    return [...this.records.values()].filter(isLive);
  }

  /** The live record that has this partner's id, if any. */
  referring(partnerSystem: string, partnerId: string): SimulatedRecord | undefined {
    return this.live().find((record) => stateOf(record).references[partnerSystem] === partnerId);
  }

  /** The live record that has one of these unique values already. */
  rival(values: Image, but: string | null): { readonly record: SimulatedRecord; readonly field: string } | null {
    for (const field of this.dials.unique) {
      const value = this.kept(field, values[field] ?? null);
      const record = value === null ? undefined : this.live().find((other) => other.id !== but && sameValue(stateOf(other).fields[field], value));
      if (record) return { record, field };
    }
    return null;
  }

  /** What the system makes of a value. */
  kept(field: string, value: Value): Value {
    return normalised(this.dials.normalise[field] ?? [], value);
  }

  keptImage(values: Image): Image {
    return Object.fromEntries(Object.entries(values).map(([field, value]) => [field, this.kept(field, value)]));
  }

  create(person: string, typed: Image, author: Author, more: { readonly references?: Readonly<Record<string, string>>; readonly attempt?: string; readonly integration?: string; readonly sentAt?: number } = {}): SimulatedRecord {
    this.#ids += 1;
    const id = `${this.name === 'bevatel' ? 'B' : this.name.toUpperCase()}-${this.#ids}`;
    const values = this.keptImage(typed);
    const record: SimulatedRecord = { id, person, states: [] };
    this.records.set(id, record);
    const references = more.references ?? {};
    this.#options.tell({ kind: 'created', ...this.#here(id), deed: author.deed, person, typed, values, attempt: more.attempt ?? null, integration: more.integration ?? null, reference: Object.values(references)[0] ?? null, sentAt: more.sentAt ?? this.#options.clock() });
    this.become(record, 'created', { fields: values, references }, author);
    return record;
  }

  /** A person or an automation types values into fields; those that stand there already change nothing. */
  edit(record: SimulatedRecord, typed: Image, author: Author & { readonly deed: number }): void {
    const values = this.keptImage(typed);
    this.#options.tell({ kind: 'edited', ...this.#here(record.id), deed: author.deed, actor: author.actor, typed, values, clockAt: this.clockAt });
    this.become(record, 'changed', { fields: values }, author);
  }

  end(record: SimulatedRecord, how: 'deleted' | 'restored' | 'erased', deed: number): void {
    this.#options.tell({ kind: how, ...this.#here(record.id), deed });
    this.become(record, how, how === 'erased' ? { life: how, fields: cleared(stateOf(record).fields), references: {} } : { life: how === 'restored' ? 'live' : how }, person(deed));
  }

  /** The product takes the record away. */
  remove(record: SimulatedRecord, told: Pick<Removed, 'attempt' | 'integration' | 'sentAt' | 'way'>, author: Author): void {
    this.#options.tell({ kind: 'removed', ...this.#here(record.id), ...told });
    if (told.way === 'erase') this.become(record, 'erased', { life: 'erased', fields: cleared(stateOf(record).fields), references: {} }, author);
    else this.become(record, 'deleted', { life: 'deleted' }, author);
  }

  /** The loser's values fill what the survivor lacks; some systems make a third record of the two. */
  merge(loser: SimulatedRecord, survivor: SimulatedRecord, author: Author): SimulatedRecord {
    const [lost, kept] = [stateOf(loser), stateOf(survivor)];
    const fields = Object.fromEntries([...new Set([...Object.keys(lost.fields), ...Object.keys(kept.fields)])].map((field) => [field, kept.fields[field] ?? lost.fields[field] ?? null]));
    const references = { ...lost.references, ...kept.references };
    const mergedIds = [...kept.mergedIds, ...lost.mergedIds, loser.id];
    const gone = this.dials.mergeMintsId ? [loser, survivor] : [loser];
    const into = this.dials.mergeMintsId ? this.#mint(survivor.person) : survivor;
    for (const record of gone) this.#options.tell({ kind: 'merged', ...this.#here(record.id), deed: author.deed, into: into.id });
    for (const record of gone) this.become(record, 'merged', { life: { mergedInto: into.id }, references: {} }, author);
    this.become(into, 'changed', { fields, references, mergedIds: gone.length > 1 ? [...mergedIds, survivor.id] : mergedIds }, author);
    return into;
  }

  #mint(whose: string): SimulatedRecord {
    this.#ids += 1;
    const record: SimulatedRecord = { id: `${this.name.toUpperCase()}-${this.#ids}`, person: whose, states: [] };
    this.records.set(record.id, record);
    return record;
  }

  /** The record's next state, if it is another one. */
  become(record: SimulatedRecord, kind: SystemChange['kind'], change: Change, author: Author): void {
    const before = record.states.at(-1)?.state ?? null;
    const changed = Object.entries(change.fields ?? {}).filter(([field, value]) => !sameValue(before?.fields[field] ?? null, value));
    const isSame = before !== null && changed.length === 0 && change.life === undefined && change.mergedIds === undefined
      && (change.references === undefined || JSON.stringify(change.references) === JSON.stringify(before.references));
    if (isSame) return;
    const now = this.#options.clock();
    const after: RecordState = {
      version: (before?.version ?? 0) + 1,
      modifiedAt: this.clockAt,
      updatedBy: author.actor,
      fields: { ...before?.fields, ...change.fields },
      references: change.references ?? before?.references ?? {},
      histories: this.capabilities.history ? this.#histories(before?.histories ?? {}, changed, author) : {},
      life: change.life ?? before?.life ?? 'live',
      mergedIds: change.mergedIds ?? before?.mergedIds ?? [],
    };
    // Who was there from the start has been in the index for long.
    record.states.push({ at: now, indexedAt: now + (author.deed === 0 ? 0 : this.#options.indexLag()), state: after });
    for (const listener of this.listeners) listener({ kind, record, before, after });
  }

  #histories(before: RecordState['histories'], changed: readonly (readonly [string, Value])[], { actor, ours }: Author): RecordState['histories'] {
    const entry = (value: Value): HistoryEntry => ({ value: asText(value), at: this.clockAt, actor, ours });
    return { ...before, ...Object.fromEntries(changed.map(([field, value]) => [field, [entry(value), ...(before[field] ?? [])]])) };
  }

  #here(record: string): { at: number; system: SystemName; record: string } {
    return { at: this.#options.clock(), system: this.name, record };
  }
}

export function isLive(record: SimulatedRecord): boolean {
  return stateOf(record).life === 'live';
}

export function person(deed: number): Author & { readonly deed: number } {
  return { actor: 'person', ours: false, deed };
}

function cleared(fields: Image): Image {
  return Object.fromEntries(Object.keys(fields).map((field) => [field, null]));
}
