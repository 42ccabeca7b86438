/**
 * One cycle of delivery: lease due links, read before writing where the system needs it, record the attempts, call,
 * read back, record the outcomes (design §6).
 *
 * Three short transactions, no lock held over a call:
 *   1. lease, and record the attempts of writes that carry their own condition;
 *   2. fold the guard reads and record the attempts that they let through;
 *   3. record outcomes and reads, decide again, release the lease.
 * A crash between any two leaves an attempt on record (read after its deadline before any write) or a lease that ends.
 */
import { idOn } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { attemptOf, planWork } from '../../domain/plan-work.ts';
import type { Doing, Work } from '../../domain/plan-work.ts';
import { forget } from '../../domain/forget.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { RecordImage, WriteOutcome } from '../../schemas/record.ts';
import { SIDES } from '../../schemas/value.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import { insertDecisions } from '../../store/decisions.ts';
import type { DecisionWrite } from '../../store/decisions.ts';
import { lockByKey, lockDue } from '../../store/leases.ts';
import { deleteLinks, saveLinks } from '../../store/links.ts';
import type { LinkKey, LinkWrite, StoredLink } from '../../store/links.ts';
import { keyMovesOf, moveKeys } from '../../store/match-keys.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import type { Candidate } from './admission.ts';
import { lookUpAll, readAll } from './calls.ts';
import type { Caller, Read, ReadOutcome } from './calls.ts';
import type { DeliverDeps } from './deps.ts';
import { doAll, isDoing } from './do-all.ts';
import { fillBatches } from './fill-batches.ts';
import { foldRead } from './fold-read.ts';
import { givingWay } from './give-way.ts';
import { decisionOnRead, recordResults } from './record.ts';
import type { Result } from './record.ts';

/** While the first listings run, more is on the way: what is found first waits for it, so that batches fill. */
const WHILE_LISTING = { orAfterMs: 10_000 };

/** How long what may not be written is left alone; an approval makes it due at once. */
const DRY_RUN_MS = 60_000;
const CANARY_MS = 30_000;
/** What waits for another integration's creation: that ends within some seconds, and who is paired by it is due at once. */
const GIVE_WAY_MS = 2_000;

interface Item {
  readonly stored: StoredLink;
  readonly work: Exclude<Work, { kind: 'none' | 'forget' }>;
}

/** Works on what is due now; resolves with how many links were leased. */
export async function runCycle(deps: DeliverDeps, known: KnownIntegration): Promise<number> {
  const leaseId = deps.newId();
  const items = await lease(deps, known, leaseId);
  if (items.length === 0) return 0;
  const lane = items[0]?.stored.lane ?? 'live';
  const guarded = items.filter((item) => needsGuard(known, item));
  const direct = items.filter((item) => !needsGuard(known, item));
  await Promise.all([
    ...SIDES.map((side) => workGuarded(deps, known, leaseId, side, guarded.filter(({ work }) => work.side === side), lane)),
    workDirect(deps, known, leaseId, direct, lane),
  ]);
  return items.length;
}

/** What may go over a newer edit: values are written or the record is removed, and the system has no conditions; merges have none anywhere. A privacy deletion asks for none. */
function isBlind(known: KnownIntegration, work: Work): boolean {
  if (work.kind === 'remove') return work.op.way !== 'erase' && !known.context.capabilities[work.side].conditionalWrites;
  if (work.kind === 'merge') return true;
  return work.kind === 'write' && Object.keys(work.groups).length > 0 && !known.context.capabilities[work.side].conditionalWrites;
}

/**
 * A blind write is preceded by a read. In the backfill lane, where the record was listed a moment ago, a system with
 * histories is spared it: what was overwritten since the listing is found by the read after the write. Not so where an
 * answer of ours has left fields out since: the histories would then be searched from our own write on. Nothing is removed
 * or merged that was not read just before (I9).
 */
function needsGuard(known: KnownIntegration, { work, stored }: { work: Work; stored: StoredLink }): boolean {
  if (work.kind === 'remove' || work.kind === 'merge') return isBlind(known, work);
  if (work.kind !== 'write' || !isBlind(known, work) || known.integration.guard === 'none') return false;
  return stored.lane !== 'backfill' || stored.link.state.seen[work.side]?.partial === true || !known.context.capabilities[work.side].history;
}

/** A link with its work; `putOffMs` where it is left for later though it is due. */
interface Planned {
  readonly stored: StoredLink;
  readonly work: Work;
  readonly putOffMs?: number;
}

async function lease(deps: DeliverDeps, known: KnownIntegration, leaseId: string): Promise<Item[]> {
  return inTransaction(deps.pool, async (transaction) => {
    const now = deps.clock();
    const due = await lockDue(transaction, { tenantId: known.tenantId, integrationId: known.integrationId, limit: deps.limit, now, mayCreate: known.isMatched, backfill: known.isMatched ? deps.backfill : { ...WHILE_LISTING, atLeast: deps.limit } });
    const planned = due.map((stored): Planned => ({ stored, work: planWork(stored.link, known.context, now, deps.newId()) }));
    const items: Item[] = [];
    const writes: LinkWrite[] = [];
    const forgotten: LinkKey[] = [];
    for (const { stored, work, putOffMs } of fillBatches(await admitted(deps, known, transaction, planned, now), known.context.capabilities)) {
      if (work.kind === 'none' || work.kind === 'forget') {
        const link = work.kind === 'forget' ? forget(stored.link) : stored.link;
        if (link) writes.push({ link, lane: null, lease: 'release', ...(putOffMs === undefined ? {} : { dueAt: now + putOffMs }) });
        else forgotten.push(stored.link);
        continue;
      }
      const link = isDoing(work) && !needsGuard(known, { work, stored }) ? withAttempt(stored.link, work, deps, known, lastModified(stored.link, work, known)) : stored.link;
      items.push({ stored: { ...stored, link }, work });
      writes.push(leased(link, leaseId, now + deps.leaseMs));
    }
    saveLinks(transaction, [], writes, now);
    deleteLinks(transaction, forgotten, now);
    return items;
  });
}

const NOTHING: Work = { kind: 'none' };

/** What may be written now; a write that is guarded by a read is asked about once more after that read, by what it then is. */
async function admitted(deps: DeliverDeps, known: KnownIntegration, transaction: Transaction, planned: readonly Planned[], now: number): Promise<readonly Planned[]> {
  if (known.integration.dryRun) return planned.map((one) => (isHeldBack(one.work) ? { ...one, work: NOTHING, putOffMs: DRY_RUN_MS } : one));
  const waiting = await givingWay(transaction, known, planned.flatMap(({ stored, work }) => (work.kind === 'create' && work.side === 'bevatel' ? [stored.link] : [])), now);
  const inTurn = waiting.size === 0 ? planned : planned.map((one) => (waiting.has(one.stored.link.linkId) ? { ...one, work: NOTHING, putOffMs: GIVE_WAY_MS } : one));
  const left = await deps.admission.canaryLeft(transaction, known, inTurn.filter(({ work }) => isHeldBack(work)).map(({ stored }) => stored.link.linkId));
  let written = 0;
  const allowed = inTurn.map((one) => {
    if (!isHeldBack(one.work)) return one;
    written += 1;
    return written <= left ? one : { ...one, work: NOTHING, putOffMs: CANARY_MS };
  });
  const direct = allowed.filter((one) => isDoing(one.work) && !needsGuard(known, one));
  const held = await deps.admission.hold(transaction, known, direct.map(candidateOf));
  return allowed.map((one) => {
    const link = held.get(one.stored.link.linkId);
    return link ? { stored: { ...one.stored, link }, work: planWork(link, known.context, now, deps.newId()) } : one;
  });
}

/** What a dry run and a canary hold back: all but a privacy deletion, which an operator has asked for. */
function isHeldBack(work: Work): boolean {
  return isDoing(work) && !(work.kind === 'remove' && work.op.way === 'erase');
}

function candidateOf({ stored, work }: Planned): Candidate {
  return { link: stored.link, lane: stored.lane, work };
}

function leased(link: Link, id: string, until: number): LinkWrite {
  return { link, lane: null, lease: { id, until }, dueAt: until };
}

/**
 * The attempt stands on record before the call: the echo can arrive before the answer. A read closes it only when the
 * call must have ended and the system must show what it wrote.
 */
function withAttempt(link: Link, work: Doing, deps: DeliverDeps, { context }: KnownIntegration, guard: Readonly<Record<string, number>>): Link {
  const sentAt = deps.clock();
  const deadline = sentAt + deps.callMs + context.capabilities[work.side].stalenessWindowMs;
  const attempt = attemptOf(work, { sentAt, deadline, guard: Object.keys(guard).length > 0 ? guard : null });
  return { ...link, state: { ...link.state, attempts: [...link.state.attempts, attempt] } };
}

/** Without a guard read, what the history holds after the image that was decided on is newer. */
function lastModified(link: Link, work: Doing, known: KnownIntegration): Readonly<Record<string, number>> {
  const at = link.state.seen[work.side]?.modifiedAt;
  if (at === null || at === undefined || !isBlind(known, work)) return {};
  return Object.fromEntries(known.context.mapping.fields[work.side].map((field) => [field, at]));
}

async function workDirect(deps: DeliverDeps, known: KnownIntegration, leaseId: string, items: readonly Item[], lane: Lane): Promise<void> {
  if (items.length === 0) return;
  const results = (await Promise.all((['external', 'bevatel'] as const).map((side) => callSide(deps, known, side, items.filter(({ work }) => work.side === side), lane)))).flat();
  await recordResults(deps, known, leaseId, results);
}

async function callSide(deps: DeliverDeps, known: KnownIntegration, side: Side, items: readonly Item[], lane: Lane): Promise<Result[]> {
  const caller = deps.caller(known, side);
  const reads = items.flatMap(({ work }) => (work.kind === 'read' ? [work.id] : []));
  const lookups = items.flatMap(({ work }) => (work.kind === 'lookup' ? [work.reference] : []));
  const [readBy, foundBy, wroteBy] = await Promise.all([
    readAll(caller, reads, caller.connector.capabilities.history, lane),
    lookUpAll(caller, lookups, lane),
    doAll(deps, known, caller, items.flatMap(({ work, stored }) => (isDoing(work) ? [{ link: stored.link, work }] : [])), lane),
  ]);
  const blind = items.flatMap(({ work, stored }) => (isDoing(work) && isBlind(known, work) && wroteBy.get(work.op.attemptId)?.kind === 'applied' ? [idOn(stored.link, side) ?? ''] : []));
  const readBacks = await readBack(caller, blind, lane);
  return items.map(({ stored, work }): Result => {
    const key = stored.link;
    if (work.kind === 'read') return { kind: 'read', key, side, outcome: readBy.get(work.id) as ReadOutcome };
    if (work.kind === 'lookup') return { kind: 'lookup', key, side, attemptId: work.attempt.id, found: foundBy.get(work.reference) ?? null };
    return written(deps, key, side, work.op.attemptId, wroteBy, isBlind(known, work) ? readBacks.get(idOn(key, side) ?? '') : undefined);
  });
}

/** Where the system keeps histories, the records are read again: an edit beneath our write shows there (I2). */
function readBack(caller: Caller, ids: readonly string[], lane: Lane): Promise<ReadonlyMap<string, ReadOutcome>> {
  return caller.connector.capabilities.history ? readAll(caller, ids, true, lane) : Promise.resolve(new Map<string, ReadOutcome>());
}

function written(deps: DeliverDeps, key: Link, side: Side, attemptId: string, wroteBy: ReadonlyMap<string, WriteOutcome>, read: ReadOutcome | undefined): Result {
  return {
    kind: 'written', key, side,
    outcome: wroteBy.get(attemptId) ?? { attemptId, kind: 'unknown', error: deps.noAnswer() },
    ...(read && 'result' in read && read.result.kind === 'found' ? { readBack: { record: read.result.record, from: read.from, to: read.to } } : {}),
  };
}

async function workGuarded(deps: DeliverDeps, known: KnownIntegration, leaseId: string, side: Side, items: readonly Item[], lane: Lane): Promise<void> {
  if (items.length === 0) return;
  const caller = deps.caller(known, side);
  const histories = caller.connector.capabilities.history;
  const idOf = ({ work }: Item): string => (isOfRecord(work) ? work.op.id : '');
  const reads = await readAll(caller, items.map(idOf), histories, lane);
  const failed = items.filter((item) => 'error' in (reads.get(idOf(item)) as ReadOutcome));
  const passed = await recordGuards(deps, known, leaseId, side, items.filter((item) => !failed.includes(item)).map((item) => ({ item, read: reads.get(idOf(item)) as Read })));
  const wroteBy = await doAll(deps, known, caller, passed, lane);
  const applied = passed.filter(({ work }) => wroteBy.get(work.op.attemptId)?.kind === 'applied');
  const readBacks = await readBack(caller, applied.map(({ link }) => idOn(link, side) ?? ''), lane);
  await recordResults(deps, known, leaseId, [
    ...failed.map((item): Result => ({ kind: 'read', key: item.stored.link, side, outcome: reads.get(idOf(item)) as ReadOutcome })),
    ...passed.map(({ link, work }) => written(deps, link, side, work.op.attemptId, wroteBy, readBacks.get(idOn(link, side) ?? ''))),
  ]);
}

interface Passed {
  readonly link: Link;
  readonly work: OfRecord;
}

/** What is done to a record that is there. */
type OfRecord = Extract<Work, { kind: 'write' | 'remove' | 'merge' }>;

function isOfRecord(work: Work): work is OfRecord {
  return work.kind === 'write' || work.kind === 'remove' || work.kind === 'merge';
}

/** Folds the guard reads; what is still wanted, and admitted, gets its attempt, everything else is released with what was learnt. */
async function recordGuards(deps: DeliverDeps, known: KnownIntegration, leaseId: string, side: Side, guards: readonly { item: Item; read: Read }[]): Promise<Passed[]> {
  if (guards.length === 0) return [];
  return inTransaction(deps.pool, async (transaction) => {
    const locked = await lockByKey(transaction, guards.map(({ item }) => item.stored.link));
    const byLink = new Map(guards.map(({ item, read }) => [item.stored.link.linkId, read]));
    const before = new Map(locked.map(({ link }) => [link.linkId, link]));
    const now = deps.clock();
    const decisions: DecisionWrite[] = [];
    const planned: Planned[] = [];
    for (const stored of locked) {
      const read = byLink.get(stored.link.linkId);
      if (!read || stored.leaseId !== leaseId) continue;
      const { link, groups } = read.result.kind === 'merged' ? { link: readAgain(stored.link, side, now), groups: [] } : foldRead(stored.link, side, read, known, now);
      decisions.push(...decisionOnRead(link, side, groups, deps.newId(), now));
      planned.push({ stored: { ...stored, link }, work: planWork(link, known.context, now, deps.newId()) });
    }
    const held = await deps.admission.hold(transaction, known, planned.map(candidateOf));
    const passed: Passed[] = [];
    const writes: LinkWrite[] = [];
    for (const { stored, work: first } of planned) {
      const folded = held.get(stored.link.linkId) ?? stored.link;
      const work = folded === stored.link ? first : planWork(folded, known.context, now, deps.newId());
      if (!isOfRecord(work) || work.side !== side || idOn(folded, side) === null) {
        writes.push({ link: folded, lane: null, lease: 'release' });
        continue;
      }
      const link = withAttempt(folded, work, deps, known, newestEntries(byLink.get(folded.linkId) as Read));
      passed.push({ link, work });
      writes.push(leased(link, leaseId, now + deps.leaseMs));
    }
    saveLinks(transaction, [], writes, now);
    moveKeys(transaction, keyMovesOf(known.context.mapping, writes.map(({ link }) => ({ before: before.get(link.linkId) ?? link, after: link }))), now);
    insertDecisions(transaction, decisions);
    return passed;
  });
}

/** It went on into another record, which may have a link of its own: that is settled by a read that writes nothing. */
function readAgain(link: Link, side: Side, now: number): Link {
  return { ...link, state: { ...link.state, readDue: { ...link.state.readDue, [side]: { at: now, blocks: true } } } };
}

/** Where each field's history stood at the guard read; what is newer was written after it. */
function newestEntries(read: Read): Readonly<Record<string, number>> {
  if (read.result.kind !== 'found') return {};
  const { record } = read.result;
  return Object.fromEntries(Object.keys(record.values).map((field) => [field, newest(record, field)]));
}

function newest(record: RecordImage, field: string): number {
  return record.histories[field]?.[0]?.at ?? 0;
}
