/**
 * Calls: the batch operations of a connector under one deadline, cut to its sizes, with every failure as an outcome.
 *
 * A write is never repeated here. What was thrown before anything was sent is `failed`; what may have been applied is
 * `unknown` (design §6).
 */
import type { CallOptions, Connector } from '../../connectors/connector.ts';
import type { MergeOp, ReadResult, RecordImage, RemoveOp, WriteOp, WriteOutcome } from '../../schemas/record.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import type { Lane } from '../../schemas/value.ts';

export interface Caller {
  readonly connector: Connector;
  /** The connector's fields in the mapping. */
  readonly fields: readonly string[];
  /** A signal that ends a call which begins now. */
  readonly deadline: () => AbortSignal;
  readonly clock: () => number;
  /** Guards every call; rejects at once while the system is known to be down. */
  readonly guarded: <T>(call: () => Promise<T>) => Promise<T>;
}

export interface Read {
  readonly result: ReadResult;
  readonly from: number;
  readonly to: number;
}

export type ReadOutcome = Read | { readonly error: SyncError };

/** One outcome per id. */
export async function readAll(caller: Caller, ids: readonly string[], histories: boolean, lane: Lane): Promise<ReadonlyMap<string, ReadOutcome>> {
  const outcomes = new Map<string, ReadOutcome>();
  await Promise.all(chunks([...new Set(ids)], caller.connector.capabilities.batch.read).map(async (chunk) => {
    const from = caller.clock();
    try {
      const results = await caller.guarded(() => caller.connector.read(chunk, { fields: caller.fields, histories }, options(caller, lane)));
      for (const result of results) outcomes.set(result.id, { result, from, to: caller.clock() });
    } catch (error) {
      for (const id of chunk) outcomes.set(id, { error: asSyncError(error) });
    }
  }));
  for (const id of ids) if (!outcomes.has(id)) outcomes.set(id, { error: new SyncError('unexpected_answer', 'the answer lacks a record that was asked for') });
  return outcomes;
}

/** One outcome per operation. */
export async function writeAll(caller: Caller, operations: readonly WriteOp[], lane: Lane): Promise<ReadonlyMap<string, WriteOutcome>> {
  const outcomes = new Map<string, WriteOutcome>();
  const { batch } = caller.connector.capabilities;
  const calls = [
    ...chunks(operations.filter((op) => op.kind === 'create'), batch.create),
    ...chunks(operations.filter((op) => op.kind === 'update'), batch.update),
  ];
  await Promise.all(calls.map(async (chunk) => {
    const answered = await answersOf(chunk, () => caller.guarded(() => caller.connector.write(chunk, { fields: caller.fields }, options(caller, lane))));
    for (const outcome of answered) outcomes.set(outcome.attemptId, outcome);
  }));
  return outcomes;
}

/** One outcome per removal. */
export async function removeAll(caller: Caller, operations: readonly RemoveOp[], lane: Lane): Promise<ReadonlyMap<string, WriteOutcome>> {
  const outcomes = new Map<string, WriteOutcome>();
  await Promise.all(chunks(operations, caller.connector.capabilities.removals.batch).map(async (chunk) => {
    const answered = await answersOf(chunk, () => caller.guarded(() => caller.connector.remove(chunk, { fields: caller.fields }, options(caller, lane))));
    for (const outcome of answered) outcomes.set(outcome.attemptId, outcome);
  }));
  return outcomes;
}

/** One outcome per merge, at most so many under one deadline: each is a call of its own. */
export async function mergeAll(caller: Caller, operations: readonly MergeOp[], lane: Lane): Promise<ReadonlyMap<string, WriteOutcome>> {
  const outcomes = new Map<string, WriteOutcome>();
  for (const chunk of chunks(operations, MERGES_AT_ONCE)) {
    const answered = await answersOf(chunk, () => caller.guarded(() => caller.connector.merge(chunk, options(caller, lane))));
    for (const outcome of answered) outcomes.set(outcome.attemptId, outcome);
  }
  return outcomes;
}

const MERGES_AT_ONCE = 10;

type AnyOp = Pick<WriteOp, 'attemptId'>;

async function answersOf(chunk: readonly AnyOp[], call: () => Promise<readonly WriteOutcome[]>): Promise<readonly WriteOutcome[]> {
  try {
    const answered = await call();
    const known = new Set(answered.map((outcome) => outcome.attemptId));
    const silent = chunk.filter((op) => !known.has(op.attemptId));
    return [...answered, ...silent.map((op) => unknown(op, new SyncError('write_unanswered', 'the answer lacks this operation')))];
  } catch (error) {
    const cause = asSyncError(error);
    return chunk.map((op) => (cause.class === 'unknown_outcome' ? unknown(op, cause) : { attemptId: op.attemptId, kind: 'failed', error: cause }));
  }
}

function unknown(op: AnyOp, error: SyncError): WriteOutcome {
  return { attemptId: op.attemptId, kind: 'unknown', error };
}

/** Partner id → its record, or that it is not there (null), or that nobody knows. */
export async function lookUpAll(caller: Caller, references: readonly string[], lane: Lane): Promise<ReadonlyMap<string, RecordImage | null | SyncError>> {
  const found = new Map<string, RecordImage | null | SyncError>();
  await Promise.all(chunks([...new Set(references)], caller.connector.capabilities.batch.read).map(async (chunk) => {
    try {
      const records = await caller.guarded(() => caller.connector.findByReference(chunk, { fields: caller.fields }, options(caller, lane)));
      for (const reference of chunk) found.set(reference, records.get(reference) ?? null);
    } catch (error) {
      for (const reference of chunk) found.set(reference, asSyncError(error));
    }
  }));
  return found;
}

function options(caller: Caller, lane: Lane): CallOptions {
  return { signal: caller.deadline(), lane };
}

/** Anything else that is thrown is a fault of ours; for a write nobody knows how far it came. */
function asSyncError(error: unknown): SyncError {
  return isSyncError(error) ? error : new SyncError('write_unanswered', 'the call failed in an unforeseen way', { cause: error });
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  const cut: T[][] = [];
  for (let start = 0; start < all.length; start += size) cut.push(all.slice(start, start + size));
  return cut;
}
