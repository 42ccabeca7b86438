/**
 * After a file was applied, every link of its integration is decided by the new configuration, page by page: what was held
 * for a reason that is mended goes on, what a field's policy or direction now says takes effect without waiting for the
 * next edit. One process at a time does it; each page is one transaction with the place that it came to.
 */
import type { Pool } from 'pg';
import { decideAnew } from '../../domain/decide-anew.ts';
import { dueOf } from '../../domain/due.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Wake } from '../../runtime/deps.ts';
import type { Logger } from '../../runtime/logger.ts';
import { describeError } from '../../runtime/logger.ts';
import { sleep } from '../../runtime/sleep.ts';
import { advanceRound, dueRounds, endRound } from '../../store/decided-anew.ts';
import type { Round } from '../../store/decided-anew.ts';
import { insertDecisions } from '../../store/decisions.ts';
import type { IntegrationBook, KnownIntegration } from '../../store/integration-book.ts';
import { lockPage, saveLinks } from '../../store/links.ts';
import type { Locks } from '../../store/locks.ts';

export interface DecideAnewDeps {
  readonly pool: Pool;
  readonly book: Pick<IntegrationBook, 'all' | 'refresh'>;
  readonly locks: Locks;
  readonly wake: Pick<Wake, 'notify'>;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly logger: Logger;
}

const LOOK_EVERY_MS = 1_000;
const PAGE = 200;

/** Runs until the signal ends; failures are tried again. */
export async function keepDecided(deps: DecideAnewDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const round of await dueRounds(deps.pool).catch(() => [])) {
      await decideRound(deps, round, signal).catch((error: unknown) => deps.logger.warn({ integration: round.integrationId, err: describeError(error) }, 'links wait to be decided anew'));
    }
    await sleep(LOOK_EVERY_MS, signal);
  }
}

async function decideRound(deps: DecideAnewDeps, round: Round, signal: AbortSignal): Promise<void> {
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
function decidePage(deps: DecideAnewDeps, known: KnownIntegration, round: Round, after: string): Promise<string | null> {
  return inTransaction(deps.pool, async (transaction) => {
    const locked = await lockPage(transaction, round, after, PAGE);
    const last = locked.at(-1)?.link.linkId ?? null;
    if (last === null) return null;
    const now = deps.clock();
    const changed = locked.flatMap(({ link: before }) => {
      const decided = decideAnew(before, known.context, now);
      return JSON.stringify(decided.link) === JSON.stringify(before) ? [] : [{ before, ...decided }];
    });
    saveLinks(transaction, [], changed.map(({ before, link }) => ({ link, lane: dueOf(before, now) ? null : 'repair', lease: 'keep' })), now);
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
