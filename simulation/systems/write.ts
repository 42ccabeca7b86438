/** What a system does with a write of the product, at the moment at which it arrives. */
import type { WriteOp, WriteOutcome } from '../../schemas/record.ts';
import { SyncError } from '../../schemas/errors.ts';
import type { Image, Value } from '../../schemas/value.ts';
import { asText, imageOf, revisionOf, stateOf } from './record.ts';
import type { SimulatedRecord } from './record.ts';
import type { Author, SimulatedSystem } from './system.ts';
import type { Fact } from '../journal.ts';

export interface WriteFacts {
  readonly integration: string;
  readonly sentAt: number;
  /** The fields that the product wants to see in the answer. */
  readonly fields: readonly string[];
  readonly personOf: (partnerId: string) => string;
  readonly clock: () => number;
  readonly tell: (fact: Fact) => void;
}

/** The values that a field may have, where it takes no others. */
export const OPTIONS: Readonly<Record<string, readonly string[]>> = { lifecycle: ['LEAD', 'CUSTOMER', 'PARTNER'] };

export function serveWrite(system: SimulatedSystem, op: WriteOp, facts: WriteFacts): WriteOutcome {
  const { attemptId } = op;
  const values = system.name === 'bevatel' ? op.values : asTexts(op.values);
  const refused = Object.keys(values).filter((field) => values[field] != null && OPTIONS[field]?.includes(String(values[field])) === false);
  if (refused.length > 0) return { attemptId, kind: 'rejected', error: new SyncError('value_rejected', 'no such option'), fields: refused };
  return op.kind === 'create' ? serveCreate(system, { ...op, values }, facts) : serveUpdate(system, { ...op, values }, facts);
}

/** HubSpot takes a create for an upsert on the reference; the others say whose the reference is. */
function serveCreate(system: SimulatedSystem, op: Extract<WriteOp, { kind: 'create' }>, facts: WriteFacts): WriteOutcome {
  const { attemptId } = op;
  const partner = partnerSystem(system, facts);
  const known = system.referring(partner, op.reference);
  if (known && system.dials.kind === 'strict') return { attemptId, kind: 'exists', id: known.id, byReference: true };
  const rival = system.rival(op.values, known?.id ?? null);
  if (rival) return { attemptId, kind: 'exists', id: rival.record.id, byReference: false };
  if (known) return applied(system, known, { attemptId, values: op.values, reference: op.reference }, facts);
  const record = system.create(facts.personOf(op.reference), op.values, author(system), { references: { [partner]: op.reference }, attempt: attemptId, integration: facts.integration, sentAt: facts.sentAt });
  return { attemptId, kind: 'applied', record: imageOf(record.id, stateOf(record), system.capabilities, shown(op.values, facts.fields), false) };
}

function serveUpdate(system: SimulatedSystem, op: Extract<WriteOp, { kind: 'update' }>, facts: WriteFacts): WriteOutcome {
  const { attemptId } = op;
  const record = system.find(op.id);
  if (!record) return { attemptId, kind: 'gone', how: 'not_found', mergedInto: null };
  const state = stateOf(record);
  if (typeof state.life === 'object') return { attemptId, kind: 'gone', how: 'merged', mergedInto: state.life.mergedInto };
  if (state.life !== 'live') return { attemptId, kind: 'gone', how: state.life === 'erased' && system.name !== 'bevatel' ? 'not_found' : state.life, mergedInto: null };
  if (op.condition !== null && op.condition !== revisionOf(system.capabilities, state)) {
    return { attemptId, kind: 'moved', record: imageOf(record.id, state, system.capabilities, facts.fields, false) };
  }
  const taken = op.reference === null ? undefined : system.referring(partnerSystem(system, facts), op.reference);
  if (taken && taken !== record) return { attemptId, kind: 'rejected', error: new SyncError('unique_taken', 'another record has this reference'), fields: [] };
  const rival = system.rival(op.values, record.id);
  if (rival) return { attemptId, kind: 'rejected', error: new SyncError('unique_taken', 'another record has this value'), fields: [rival.field] };
  return applied(system, record, op, facts);
}

/** The partner's id is removed with null, left as it is with undefined. */
function referencesWith(references: Readonly<Record<string, string>>, partner: string, id: string | null | undefined): Readonly<Record<string, string>> {
  const { [partner]: _before, ...others } = references;
  return id === undefined ? references : id === null ? others : { ...others, [partner]: id };
}

function applied(system: SimulatedSystem, record: SimulatedRecord, op: { readonly attemptId: string; readonly values: Image; readonly reference: string | null; readonly forgets?: true }, facts: WriteFacts): WriteOutcome {
  const values = system.keptImage(op.values);
  const { references } = stateOf(record);
  facts.tell({
    kind: 'written', at: facts.clock(), system: system.name, record: record.id, attempt: op.attemptId, integration: facts.integration,
    sentAt: facts.sentAt, sent: op.values, values, reference: op.reference,
  });
  system.become(record, 'changed', { fields: values, references: referencesWith(references, partnerSystem(system, facts), op.forgets ? null : op.reference ?? undefined) }, author(system));
  const fields = system.dials.answersPartly ? Object.keys(op.values) : shown(op.values, facts.fields);
  return { attemptId: op.attemptId, kind: 'applied', record: imageOf(record.id, stateOf(record), system.capabilities, fields, false) };
}

/** Under which name a record keeps its partner's id. */
export function partnerSystem(system: SimulatedSystem, { integration }: { readonly integration: string }): string {
  return system.name === 'bevatel' ? integration : 'bevatel';
}

export function author(system: SimulatedSystem): Author {
  return { actor: 'bevatel-sync', ours: system.dials.namesUs ? true : null, deed: null };
}

function shown(values: Image, fields: readonly string[]): readonly string[] {
  return [...new Set([...fields, ...Object.keys(values)])];
}

/** External systems keep texts alone; lists are joined. */
function asTexts(values: Image): Image {
  return Object.fromEntries(Object.entries(values).map(([field, value]): [string, Value] => [field, asText(value)]));
}
