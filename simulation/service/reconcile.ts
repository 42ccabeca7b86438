/** Reconcile as its main.ts puts it together: three lanes, the matching of who waits for it, and the sweep of what they leave to be relayed. */
import { describeError } from '../../runtime/logger.ts';
import { DECISIONS_TOPIC, topicName } from '../../schemas/topics.ts';
import { LANES } from '../../schemas/value.ts';
import { consumeLane } from '../../services/reconcile/lane-consumer.ts';
import { keepMatched } from '../../services/reconcile/match-round.ts';
import { reconcileMetrics } from '../../services/reconcile/metrics.ts';
import { sweepOnce } from '../../services/reconcile/sweep.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import type { Environment } from './environment.ts';
import { contextOf, depsOf, lazily } from './environment.ts';

const MAX_BATCH = 20;
const SWEEP_MS = 30_000;
/** How much rarer the matching looks, which seldom finds something to do. */
const RARELY = 10;

export async function startReconcile(environment: Environment): Promise<void> {
  const deps = depsOf(environment);
  const book = new IntegrationBook(deps.pool, contextOf(environment));
  await book.refresh();
  const publisher = deps.kafka.publisher();
  const batchDeps = { pool: deps.pool, codec: deps.codec.changes, clock: deps.clock, newId: deps.newId, book };
  const relayDeps = { pool: deps.pool, codec: deps.codec.decisions, publisher, topic: topicName(environment.topicPrefix, DECISIONS_TOPIC) };
  const metrics = reconcileMetrics(deps.metrics);
  const { sleep } = environment.incarnation;
  await Promise.all(LANES.map((lane) => consumeLane({
    deps, lane, batchDeps, relayDeps, metrics, maxBatch: MAX_BATCH, sleep, onFatal: (error) => environment.onUnforeseen(`reconcile ${lane}`, error),
  })));
  void keepMatched({ ...deps, book, locks: environment.locks, sleep: lazily(environment, RARELY) }, new AbortController().signal);
  void sweep(environment, () => sweepOnce({ pool: deps.pool, codec: deps.codec, publisher, topicPrefix: environment.topicPrefix, logger: deps.logger }), deps.logger);
}

async function sweep(environment: Environment, once: () => Promise<number>, logger: ReturnType<typeof depsOf>['logger']): Promise<void> {
  const pause = lazily(environment);
  for (;;) {
    await pause(SWEEP_MS);
    await once().catch((error: unknown) => logger.warn({ err: describeError(error) }, 'the sweep is tried again'));
  }
}
