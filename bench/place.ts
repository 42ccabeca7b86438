/**
 * A place of one's own on the stack: a fresh database, a topic prefix, and the parts that a role is started with.
 * Everything is removed at the end.
 */
import { Registry } from 'prom-client';
import type { Isolation } from '../deploy/local/isolate.ts';
import { isolate } from '../deploy/local/isolate.ts';
import type { StackUrls } from '../deploy/local/stack.ts';
import { createCodecs } from '../runtime/codec.ts';
import { createPool } from '../runtime/database.ts';
import type { Deps } from '../runtime/deps.ts';
import { createIds } from '../runtime/ids.ts';
import { connectKafka } from '../runtime/kafka.ts';
import { createLogger } from '../runtime/logger.ts';
import { loadMigrations, migrate } from '../runtime/migrate.ts';
import { TOPICS } from '../schemas/topics.ts';

export interface Place {
  readonly urls: StackUrls;
  readonly isolation: Isolation;
  readonly deps: Deps;
  close(): Promise<void>;
}

export async function openPlace(urls: StackUrls, name: string, clock: () => number): Promise<Place> {
  const isolation = await isolate({ urls }, `bench-${name}`);
  try {
    const deps = await openDeps(urls, isolation, clock);
    return {
      urls, isolation, deps,
      close: async () => {
        await deps.kafka.close();
        await deps.pool.end();
        await isolation.drop();
      },
    };
  } catch (error) {
    await isolation.drop();
    throw error;
  }
}

async function openDeps(urls: StackUrls, { databaseUrl, topicPrefix }: Isolation, clock: () => number): Promise<Deps> {
  await migrate({ databaseUrl, migrations: await loadMigrations() });
  const logger = createLogger({ service: 'bench', level: 'warn' });
  const kafka = await connectKafka({ brokers: urls.kafkaBrokers, clientId: 'bench', logger });
  await kafka.ensureTopics(topicPrefix, TOPICS);
  const codec = createCodecs({ registryUrl: urls.schemaRegistryUrl, topicPrefix });
  await codec.prepare();
  return {
    config: { topicPrefix, host: '127.0.0.1', ports: { capture: 0, reconcile: 0, deliver: 0, operate: 0 }, apiKey: null },
    pool: createPool({ databaseUrl, applicationName: 'bench', onError: () => undefined }),
    kafka, codec, redis: null, wake: { notify: () => undefined, listen: () => () => undefined },
    logger, metrics: new Registry(), clock, newId: createIds(Date.now), random: Math.random, env: {},
  };
}
