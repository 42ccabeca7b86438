/**
 * A system with one record of one field, as the model test needs it: edits by people, writes of ours that land when they
 * will, reads that show it as it is. It knows what no real system knows: which edits each value contains.
 */
import type { HistoryEntry } from '../../schemas/change.ts';
import type { RecordImage } from '../../schemas/record.ts';
import type { Capabilities } from '../../schemas/system.ts';
import type { Side, Value } from '../../schemas/value.ts';

/** One edit by a person; edit 0 is the value that all began with. */
export interface Edit {
  readonly id: number;
  readonly side: Side;
  readonly value: string;
  readonly at: number;
}

/** Where a value comes from: its latest edit, and every edit that it was made on top of. */
export interface Origin {
  readonly head: Edit;
  readonly contains: ReadonlySet<number>;
}

export interface Shown {
  readonly record: RecordImage;
  readonly origin: Origin;
  readonly at: number;
}

/** A write that has landed: what it went over. */
export interface Landing {
  readonly side: Side;
  readonly at: number;
  readonly over: Origin;
  readonly overValue: string;
  readonly shown: Shown;
}

/** Edits within one tick share an approximate revision (ms). */
const TICK_MS = 20;

export class SimulatedSystem {
  readonly side: Side;
  readonly capabilities: Capabilities;
  readonly field: string;
  readonly ids: { readonly own: string; readonly partnerKey: string; readonly partner: string };
  value: string;
  origin: Origin;
  /** Grows with every change. */
  version = 10;
  private modifiedAt: number;
  private history: HistoryEntry[];
  private readonly normalise: (value: string) => string;

  constructor(side: Side, capabilities: Capabilities, start: { readonly edit: Edit; readonly at: number }, normalise: (value: string) => string) {
    this.side = side;
    this.capabilities = capabilities;
    this.field = side === 'bevatel' ? 'company_name' : 'company';
    this.ids = side === 'bevatel' ? { own: 'B1', partnerKey: 'crm', partner: 'X1' } : { own: 'X1', partnerKey: 'bevatel', partner: 'B1' };
    this.value = start.edit.value;
    this.origin = { head: start.edit, contains: new Set([start.edit.id]) };
    this.modifiedAt = start.at;
    this.history = [{ value: this.value, at: start.at, actor: 'import', ours: false }];
    this.normalise = normalise;
  }

  copy(): SimulatedSystem {
    return Object.assign(Object.create(SimulatedSystem.prototype) as SimulatedSystem, this);
  }

  edit(edit: Edit): void {
    this.origin = { head: edit, contains: new Set([...this.origin.contains, edit.id]) };
    this.become(edit.value, edit.at, 'person');
  }

  /** Null when the condition failed. */
  write(value: Value, condition: string | null, source: Origin, at: number): Landing | null {
    if (condition !== null && condition !== this.revision()) return null;
    const over = this.origin;
    const overValue = this.value;
    const stored = this.normalise(String(value));
    // Writing what stands there takes nothing away.
    this.origin = stored === this.value ? { head: source.head, contains: new Set([...source.contains, ...over.contains]) } : source;
    this.become(stored, at, null);
    return { side: this.side, at, over, overValue, shown: this.show(at) };
  }

  show(at: number): Shown {
    const { own, partnerKey, partner } = this.ids;
    const newest = this.history[0];
    const record: RecordImage = {
      id: own, revision: this.revision(), values: { [this.field]: this.value },
      fieldTimes: this.capabilities.history && newest ? { [this.field]: { at: newest.at, actor: newest.actor } } : {},
      histories: this.capabilities.history ? { [this.field]: [...this.history] } : {},
      modifiedAt: this.capabilities.revisions === 'none' ? null : this.modifiedAt,
      references: { [partnerKey]: partner }, mergedIds: [],
    };
    return { record, origin: this.origin, at };
  }

  private become(value: string, at: number, actor: string | null): void {
    this.value = value;
    this.version += 1;
    this.modifiedAt = at;
    this.history = [{ value, at, actor, ours: actor === null }, ...this.history];
  }

  private revision(): string | null {
    switch (this.capabilities.revisions) {
      case 'strict': return String(this.version);
      case 'approximate': return String(Math.floor(this.modifiedAt / TICK_MS));
      case 'none': return null;
      default: return this.capabilities.revisions satisfies never;
    }
  }
}
