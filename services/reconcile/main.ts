/** Reconcile: three lanes of changes in, decisions out (design §5). Never calls a system. */
import type { Consumption } from '../../runtime/consume.ts';
import type { Deps, Role } from '../../runtime/deps.ts';
import { describeError } from '../../runtime/logger.ts';
import { parsePersonHashes } from '../../runtime/person-hash.ts';
import { sleep } from '../../runtime/sleep.ts';
import { DECISIONS_TOPIC, topicName } from '../../schemas/topics.ts';
import { LANES } from '../../schemas/value.ts';
import { checkHashKeys } from '../../store/erasures.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import { createLocks } from '../../store/locks.ts';
import { analyzeYoungTables } from '../../store/young-tables.ts';
import { runClearing } from './clear-traces.ts';
import { keepDecided } from './decide-anew.ts';
import { keepHistory, prepareHistory } from './keep-history.ts';
import { consumeLane } from './lane-consumer.ts';
import { reconcileMetrics } from './metrics.ts';
import { runSweep } from './sweep.ts';

/** Nobody waits for a decision's copy on its topic. */
const DECISIONS_LINGER_MS = 100;
const REFRESH_MS = 1_000;
const ANALYZE_MS = 2_000;
/**
 * Changes per transaction. A batch is in memory as a whole until its commit; of a thousand, three lanes' worth outlived
 * the young generation, and to carry it over cost a fifth of reconciling. Round trips are few with either.
 */
export const MAX_BATCH = 500;

export async function startReconcile(deps: Deps): Promise<Role & { readonly lanes: readonly Consumption[] }> {
  const stopping = new AbortController();
  const book = new IntegrationBook(deps.pool);
  await book.refresh();
  const personHashes = parsePersonHashes(deps.env);
  await checkHashKeys(deps.pool, personHashes?.keyIds ?? []);
  const locks = createLocks(deps.pool);
  await prepareHistory({ ...deps, locks });
  const publisher = deps.kafka.publisher({ lingerMs: DECISIONS_LINGER_MS });
  const metrics = reconcileMetrics(deps.metrics);
  const batchDeps = { pool: deps.pool, codec: deps.codec.changes, clock: deps.clock, newId: deps.newId, book, personHashes };
  const relayDeps = { pool: deps.pool, codec: deps.codec.decisions, publisher, topic: topicName(deps.config.topicPrefix, DECISIONS_TOPIC) };
  const onFatal = (error: Error): void => deps.logger.fatal({ err: describeError(error) }, 'reconcile cannot go on');
  const starting = await Promise.allSettled(LANES.map((lane) => consumeLane({ deps, lane, batchDeps, relayDeps, metrics, maxBatch: MAX_BATCH, sleep, onFatal })));
  const lanes = starting.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = starting.find((one) => one.status === 'rejected');
  if (failed) {
    await Promise.all(lanes.map((lane) => lane.stop()));
    await locks.close();
    await publisher.close();
    throw failed.reason;
  }
  const background = [
    runSweep({ pool: deps.pool, codec: deps.codec, publisher, topicPrefix: deps.config.topicPrefix, logger: deps.logger }, stopping.signal),
    runClearing({ pool: deps.pool, kafka: deps.kafka, publisher, topicPrefix: deps.config.topicPrefix, clock: deps.clock, logger: deps.logger }, stopping.signal),
    keepFresh(book, deps, stopping.signal),
    keepDecided({ ...deps, book, locks }, stopping.signal),
    analyzeWhileYoung(deps, stopping.signal),
    keepHistory({ ...deps, locks }, stopping.signal),
  ];
  let stopped: Promise<void> | undefined;
  return {
    url: null,
    lanes,
    stop: () => (stopped ??= (async () => {
      await Promise.all(lanes.map((lane) => lane.stop()));
      stopping.abort();
      await Promise.all(background);
      await locks.close();
      await publisher.close();
    })()),
  };
}

async function keepFresh(book: IntegrationBook, deps: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(REFRESH_MS, signal);
    await book.refresh().catch((error: unknown) => deps.logger.warn({ err: describeError(error) }, 'integrations could not be read'));
  }
}

async function analyzeWhileYoung(deps: Deps, signal: AbortSignal): Promise<void> {
  for (let young = 1; young > 0 && !signal.aborted;) {
    await sleep(ANALYZE_MS, signal);
    young = await analyzeYoungTables(deps.pool).catch((error: unknown) => {
      deps.logger.warn({ err: describeError(error) }, 'tables could not be analyzed');
      return 1;
    });
  }
}
