/**
 * After a file was applied, every link of its integration is decided by the new configuration, page by page: what was held
 * for a reason that is mended goes on, what a field's policy or direction now says takes effect without waiting for the
 * next edit. Its match keys are made anew by the rules as they are now, and a record without a partner for which that
 * makes a difference is matched before one is made. One process at a time does it; each page is one transaction with the
 * place that it came to.
 */
import type { LinkContext } from '../../domain/context.ts';
import { decideAnew } from '../../domain/decide-anew.ts';
import { decideLink } from '../../domain/decide-link.ts';
import type { LinkDecision } from '../../domain/decide-link.ts';
import { dueOf } from '../../domain/due.ts';
import type { Link } from '../../domain/link.ts';
import { keyRows, lacking } from '../../domain/match.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import { describeError } from '../../runtime/logger.ts';
import { advanceRound, dueRounds, endRound } from '../../store/decided-anew.ts';
import type { Round } from '../../store/decided-anew.ts';
import { insertDecisions } from '../../store/decisions.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { lockPage, saveLinks } from '../../store/links.ts';
import type { StoredLink } from '../../store/links.ts';
import { moveKeys, storedKeys } from '../../store/match-keys.ts';
import type { KeyMove } from '../../store/match-keys.ts';
import { queueMatching } from '../../store/match-queue.ts';
import { isMatchable } from './match-group.ts';
import type { RoundDeps } from './round.ts';

const LOOK_EVERY_MS = 1_000;
const PAGE = 200;

/** Runs until the signal ends; failures are tried again. */
export async function keepDecided(deps: RoundDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const round of await dueRounds(deps.pool).catch(() => [])) {
      await decideRound(deps, round, signal).catch((error: unknown) => deps.logger.warn({ integration: round.integrationId, err: describeError(error) }, 'links wait to be decided anew'));
    }
    await deps.sleep(LOOK_EVERY_MS, signal);
  }
}

async function decideRound(deps: RoundDeps, round: Round, signal: AbortSignal): Promise<void> {
  const held = await deps.locks.tryHold(`decide anew ${round.tenantId}/${round.integrationId}`);
  if (!held) return;
  try {
    await deps.book.refresh();
    const known = deps.book.all().find((one) => one.tenantId === round.tenantId && one.integrationId === round.integrationId);
    if (known?.appliedAt !== round.appliedAt) return;
    let { through } = round;
    while (!signal.aborted && !held.signal.aborted) {
      const last = await decidePage(deps, known, round, through ?? '');
      if (last === null) return await endRound(deps.pool, round);
      through = last;
      deps.wake.notify(round.tenantId, round.integrationId);
    }
  } finally {
    await held.release();
  }
}

/** The last link of the page; null behind the end. */
function decidePage(deps: RoundDeps, known: KnownIntegration, round: Round, after: string): Promise<string | null> {
  return inTransaction(deps.pool, async (transaction) => {
    const locked = await lockPage(transaction, round, after, PAGE);
    const last = locked.at(-1)?.link.linkId ?? null;
    if (last === null) return null;
    const now = deps.clock();
    const keys = await keyMovesOfPage(transaction, known.context, locked);
    const rekeyed = new Set(keys.map(({ link }) => link.linkId));
    const decided = locked.map(({ link: before }) => ({ before, ...decideUnmatched(before, known.context, rekeyed.has(before.linkId), now) }));
    const changed = decided.filter(({ before, link }) => JSON.stringify(link) !== JSON.stringify(before));
    saveLinks(transaction, [], changed.map(({ before, link }) => ({ link, lane: dueOf(before, now) ? null : 'repair', lease: 'keep' })), now);
    moveKeys(transaction, keys, now);
    queueMatching(transaction, decided.filter(({ before, link }) => link.state.unmatched && !before.state.unmatched).map(({ link }) => link), now);
    insertDecisions(transaction, changed.filter(({ groups }) => groups.length > 0).map(({ link, groups, verdict }) => ({
      source: null,
      decision: {
        decisionId: deps.newId(), tenantId: link.tenantId, integrationId: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId,
        causeId: `applied:${round.appliedAt}`, cause: 'operator', side: null, verdict: verdict ?? groups[0]?.verdict ?? 'unchanged', groups, decidedAt: now,
      },
    })));
    advanceRound(transaction, round, last);
    return last;
  });
}

/** What is stored against what the rules make of the links. */
async function keyMovesOfPage(transaction: Transaction, { mapping }: LinkContext, locked: readonly StoredLink[]): Promise<readonly KeyMove[]> {
  const stored = Map.groupBy(await storedKeys(transaction, locked.map(({ link }) => link)), ({ linkId }) => linkId);
  return locked.flatMap(({ link }): KeyMove[] => {
    const was = stored.get(link.linkId) ?? [];
    const is = keyRows(mapping, link);
    const change = { gone: lacking(was, is), added: lacking(is, was) };
    return change.gone.length + change.added.length > 0 ? [{ link, change }] : [];
  });
}

/** A partner that would be made now is looked for first, if it was not before. */
function decideUnmatched(before: Link, context: LinkContext, isRekeyed: boolean, now: number): LinkDecision {
  const decided = decideAnew(before, context, now);
  const isNew = decided.link.state.create !== undefined && before.state.create === undefined;
  const isAlone = before.bevatelId === null || before.externalId === null;
  if (!isAlone || !(isNew || isRekeyed) || !isMatchable(before)) return decided;
  return decideLink({ ...before, state: { ...before.state, unmatched: true } }, context, now);
}
