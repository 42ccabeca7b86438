/**
 * The records of one pair in one system, as the model of deletions needs them: people edit, delete and restore them, writes
 * of ours land when they will. One is the present one; those before it were deleted for good.
 */
import type { HistoryEntry } from '../../schemas/change.ts';
import type { RecordImage, ReadResult } from '../../schemas/record.ts';
import type { Capabilities, GoneHow } from '../../schemas/system.ts';
import type { Side, Value } from '../../schemas/value.ts';

interface Present {
  readonly id: string;
  value: string;
  /** The partner's id. */
  reference: string | null;
  isThere: boolean;
  revision: number;
  modifiedAt: number;
  history: readonly HistoryEntry[];
}

/** Edits within one tick share an approximate revision (ms). */
const TICK_MS = 20;

export class RemovableRecords {
  readonly side: Side;
  readonly field: string;
  /** Every value that one of the records ever held. */
  readonly held = new Set<string>();
  present: Present;
  private readonly capabilities: Capabilities;
  /** What the system says of a record that was deleted. */
  private readonly how: Extract<GoneHow, 'deleted' | 'not_found'>;
  private made = 1;

  constructor(side: Side, capabilities: Capabilities, how: 'deleted' | 'not_found', at: number) {
    this.side = side;
    this.field = side === 'bevatel' ? 'company_name' : 'company';
    this.capabilities = capabilities;
    this.how = how;
    this.present = { id: side === 'bevatel' ? 'B1' : 'X1', value: 'o', reference: side === 'bevatel' ? 'X1' : 'B1', isThere: true, revision: 10, modifiedAt: at, history: [{ value: 'o', at, actor: 'import', ours: false }] };
    this.held.add('o');
  }

  refer(partner: string, at: number): void {
    this.touch(at);
    this.present.reference = partner;
  }

  write(value: string, at: number, actor: string | null): void {
    this.touch(at);
    this.present.value = value;
    this.present.history = [{ value, at, actor, ours: actor === null }, ...this.present.history];
    this.held.add(value);
  }

  remove(at: number): void {
    this.touch(at);
    this.present.isThere = false;
  }

  restore(at: number): void {
    this.touch(at);
    this.present.isThere = true;
  }

  create(value: Value, reference: string, at: number): void {
    this.made += 1;
    const text = typeof value === 'string' ? value : '';
    this.present = { id: `${this.present.id.charAt(0)}${this.made}`, value: text, reference, isThere: true, revision: 10, modifiedAt: at, history: [{ value: text, at, actor: null, ours: true }] };
    this.held.add(text);
  }

  private touch(at: number): void {
    this.present.revision += 1;
    this.present.modifiedAt = at;
  }

  revision(): string | null {
    const { revision, modifiedAt } = this.present;
    return this.capabilities.revisions === 'strict' ? String(revision) : String(Math.floor(modifiedAt / TICK_MS));
  }

  isThere(id: string): boolean {
    return this.present.isThere && this.present.id === id;
  }

  read(id: string): ReadResult {
    return this.isThere(id) ? { kind: 'found', id, record: this.image() } : { kind: 'gone', id, how: this.how };
  }

  image(): RecordImage {
    const { id, value, reference, modifiedAt, history } = this.present;
    const newest = history[0];
    return {
      id, revision: this.revision(), values: { [this.field]: value },
      fieldTimes: this.capabilities.history && newest ? { [this.field]: { at: newest.at, actor: newest.actor } } : {},
      histories: this.capabilities.history ? { [this.field]: history } : {},
      modifiedAt, references: reference === null ? {} : { [this.side === 'bevatel' ? 'crm' : 'bevatel']: reference }, mergedIds: [],
    };
  }
}
