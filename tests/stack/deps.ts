/** The dependencies of the roles on a test's own place on the stack: migrated database, topics, codecs. */
import { afterAll } from 'vitest';
import type { DestinationStream } from 'pino';
import { createCodecs } from '../../runtime/codec.ts';
import { createPool } from '../../runtime/database.ts';
import type { Deps } from '../../runtime/deps.ts';
import { createIds } from '../../runtime/ids.ts';
import { connectKafka } from '../../runtime/kafka.ts';
import { createLogger } from '../../runtime/logger.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { loadMigrations, migrate } from '../../runtime/migrate.ts';
import { connectRedis } from '../../runtime/redis.ts';
import { createWake } from '../../runtime/wake.ts';
import { TOPICS } from '../../schemas/topics.ts';
import type { TestStack } from './fixture.ts';

export interface TestDepsOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: () => number;
  /** Where the log goes, from `trace` up; without it nowhere. */
  readonly logTo?: DestinationStream;
}

/** Closed after the file; several may be open at once, as processes would be. */
export async function openTestDeps(stack: TestStack, options: TestDepsOptions = {}): Promise<Deps> {
  await migrate({ databaseUrl: stack.databaseUrl, migrations: await loadMigrations() });
  const level = process.env['TEST_LOG'] === 'debug' ? 'debug' : 'silent';
  const logger = createLogger({ service: 'test', ...(options.logTo ? { level: 'trace', destination: options.logTo } : { level }) });
  const pool = createPool({ databaseUrl: stack.databaseUrl, applicationName: 'test', onError: () => undefined });
  const kafka = await connectKafka({ brokers: stack.kafkaBrokers, clientId: 'test', logger });
  await kafka.ensureTopics(stack.topicPrefix, TOPICS);
  const codec = createCodecs({ registryUrl: stack.schemaRegistryUrl, topicPrefix: stack.topicPrefix });
  await codec.prepare();
  const redis = await connectRedis({ url: stack.redisUrl, logger });
  const newId = createIds(Date.now);
  const wake = createWake({ redis, prefix: stack.topicPrefix, processId: newId(), logger });
  afterAll(async () => {
    await wake.close();
    await kafka.close();
    redis.disconnect();
    await pool.end();
  });
  return {
    config: { topicPrefix: stack.topicPrefix, host: '127.0.0.1', ports: { capture: 0, reconcile: 0, deliver: 0, operate: 0 }, apiKey: 'test-operator-key-0001' },
    pool, kafka, codec, redis, wake, logger, metrics: createMetrics('test'),
    clock: options.clock ?? Date.now, newId, random: Math.random, env: options.env ?? {},
  };
}
