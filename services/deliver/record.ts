/** Records what came of a cycle: every outcome as the fact that it is, fenced by the attempt's id (design §6). */
import { decideLink } from '../../domain/decide-link.ts';
import { isLanding, landingsOf, removalOf } from '../../domain/landing.ts';
import type { Attempt, Link } from '../../domain/link.ts';
import { applyOutcome, createFound, createNotFound } from '../../domain/outcome.ts';
import type { OutcomeFacts } from '../../domain/outcome.ts';
import { giveUp } from '../../domain/unavailable.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { GroupVerdict, Verdict } from '../../schemas/decision.ts';
import type { RecordImage, WriteOutcome } from '../../schemas/record.ts';
import { isSyncError } from '../../schemas/errors.ts';
import type { SyncError } from '../../schemas/errors.ts';
import { SIDES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import { insertDecisions } from '../../store/decisions.ts';
import type { DecisionWrite } from '../../store/decisions.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { lockByKey } from '../../store/leases.ts';
import { deleteLinks, saveLinks } from '../../store/links.ts';
import type { LinkKey, LinkWrite } from '../../store/links.ts';
import { keyMovesOf, moveKeys } from '../../store/match-keys.ts';
import type { ReadOutcome } from './calls.ts';
import type { DeliverDeps } from './deps.ts';
import { applyErasing } from './erase-result.ts';
import type { SystemReceipt } from './erase-result.ts';
import { foldRead } from './fold-read.ts';
import { followReplaced } from './followers.ts';
import { markErased, matchParted, recordErasures } from './record-ends.ts';
import { mergeDecision, settleIdentities } from './settle-identities.ts';
import type { Written as WrittenLink } from './settle-identities.ts';

export type Result = { readonly key: LinkKey; readonly side: Side } & (
  | { readonly kind: 'written'; readonly outcome: WriteOutcome; readonly readBack?: NonNullable<OutcomeFacts['readBack']> }
  | { readonly kind: 'read'; readonly outcome: ReadOutcome }
  | { readonly kind: 'lookup'; readonly attemptId: string; readonly found: RecordImage | null | SyncError }
);

export async function recordResults(deps: DeliverDeps, known: KnownIntegration, leaseId: string, results: readonly Result[]): Promise<void> {
  if (results.length === 0) return;
  const written = await inTransaction(deps.pool, (transaction) => record(transaction, deps, known, leaseId, results));
  for (const side of SIDES) {
    const links = written.filter((one) => one.side === side).map((one) => one.link);
    if (links.length > 0) deps.onWritten(known, side, links);
  }
  for (const { side, attempt, link } of written) deps.metrics.written({ tenantId: known.tenantId, integrationId: known.integrationId, side }, lagOf(attempt, link, deps.clock()));
}

interface Written {
  readonly side: Side;
  readonly attempt: Attempt;
  readonly link: Link;
}

async function record(transaction: Transaction, deps: DeliverDeps, known: KnownIntegration, leaseId: string, results: readonly Result[]): Promise<Written[]> {
  const byLink = new Map(results.map((result) => [result.key.linkId, result]));
  const locked = await lockByKey(transaction, results.map(({ key }) => key));
  const now = deps.clock();
  const facts: OutcomeFacts = { now, jitter: deps.random() };
  const writes: WrittenLink[] = [];
  const receipts: SystemReceipt[] = [];
  for (const stored of locked) {
    const result = byLink.get(stored.link.linkId);
    if (!result) continue;
    if (!stored.link.erased) writes.push({ stored, result, ...applyResult(stored.link, result, known, facts) });
    else {
      const { link, receipt } = applyErasing(stored.link, result, facts);
      writes.push({ stored, result, link, said: [] });
      if (receipt) receipts.push(receipt);
    }
  }
  const settled = await settleIdentities(transaction, known, writes, now);
  const decided = settled.writes.map(({ stored, link, result, said }) => {
    const { link: after, groups } = decideLink(link, known.context, now);
    return { stored, result, link: markErased(stored.link, after, deps), groups: [...said.filter((told) => staysSaid(told) || !groups.some((one) => one.group === told.group)), ...groups] };
  });
  deleteLinks(transaction, settled.ended, now);
  saveLinks(transaction, [], [
    ...decided.map(({ stored, link }): LinkWrite => ({ link, lane: null, lease: stored.leaseId === leaseId ? 'release' : 'keep' })),
    ...settled.others.map(({ link }): LinkWrite => ({ link, lane: null, lease: 'keep' })),
  ], now);
  await followReplaced(transaction, decided, { ...deps, context: known.context }, now);
  moveKeys(transaction, keyMovesOf(known.context.mapping, [...decided, ...settled.others].map(({ stored, link }) => ({ before: stored.link, after: link }))), now);
  matchParted(transaction, decided, now);
  recordErasures(transaction, deps, known, decided, receipts, now);
  insertDecisions(transaction, [
    ...decided.flatMap(({ stored, link, result, groups }) => decisionOf(stored.link, link, result, groups, deps.newId(), now)),
    ...settled.merged.map((merged) => ({ source: null, decision: mergeDecision(merged, deps.newId(), now) })),
  ]);
  return decided.flatMap(({ stored, link, result }): Written[] => {
    const attempt = appliedAttempt(stored.link, result);
    return attempt && (attempt.kind === 'create' || attempt.kind === 'update') ? [{ side: result.side, attempt, link }] : [];
  });
}

/** `said`: verdicts of a read, which the decision after it need not repeat. */
function applyResult(link: Link, result: Result, known: KnownIntegration, facts: OutcomeFacts): { link: Link; said: readonly GroupVerdict[] } {
  const { side } = result;
  switch (result.kind) {
    case 'written': {
      const told = applyOutcome(link, side, result.outcome, known.context, { ...facts, ...(result.readBack ? { readBack: result.readBack } : {}) });
      return result.outcome.kind === 'failed' ? givenUp(told, side, result.outcome.error, known, facts) : { link: told, said: [] };
    }
    case 'read': {
      if ('error' in result.outcome) return givenUp(applyOutcome(link, side, { attemptId: '', kind: 'failed', error: result.outcome.error }, known.context, facts), side, result.outcome.error, known, facts);
      const folded = foldRead(link, side, result.outcome, known, facts.now);
      return { link: folded.link, said: folded.groups };
    }
    case 'lookup': return { link: applyLookup(link, result, known, facts), said: [] };
    default: return result satisfies never;
  }
}

/** What was to be written there may be given up by now (F7). */
function givenUp(link: Link, side: Side, error: SyncError, known: KnownIntegration, { now }: OutcomeFacts): { link: Link; said: readonly GroupVerdict[] } {
  const given = giveUp(link, side, error.code, known.context, now);
  return { link: given.link, said: given.groups };
}

function applyLookup(link: Link, result: Extract<Result, { kind: 'lookup' }>, known: KnownIntegration, facts: OutcomeFacts): Link {
  const { attemptId, found, side } = result;
  if (isSyncError(found)) return applyOutcome(link, side, { attemptId: '', kind: 'failed', error: found }, known.context, facts);
  if (found === null) return createNotFound(link, side, attemptId, known.context);
  return createFound(link, side, attemptId, found, known.context, facts.now);
}

/** A fact of its own, whatever is decided of the group after it. */
function staysSaid(told: GroupVerdict): boolean {
  return isLanding(told) || told.verdict === 'conflict_resolved';
}

const DONE: ReadonlySet<WriteOutcome['kind']> = new Set(['applied', 'removed', 'merged']);

function appliedAttempt(before: Link, result: Result): Attempt | null {
  const attemptId = result.kind === 'written' && DONE.has(result.outcome.kind) ? result.outcome.attemptId : null;
  return before.state.attempts.find((attempt) => attempt.id === attemptId) ?? null;
}

/** From the source's edit to the answer; where its system gave no time, from the read that first showed it. */
function lagOf(attempt: Attempt, link: Link, now: number): number | null {
  const times = Object.values(attempt.groups).map((group) => group.time.to).filter((at) => at !== null);
  if (times.length > 0) return Math.max(0, now - Math.max(...times));
  const source = link.state.seen[attempt.side === 'bevatel' ? 'external' : 'bevatel'];
  return source ? Math.max(0, now - source.observedFrom) : null;
}

/** What a guard read showed that was not known yet; nothing when it showed nothing new. */
export function decisionOnRead(link: Link, side: Side, groups: readonly GroupVerdict[], decisionId: string, now: number): DecisionWrite[] {
  const told = groups.filter(({ verdict }) => verdict !== 'in_flight');
  if (told.length === 0) return [];
  const { tenantId, integrationId, linkId, bevatelId, externalId } = link;
  const decision = { decisionId, tenantId, integrationId, linkId, bevatelId, externalId, causeId: linkId, cause: 'change' as const, side, verdict: told[0]?.verdict ?? 'unchanged', groups: told, decidedAt: now };
  return [{ source: null, decision }];
}

/** The write that this result shows to have landed: answered, or found by its reference after a create's lost answer. */
function landedAttempt(before: Link, result: Result): Attempt | null {
  if (result.kind !== 'lookup') return appliedAttempt(before, result);
  const isFound = result.found !== null && !isSyncError(result.found);
  return isFound ? before.state.attempts.find((attempt) => attempt.id === result.attemptId) ?? null : null;
}

function decisionOf(before: Link, after: Link, result: Result, groups: readonly GroupVerdict[], decisionId: string, now: number): DecisionWrite[] {
  const attempt = landedAttempt(before, result);
  const removed: GroupVerdict[] = attempt?.kind === 'remove' ? [removalOf(result.side, 'written')] : [];
  const written = attempt ? landingsOf(attempt, after.state, result.kind === 'written' ? 'written' : 'proven') : [];
  const all = [...removed, ...written, ...groups.filter((group) => group.verdict !== 'in_flight')];
  if (all.length === 0 && !attempt) return [];
  return [{
    source: null,
    decision: {
      decisionId, tenantId: after.tenantId, integrationId: after.integrationId, linkId: after.linkId, bevatelId: after.bevatelId, externalId: after.externalId,
      causeId: attempt?.id ?? result.key.linkId, cause: result.kind === 'written' ? 'answer' : 'deadline', side: result.side,
      verdict: verdictOf(attempt, groups), groups: all, decidedAt: now,
    },
  }];
}

function verdictOf(attempt: Attempt | null, groups: readonly GroupVerdict[]): Verdict {
  if (attempt?.kind === 'create') return 'created';
  if (attempt?.kind === 'remove') return 'removed';
  if (attempt?.kind === 'merge') return 'linked';
  if (attempt) return 'converged';
  return groups[0]?.verdict ?? 'unchanged';
}
