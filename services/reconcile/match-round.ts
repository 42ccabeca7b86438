/**
 * The match round. While the first listings come in, records are only reserved, so that who is paired with whom does not
 * depend on the order in which they come; once both are stored, their groups are matched, page by page, and then missing
 * partners may be created. Later it takes up whoever may stand otherwise: held for a key that somebody has given up, a
 * candidate that was decided, a partner that was not made after all.
 *
 * The queue is the progress: a page is one transaction, under all the integration's identity locks, and takes its links
 * off the queue. One process at a time does it, and any other may go on.
 */
import { CROWD } from '../../domain/pairing.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import { describeError } from '../../runtime/logger.ts';
import { insertDecisions } from '../../store/decisions.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { deleteLinks, lockLinks, saveLinks } from '../../store/links.ts';
import type { LinkKey, StoredLink } from '../../store/links.ts';
import { findBearers, lockAllIdentities, moveKeys, namedPartners, storedKeys } from '../../store/match-keys.ts';
import { dueMatching, matched, nextToMatch, openCreation, postponeMatching, queueMatching } from '../../store/match-queue.ts';
import type { MatchDue } from '../../store/match-queue.ts';
import { MOST_KEYS } from './identities.ts';
import { isBeingCompleted, matchGroups } from './match-group.ts';
import type { Matched } from './match-group.ts';
import type { RoundDeps } from './round.ts';
import { Workspace } from './workspace.ts';
import type { Entry } from './workspace.ts';

const LOOK_EVERY_MS = 200;
/** Nobody waits for the first round's pages; later ones let new records through in between. */
const PAGE = { first: 500, later: 100 };
/** A partner is being made: its call ends within some seconds. */
const LATER_MS = 2_000;

/** Runs until the signal ends; failures are tried again. */
export async function keepMatched(deps: RoundDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const due of await dueMatching(deps.pool, deps.clock()).catch(() => [])) {
      await matchRound(deps, due, signal).catch((error: unknown) => deps.logger.warn({ integration: due.integrationId, err: describeError(error) }, 'records wait to be matched'));
    }
    await deps.sleep(LOOK_EVERY_MS, signal);
  }
}

/** Matches whoever waits, until nobody does. */
export async function matchRound(deps: RoundDeps, due: MatchDue, signal: AbortSignal): Promise<void> {
  const held = await deps.locks.tryHold(`match ${due.tenantId}/${due.integrationId}`);
  if (!held) return;
  try {
    await deps.book.refresh();
    const known = deps.book.snapshot().find(due.tenantId, due.integrationId);
    while (known && !signal.aborted && !held.signal.aborted) {
      const count = await inTransaction(deps.pool, (transaction) => matchPage(transaction, deps, known, due.isMatched ? PAGE.later : PAGE.first));
      if (due.isMatched || count === 0) deps.wake.notify(due.tenantId, due.integrationId);
      if (count === 0) return;
    }
  } finally {
    await held.release();
  }
}

/** How many links were taken off the queue. */
async function matchPage(transaction: Transaction, deps: RoundDeps, known: KnownIntegration, limit: number): Promise<number> {
  lockAllIdentities(transaction, known);
  const now = deps.clock();
  const linkIds = await nextToMatch(transaction, known, now, limit);
  if (linkIds.length === 0) {
    await openCreation(transaction, known, now);
    return 0;
  }
  const workspace = new Workspace(await lockGroupsOf(transaction, known, linkIds), () => known.context.mapping, true);
  const byId = new Map([...workspace.all()].map((entry) => [entry.link.linkId, entry]));
  const [busy, ready] = partition(linkIds, (linkId) => isBusy(byId.get(linkId)));
  const done = matchGroups(workspace, { context: known.context, rules: known.integration.match, now }, ready.flatMap((linkId) => byId.get(linkId) ?? []));
  matched(transaction, known, ready);
  postponeMatching(transaction, known, busy, now + LATER_MS);
  const { updated, ended, queued } = workspace.writes();
  deleteLinks(transaction, ended, now);
  saveLinks(transaction, [], updated, now);
  moveKeys(transaction, workspace.keyMoves(), now);
  queueMatching(transaction, queued, now + LATER_MS);
  insertDecisions(transaction, done.filter(({ groups }) => groups.length > 0).map((one) => ({ source: null, decision: decisionOf(one, deps.newId(), now) })));
  return linkIds.length;
}

/** A link without a partner for which something is under way; a pair is looked at for the sake of others. */
function isBusy(entry: Entry | undefined): boolean {
  return entry !== undefined && (entry.link.bevatelId === null || entry.link.externalId === null) && isBeingCompleted(entry.link.state);
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): readonly [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}

/** The links with everything that hangs together with them; all identities are locked, so that nothing joins meanwhile. */
async function lockGroupsOf(transaction: Transaction, known: KnownIntegration, linkIds: readonly string[]): Promise<StoredLink[]> {
  const { tenantId, integrationId } = known;
  const found = new Map(linkIds.map((linkId): [string, LinkKey] => [linkId, { tenantId, integrationId, linkId }]));
  const keys = new Set<string>();
  for (let next = [...found.values()]; next.length > 0 && keys.size < MOST_KEYS;) {
    const rows = (await storedKeys(transaction, next)).filter(({ matchKey }) => !keys.has(matchKey));
    for (const { matchKey } of rows) keys.add(matchKey);
    const bearers = (await findBearers(transaction, rows, CROWD + 1)).filter(({ linkId }) => !found.has(linkId));
    for (const { linkId } of bearers) found.set(linkId, { tenantId, integrationId, linkId });
    next = bearers.filter(({ isOneSided }) => isOneSided);
  }
  const partners = await namedPartners(transaction, known, [...found.keys()]);
  return lockLinks(transaction, partners.map((partner) => ({ tenantId, integrationId, ...partner })), [...found.values()]);
}

function decisionOf({ entry: { link }, verdict, groups }: Matched, decisionId: string, now: number) {
  const { tenantId, integrationId, linkId, bevatelId, externalId } = link;
  return { decisionId, tenantId, integrationId, linkId, bevatelId, externalId, causeId: linkId, cause: 'matching' as const, side: null, verdict, groups, decidedAt: now };
}
