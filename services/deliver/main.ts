/** Deliver: writes what is wanted, level-triggered, one worker per integration (design §6). */
import type { Deps, Role } from '../../runtime/deps.ts';
import { describeError } from '../../runtime/logger.ts';
import { parsePersonHashes } from '../../runtime/person-hash.ts';
import { sleep } from '../../runtime/sleep.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { recordError, recordSuccess } from '../../store/integrations.ts';
import { createLagRecorder } from '../../store/lag.ts';
import { Admission } from './admission.ts';
import { answerPublisher } from './answers.ts';
import { completedWrite } from './complete.ts';
import { runCycle } from './cycle.ts';
import type { DeliverDeps } from './deps.ts';
import { deliverMetrics } from './metrics.ts';
import { parseDeliverSettings } from './settings.ts';
import type { DeliverSettings } from './settings.ts';
import { Systems } from './systems.ts';
import { Worker } from './worker.ts';

const SETTINGS = { limit: 400, backfill: { atLeast: 100, orAfterMs: 500 }, concurrency: 3, pollMs: 200, refreshMs: 1_000 };

export async function startDeliver(deps: Deps, { callMs, leaseMs }: DeliverSettings = parseDeliverSettings(deps.env)): Promise<Role> {
  const stopping = new AbortController();
  const book = new IntegrationBook(deps.pool);
  await book.refresh();
  const systems = new Systems(deps, callMs);
  const publisher = deps.kafka.publisher();
  const lag = createLagRecorder({ pool: deps.pool, clock: deps.clock });
  const cycleDeps: DeliverDeps = {
    pool: deps.pool, clock: deps.clock, newId: deps.newId, random: deps.random,
    limit: SETTINGS.limit, backfill: SETTINGS.backfill, callMs, leaseMs,
    admission: new Admission(deps),
    caller: (known, side) => systems.caller(known, side),
    completed: (known, side, link, op) => completedWrite(side, link, op, (id) => systems.recordUrl(known, id)),
    mappingOf: ({ tenantId, integrationId }) => book.snapshot().find(tenantId, integrationId)?.context.mapping,
    onWritten: answerPublisher({ publisher, codec: deps.codec.changes, topicPrefix: deps.config.topicPrefix, newId: deps.newId, clock: deps.clock, book, logger: deps.logger }),
    personHashes: parsePersonHashes(deps.env),
    noAnswer: () => new SyncError('write_unanswered', 'the system did not name this operation in its answer'),
    metrics: deliverMetrics(deps.metrics, lag),
  };
  const workers = new Workers(deps, book, systems, cycleDeps);
  workers.adjust();
  const unlisten = deps.wake.listen((tenantId, integrationId) => workers.wake(tenantId, integrationId));
  const refreshing = keepFresh(book, workers, deps, stopping.signal);
  let stopped: Promise<void> | undefined;
  return {
    url: null,
    stop: () => (stopped ??= (async () => {
      unlisten();
      stopping.abort();
      await refreshing;
      await workers.stop();
      await lag.stop();
      await publisher.close();
    })()),
  };
}

async function keepFresh(book: IntegrationBook, workers: Workers, deps: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(SETTINGS.refreshMs, signal);
    if (signal.aborted) return;
    await book.refresh().then(() => workers.adjust()).catch((error: unknown) => deps.logger.warn({ err: describeError(error) }, 'integrations could not be read'));
  }
}

/** One worker per integration that is not paused. */
class Workers {
  readonly #deps: Deps;
  readonly #book: IntegrationBook;
  readonly #systems: Systems;
  readonly #cycleDeps: DeliverDeps;
  readonly #workers = new Map<string, Worker>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #lastSuccess = new Map<string, number>();

  constructor(deps: Deps, book: IntegrationBook, systems: Systems, cycleDeps: DeliverDeps) {
    this.#deps = deps;
    this.#book = book;
    this.#systems = systems;
    this.#cycleDeps = cycleDeps;
  }

  adjust(): void {
    const active = new Map(this.#book.all().filter((known) => !known.isPaused).map((known) => [keyOf(known), known]));
    for (const [key, worker] of this.#workers) {
      if (active.has(key)) continue;
      this.#workers.delete(key);
      const leaving = worker.stop().finally(() => this.#leaving.delete(leaving));
      this.#leaving.add(leaving);
    }
    for (const [key, known] of active) {
      if (this.#workers.has(key)) continue;
      const worker = this.#newWorker(key, known);
      this.#workers.set(key, worker);
      worker.start();
    }
  }

  wake(tenantId: string, integrationId: string): void {
    this.#workers.get(keyOf({ tenantId, integrationId }))?.wake();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
    await Promise.all(this.#leaving);
  }

  #newWorker(key: string, { integrationId }: KnownIntegration): Worker {
    const current = (): KnownIntegration | undefined => this.#book.all().find((known) => keyOf(known) === key);
    return new Worker({
      integrationId, concurrency: SETTINGS.concurrency, pollMs: SETTINGS.pollMs, logger: this.#deps.logger,
      cycle: async () => {
        const known = current();
        if (!known) return 0;
        const count = await runCycle(this.#cycleDeps, known);
        await this.#noteSuccess(key, known);
        return count;
      },
      pauseMs: () => this.#pauseMs(current()),
      onFailure: (code) => this.#cycleDeps.metrics.failedCycle(integrationId, code),
    });
  }

  /** A missing secret stops the integration until it is applied again; it shows in its status. */
  #pauseMs(known: KnownIntegration | undefined): number {
    if (!known) return SETTINGS.refreshMs;
    try {
      return this.#systems.pauseMs(known);
    } catch (error) {
      if (!isSyncError(error)) throw error;
      void recordError(this.#deps.pool, known, { code: error.code, message: error.message, at: this.#deps.clock() }).catch(() => undefined);
      return SETTINGS.refreshMs;
    }
  }

  async #noteSuccess(key: string, known: KnownIntegration): Promise<void> {
    const now = this.#deps.clock();
    if (now - (this.#lastSuccess.get(key) ?? 0) < SETTINGS.refreshMs) return;
    this.#lastSuccess.set(key, now);
    await recordSuccess(this.#deps.pool, known, now);
  }
}

function keyOf({ tenantId, integrationId }: { readonly tenantId: string; readonly integrationId: string }): string {
  return `${tenantId}/${integrationId}`;
}
