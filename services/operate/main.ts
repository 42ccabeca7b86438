/** Operate: the operator's API with the numbers, the holds and the proofs (design §7). Wires connectors to `verify`. */
import { bevatelConnector, bevatelLimits, externalConnector, externalRateLimits, resolveSecrets } from '../../connectors/registry.ts';
import type { Connector, ConnectorContext } from '../../connectors/connector.ts';
import type { Deps, Role } from '../../runtime/deps.ts';
import { describeError } from '../../runtime/logger.ts';
import { createBackgroundLimiter } from '../../runtime/background-limit.ts';
import { parsePersonHashes } from '../../runtime/person-hash.ts';
import { createLimiter } from '../../runtime/rate-limit.ts';
import type { LimiterOptions, QuotaLimiter } from '../../runtime/rate-limit.ts';
import { sleep } from '../../runtime/sleep.ts';
import { SyncError } from '../../schemas/errors.ts';
import { SIDES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import type { StoredIntegration } from '../../store/integrations.ts';
import { createLocks } from '../../store/locks.ts';
import type { Locks } from '../../store/locks.ts';
import { integrationKeyOf } from '../../store/watch-integrations.ts';
import { settleClosed } from './change-sets.ts';
import { createKafkaLag } from './status/kafka-lag.ts';
import { createLetterDecoder } from './dead-letters/letter-decoder.ts';
import { registerOperateMetrics } from './status/metrics.ts';
import { apiErrorOf } from './http/refusal.ts';
import type { ResolveDeps } from './conflicts/resolve-conflict.ts';
import { createApiServer } from './http/server.ts';
import { readStatus } from './status/status.ts';
import { paced } from './status/paced.ts';
import { keepSweeping } from './verify/sweep.ts';
import { createVerifications } from './verify/verifications.ts';
import type { Connection } from './verify/step.ts';

const NOTE_ENDS_MS = 2_000;
const SETTLE_MS = 5_000;

/** Throws SyncError `configuration_missing` without a key: an open API would be worse than none. */
export async function startOperate(deps: Deps): Promise<Role & { readonly url: string }> {
  const { config, pool, clock, newId, logger } = deps;
  if (config.apiKey === null) throw new SyncError('configuration_missing', 'API_KEY is not set: the operator\'s API needs one');
  const stopping = new AbortController();
  const publisher = deps.kafka.publisher();
  const kafkaLag = createKafkaLag({ kafka: deps.kafka, pool, topicPrefix: config.topicPrefix, clock });
  const locks = createLocks(pool);
  const onFailure = (error: unknown): void => { logger.warn({ err: describeError(error) }, 'comparing both sides does not go on for now'); };
  const verifications = createVerifications({ pool, locks, clock, newId, sleep, wake: deps.wake, connect: connections(deps), describe: apiErrorOf, onFailure });
  const sweeping = keepSweeping({ pool, clock, newId, sleep, signal: stopping.signal, onFailure });
  const server = await createApiServer({
    key: config.apiKey,
    http: { logger, metrics: deps.metrics, checks: { database: () => pool.query('select 1'), kafka: () => deps.kafka.check(), registry: () => deps.codec.check() } },
    deps: {
      pool, clock, newId, kafkaLag, publisher, verifications, wake: deps.wake, book: new IntegrationBook(pool), signal: stopping.signal,
      personHashes: parsePersonHashes(deps.env), encodeHint: deps.codec.hints.encode, topicPrefix: config.topicPrefix,
      decodeLetter: createLetterDecoder(deps.codec, config.topicPrefix),
    },
  });
  registerOperateMetrics(deps.metrics, paced(() => readStatus({ pool, kafkaLag, clock }, {}), clock));
  const url = await server.listen({ host: config.host, port: config.ports.operate });
  const settling = keepSettled({ pool, clock, newId, wake: deps.wake, book: new IntegrationBook(pool) }, deps, locks, stopping.signal);
  const noting = noteEnds(kafkaLag.note, deps, stopping.signal);
  let stopped: Promise<void> | undefined;
  return {
    url,
    stop: () => (stopped ??= (async () => {
      stopping.abort();
      await Promise.all([verifications.stop(), sweeping, settling, noting]);
      await locks.close();
      await server.close();
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
async function keepSettled(resolveDeps: ResolveDeps, { logger }: Deps, locks: Locks, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(SETTLE_MS, signal);
    const held = signal.aborted ? null : await locks.tryHold('change-sets').catch(() => null);
    if (!held) continue;
    await settleClosed(resolveDeps).catch((error: unknown) => logger.warn({ err: describeError(error) }, 'decided change-sets wait'));
    await held.release();
  }
}

export interface ReaderDeps extends Pick<Deps, 'redis' | 'clock' | 'env'> {
  readonly config: Pick<Deps['config'], 'topicPrefix'>;
}

/** For the command line. Throws SyncError `configuration_missing` when a secret is not set here. */
export function connectReaders(deps: ReaderDeps, integration: Pick<StoredIntegration, 'config'>): Readonly<Record<Side, Connector>> {
  return connect(deps, integration, createLimiter).readers;
}

/** One connection per integration and configuration, in the background of everything else that calls the systems. */
function connections(deps: Deps): (integration: StoredIntegration) => Connection {
  const built = new Map<string, { readonly appliedAt: number; readonly connection: Connection }>();
  return (integration) => {
    const key = integrationKeyOf(integration);
    const known = built.get(key);
    if (known?.appliedAt === integration.appliedAt) return known.connection;
    const connection = connect(deps, integration, createBackgroundLimiter);
    built.set(key, { appliedAt: integration.appliedAt, connection });
    return connection;
  };
}

function connect(deps: ReaderDeps, { config }: Pick<StoredIntegration, 'config'>, newLimiter: (options: LimiterOptions) => QuotaLimiter): Connection & { readonly readers: Readonly<Record<Side, Connector>> } {
  const secrets = resolveSecrets(config, deps.env);
  const limits = { bevatel: bevatelLimits(), external: externalRateLimits(config) };
  const limiter = (side: Side): QuotaLimiter => newLimiter({
    redis: deps.redis, name: `${deps.config.topicPrefix}${config.tenant}/${config.integration}/${side}`, limits: limits[side], clock: deps.clock,
  });
  const limiters = { bevatel: limiter('bevatel'), external: limiter('external') };
  const context = (side: Side): ConnectorContext => ({ tenantId: config.tenant, integrationId: config.integration, clock: deps.clock, onCall: () => undefined, limiter: limiters[side] });
  return {
    readers: { bevatel: bevatelConnector(config, secrets, context('bevatel')), external: externalConnector(config, secrets, context('external')) },
    waitMs: () => Math.max(...SIDES.flatMap((side) => limits[side].map(({ kind }) => limiters[side].waitMs(kind)))),
  };
}
