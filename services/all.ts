/**
 * The roles in one process: one pool, one Kafka connection, one registry of metrics for all, opened first and closed
 * last. Each role has its own HTTP server with /health/live, /health/ready and /metrics.
 *
 * Migrations run before anything else, so that the first start needs no step of its own.
 */
import { createCodecs } from '../runtime/codec.ts';
import { parseProcessConfig } from '../runtime/config.ts';
import type { ProcessConfig } from '../runtime/config.ts';
import { createPool } from '../runtime/database.ts';
import type { Deps, Role } from '../runtime/deps.ts';
import { createHttpServer } from '../runtime/http-server.ts';
import { createIds } from '../runtime/ids.ts';
import { connectKafka } from '../runtime/kafka.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import { createLogger, describeError } from '../runtime/logger.ts';
import type { Logger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { loadMigrations, migrate } from '../runtime/migrate.ts';
import { connectRedis } from '../runtime/redis.ts';
import type { Env } from '../runtime/secrets.ts';
import { createWake } from '../runtime/wake.ts';
import { SyncError } from '../schemas/errors.ts';
import { TOPICS } from '../schemas/topics.ts';

export const ROLES = ['capture', 'reconcile', 'deliver', 'operate'] as const;
export type RoleName = (typeof ROLES)[number];

/** In the order of the data; they are stopped the other way round. Imported only when they are run. */
const START: Readonly<Record<RoleName, (deps: Deps) => Promise<Role>>> = {
  deliver: async (deps) => (await import('./deliver/main.ts')).startDeliver(deps),
  reconcile: async (deps) => (await import('./reconcile/main.ts')).startReconcile(deps),
  capture: async (deps) => (await import('./capture/main.ts')).startCapture(deps),
  operate: async (deps) => (await import('./operate/main.ts')).startOperate(deps),
};
const ORDER: readonly RoleName[] = ['deliver', 'reconcile', 'capture', 'operate'];

export interface RunOptions {
  readonly roles: readonly RoleName[];
  readonly env: Env;
  /** Where the parts are remembered for stopping. */
  readonly lifecycle: (logger: Logger) => Lifecycle;
  /** Told where each role listens. */
  readonly onReady: (urls: Readonly<Partial<Record<RoleName, string>>>) => void;
}

/** Starts the roles and resolves when they have stopped, with the code to exit with. Throws SyncError when they cannot start. */
export async function runRoles(options: RunOptions): Promise<number> {
  const config = parseProcessConfig(options.env);
  if (options.roles.includes('operate') && config.apiKey === null) throw new SyncError('configuration_missing', 'API_KEY is not set: the operator\'s API is not opened without one');
  const logger = createLogger({ service: options.roles.length === 1 ? options.roles[0] ?? 'all' : 'all', level: config.logLevel });
  const lifecycle = options.lifecycle(logger);
  try {
    const deps = await openDeps(config, options.env, logger, lifecycle);
    const urls: Partial<Record<RoleName, string>> = {};
    for (const name of ORDER.filter((role) => options.roles.includes(role))) {
      const role = await START[name](deps);
      lifecycle.add(name, role);
      urls[name] = role.url ?? await serveHealth(name, deps, lifecycle);
    }
    options.onReady(urls);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
  return lifecycle.stopped;
}

/** Connects to everything in turn, so that the first thing that is missing is the one that is named. */
async function openDeps(config: ProcessConfig, env: Env, logger: Logger, lifecycle: Lifecycle): Promise<Deps> {
  const applied = await migrate({ databaseUrl: config.databaseUrl, migrations: await loadMigrations() });
  if (applied.length > 0) logger.info({ migrations: applied }, 'the database was brought up to date');
  const pool = createPool({ databaseUrl: config.databaseUrl, applicationName: 'bevatel-sync', onError: (error) => logger.warn({ err: describeError(error) }, 'an idle database connection was lost') });
  lifecycle.add('pool', { stop: () => pool.end() });
  const kafka = await connectKafka({ brokers: config.kafkaBrokers, clientId: 'bevatel-sync', logger, sessionTimeoutMs: config.kafkaSessionTimeoutMs });
  lifecycle.add('kafka', { stop: () => kafka.close() });
  await kafka.ensureTopics(config.topicPrefix, TOPICS);
  const codec = createCodecs({ registryUrl: config.schemaRegistryUrl, topicPrefix: config.topicPrefix });
  await codec.prepare();
  const redis = config.redisUrl === null ? null : await connectRedis({ url: config.redisUrl, logger });
  lifecycle.add('redis', { stop: async () => { redis?.disconnect(); } });
  const newId = createIds(Date.now);
  const wake = createWake({ redis, prefix: config.topicPrefix, processId: newId(), logger });
  lifecycle.add('wake', { stop: () => wake.close() });
  return {
    config, pool, kafka, codec, redis, wake, logger, env, metrics: createMetrics('bevatel-sync'),
    clock: Date.now, newId, random: Math.random,
  };
}

/** For a role that has no HTTP server of its own. */
async function serveHealth(name: RoleName, deps: Deps, lifecycle: Lifecycle): Promise<string> {
  const server = createHttpServer({
    logger: deps.logger, metrics: deps.metrics,
    checks: { database: () => deps.pool.query('select 1'), kafka: () => deps.kafka.check(), registry: () => deps.codec.check() },
  });
  lifecycle.add(`${name} health`, { stop: () => server.close() });
  return server.listen({ host: deps.config.host, port: deps.config.ports[name] });
}
