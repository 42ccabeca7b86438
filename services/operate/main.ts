/** Operate: the operator's API with the numbers, the holds and the proofs (design §7). Wires connectors to `verify`. */
import { bevatelConnector, bevatelLimits, externalConnector, externalRateLimits, resolveSecrets } from '../../connectors/registry.ts';
import type { Connector, ConnectorContext, RateLimit } from '../../connectors/connector.ts';
import type { Deps, Role } from '../../runtime/deps.ts';
import { describeError } from '../../runtime/logger.ts';
import { createLimiter } from '../../runtime/rate-limit.ts';
import { sleep } from '../../runtime/sleep.ts';
import { SyncError } from '../../schemas/errors.ts';
import type { Side } from '../../schemas/value.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import type { StoredIntegration } from '../../store/integrations.ts';
import { createLocks } from '../../store/locks.ts';
import { settleClosed } from './change-sets.ts';
import { createKafkaLag } from './kafka-lag.ts';
import { createLetterDecoder } from './letter-decoder.ts';
import { registerOperateMetrics } from './metrics.ts';
import { apiErrorOf } from './refusal.ts';
import type { ResolveDeps } from './resolve-conflict.ts';
import { createApiServer } from './server.ts';
import { readStatus } from './status.ts';
import { paced } from './paced.ts';
import { createVerifications } from './verifications.ts';
import { verifyIntegration } from './verify.ts';

const NOTE_ENDS_MS = 2_000;
const SETTLE_MS = 5_000;

/** Throws SyncError `configuration_missing` without a key: an open API would be worse than none. */
export async function startOperate(deps: Deps): Promise<Role & { readonly url: string }> {
  const { config, pool, clock, newId, logger } = deps;
  if (config.apiKey === null) throw new SyncError('configuration_missing', 'API_KEY is not set: the operator\'s API needs one');
  const stopping = new AbortController();
  const publisher = deps.kafka.publisher();
  const kafkaLag = createKafkaLag({ kafka: deps.kafka, pool, topicPrefix: config.topicPrefix, clock });
  const verifications = createVerifications({ newId, describe: (error) => apiErrorOf(error) });
  const server = await createApiServer({
    key: config.apiKey,
    http: { logger, metrics: deps.metrics, checks: { database: () => pool.query('select 1'), kafka: () => deps.kafka.check(), registry: () => deps.codec.check() } },
    deps: {
      pool, clock, newId, kafkaLag, publisher, verifications, wake: deps.wake, book: new IntegrationBook(pool),
      decodeLetter: createLetterDecoder(deps.codec, config.topicPrefix),
      verify: (integration, settleMs, signal, onProgress) => verifyIntegration({
        pool, integration, settleMs, clock, sleep, signal, onProgress, readers: connectReaders(deps, integration),
      }),
    },
  });
  registerOperateMetrics(deps.metrics, paced(() => readStatus({ pool, kafkaLag, clock }, {}), clock));
  const url = await server.listen({ host: config.host, port: config.ports.operate });
  const settling = keepSettled({ pool, clock, newId, wake: deps.wake, book: new IntegrationBook(pool) }, deps, stopping.signal);
  const noting = noteEnds(kafkaLag.note, deps, stopping.signal);
  let stopped: Promise<void> | undefined;
  return {
    url,
    stop: () => (stopped ??= (async () => {
      stopping.abort();
      await verifications.stop();
      await server.close();
      await Promise.all([noting, settling]);
      await publisher.close();
      logger.info('operate has stopped');
    })()),
  };
}

async function noteEnds(note: () => Promise<void>, deps: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await note().catch((error: unknown) => deps.logger.debug({ err: describeError(error) }, 'the ends of the topics could not be read'));
    await sleep(NOTE_ENDS_MS, signal);
  }
}

/** Decisions on change-sets that a process left half-way are carried on with, by whoever comes first. */
async function keepSettled(resolveDeps: ResolveDeps, { pool, logger }: Deps, signal: AbortSignal): Promise<void> {
  const locks = createLocks(pool);
  while (!signal.aborted) {
    await sleep(SETTLE_MS, signal);
    const held = signal.aborted ? null : await locks.tryHold('change-sets').catch(() => null);
    if (!held) continue;
    await settleClosed(resolveDeps).catch((error: unknown) => logger.warn({ err: describeError(error) }, 'decided change-sets wait'));
    await held.release();
  }
  await locks.close();
}

export interface ReaderDeps extends Pick<Deps, 'redis' | 'clock' | 'env'> {
  readonly config: Pick<Deps['config'], 'topicPrefix'>;
}

/** Throws SyncError `configuration_missing` when a secret is not set here. */
export function connectReaders(deps: ReaderDeps, { config }: Pick<StoredIntegration, 'config'>): Readonly<Record<Side, Connector>> {
  const secrets = resolveSecrets(config, deps.env);
  const context = (side: Side, limits: readonly RateLimit[]): ConnectorContext => ({
    tenantId: config.tenant, integrationId: config.integration, clock: deps.clock, onCall: () => undefined,
    limiter: createLimiter({ redis: deps.redis, name: `${deps.config.topicPrefix}${config.tenant}/${config.integration}/${side}`, limits, clock: deps.clock }),
  });
  return {
    bevatel: bevatelConnector(config, secrets, context('bevatel', bevatelLimits())),
    external: externalConnector(config, secrets, context('external', externalRateLimits(config))),
  };
}
