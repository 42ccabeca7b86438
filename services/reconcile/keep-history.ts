/**
 * Keeps the history of decisions: partitions made ahead, decisions removed that nobody keeps any more.
 *
 * One process at a time does it (store/locks.ts). What it does not come to, because a table is busy or the process ends, it
 * does at the next turn; until a day's partition is there, its rows go to the default one and move over later.
 */
import type { Deps } from '../../runtime/deps.ts';
import { describeError } from '../../runtime/logger.ts';
import { sleep } from '../../runtime/sleep.ts';
import { HISTORY_DAYS } from '../../schemas/integration.ts';
import { DAY_MS, deleteDecisionsBefore, dropPartition, listPartitions, listRetentions, makePartition } from '../../store/history-partitions.ts';
import type { Held, Locks } from '../../store/locks.ts';

/** The days for which a partition stands ready, today included. */
const DAYS_AHEAD = 4;
const TURN_MS = 600_000;
/** Rows deleted at once, and the pause behind them. */
const DELETED_AT_ONCE = 2_000;
const BREATH_MS = 200;

type HistoryDeps = Pick<Deps, 'pool' | 'clock' | 'logger'> & { readonly locks: Locks };

/** Makes the partitions of the next days, so that nothing has to be moved later; what fails is done at the first turn. */
export async function prepareHistory(deps: HistoryDeps): Promise<void> {
  await inTurn(deps, new AbortController().signal, () => makeAhead(deps));
}

/** Runs until the signal ends. */
export async function keepHistory(deps: HistoryDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await inTurn(deps, signal, async (until) => {
      await makeAhead(deps);
      await removeExpired(deps, until);
    });
    await sleep(TURN_MS, signal);
  }
}

/** Unless another process has its turn now. Never rejects: nothing depends on it but tidiness. */
async function inTurn({ locks, logger }: HistoryDeps, signal: AbortSignal, work: (until: AbortSignal) => Promise<void>): Promise<void> {
  let held: Held | null = null;
  try {
    held = await locks.tryHold('history');
    if (held) await work(AbortSignal.any([signal, held.signal]));
  } catch (error) {
    logger.warn({ err: describeError(error) }, 'the history of decisions could not be tended now');
  } finally {
    await held?.release();
  }
}

async function makeAhead({ pool, clock }: HistoryDeps): Promise<void> {
  const today = dayOf(clock());
  const there = await listPartitions(pool);
  for (let day = today; day < today + DAYS_AHEAD * DAY_MS; day += DAY_MS) {
    if (!there.some(({ from, until }) => from < day + DAY_MS && until > day)) await makePartition(pool, day);
  }
}

/** Whole partitions where no integration keeps a row of them any more, and the rest in small batches. */
async function removeExpired({ pool, clock, logger }: HistoryDeps, signal: AbortSignal): Promise<void> {
  const today = dayOf(clock());
  const retentions = await listRetentions(pool);
  const longest = retentions.length === 0 ? HISTORY_DAYS : Math.max(...retentions.map(({ keepDays }) => keepDays));
  for (const partition of await listPartitions(pool)) {
    if (partition.until > today - longest * DAY_MS || signal.aborted) break;
    if (!await dropPartition(pool, partition)) logger.warn({ partition: partition.name }, 'decisions older than anybody keeps still wait for their topic');
  }
  for (const retention of retentions) {
    for (let deleted = DELETED_AT_ONCE; deleted === DELETED_AT_ONCE && !signal.aborted;) {
      deleted = await deleteDecisionsBefore(pool, retention, today - retention.keepDays * DAY_MS, DELETED_AT_ONCE);
      if (deleted === DELETED_AT_ONCE) await sleep(BREATH_MS, signal);
    }
  }
}

function dayOf(at: number): number {
  return Math.floor(at / DAY_MS) * DAY_MS;
}
