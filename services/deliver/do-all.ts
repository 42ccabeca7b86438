/** What a cycle does to one side: writes, removals and merges, with one outcome per attempt. */
import type { Link } from '../../domain/link.ts';
import type { Doing, Work } from '../../domain/plan-work.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import type { MergeOp, RecordImage, RemoveOp, WriteOp, WriteOutcome } from '../../schemas/record.ts';
import type { Lane } from '../../schemas/value.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { lookUpAll, mergeAll, removeAll, writeAll } from './calls.ts';
import type { Caller } from './calls.ts';
import type { DeliverDeps } from './deps.ts';

/** A record that was parted has its partner's id removed by a write of its own. */
const PARTED_MS = 2_000;

/** Work that changes something in a system. */
export function isDoing(work: Work): work is Doing {
  return work.kind === 'write' || work.kind === 'create' || work.kind === 'remove' || work.kind === 'merge';
}

/** The writes, removals and merges of one side, with one outcome per attempt. */
export async function doAll(deps: DeliverDeps, known: KnownIntegration, caller: Caller, doings: readonly { readonly link: Link; readonly work: Doing }[], lane: Lane): Promise<ReadonlyMap<string, WriteOutcome>> {
  const barred = await barredCreations(caller, doings, lane);
  const open = doings.filter(({ work }) => !barred.has(work.op.attemptId));
  const writes = open.flatMap(({ link, work }): WriteOp[] => (work.kind === 'write' || work.kind === 'create' ? [deps.completed(known, work.side, link, work.op)] : []));
  const removals = open.flatMap(({ work }): RemoveOp[] => (work.kind === 'remove' ? [work.op] : []));
  const merges = open.flatMap(({ work }): MergeOp[] => (work.kind === 'merge' ? [work.op] : []));
  const [wrote, removed, merged] = await Promise.all([writeAll(caller, writes, lane), removeAll(caller, removals, lane), mergeAll(caller, merges, lane)]);
  return new Map([...barred, ...wrote, ...removed, ...merged]);
}

/**
 * A creation goes by the partner's id, and a record from which the partner was parted may carry that id still: it would be
 * written over. The creation waits until the id is removed there.
 */
async function barredCreations(caller: Caller, doings: readonly { readonly link: Link; readonly work: Doing }[], lane: Lane): Promise<ReadonlyMap<string, WriteOutcome>> {
  const parted = doings.flatMap(({ link, work }) => {
    const apart = work.kind === 'create' ? link.state.apart?.filter(({ side }) => side === work.side) ?? [] : [];
    return work.kind === 'create' && apart.length > 0 ? [{ op: work.op, ids: apart.map(({ id }) => id) }] : [];
  });
  const found = parted.length > 0 ? await lookUpAll(caller, parted.map(({ op }) => op.reference), lane) : new Map<string, RecordImage | null | SyncError>();
  return new Map(parted.flatMap(({ op: { attemptId, reference }, ids }): [string, WriteOutcome][] => {
    const holder = found.get(reference) ?? null;
    if (holder === null || (!isSyncError(holder) && !ids.includes(holder.id))) return [];
    return [[attemptId, { attemptId, kind: 'failed', error: isSyncError(holder) ? holder : new SyncError('reference_held', 'the record from which it was parted carries its id still', { retryAfterMs: PARTED_MS }) }]];
  }));
}
