/**
 * Capture's webhook door as a process of its own, started by webhook.ts: the product's role with all that belongs to an
 * intake (routing, signature, parsing, Avro, Kafka's acknowledgement), whose hints nobody reads, so that intake alone
 * is measured.
 */
import { Registry } from 'prom-client';
import { createCodecs } from '../../runtime/codec.ts';
import { createPool } from '../../runtime/database.ts';
import { createIds } from '../../runtime/ids.ts';
import type { Kafka } from '../../runtime/kafka.ts';
import { connectKafka } from '../../runtime/kafka.ts';
import { createLogger } from '../../runtime/logger.ts';
import { TOPICS } from '../../schemas/topics.ts';
import { startCapture } from '../../services/capture/main.ts';

const env = (name: string): string => process.env[name] ?? '';
const logger = createLogger({ service: 'bench', level: 'error' });
const topicPrefix = env('TOPIC_PREFIX');
const kafka = await connectKafka({ brokers: env('KAFKA_BROKERS').split(','), clientId: 'bench', logger });
await kafka.ensureTopics(topicPrefix, TOPICS);
const codec = createCodecs({ registryUrl: env('SCHEMA_REGISTRY_URL'), topicPrefix });
await codec.prepare();
const pool = createPool({ databaseUrl: env('DATABASE_URL'), applicationName: 'bench', onError: () => undefined });

/** Joins nothing and reads nothing. */
const createIdleReader: Kafka['createReader'] = ({ onAssigned }) => ({
  start: () => {
    onAssigned([]);
    return Promise.resolve();
  },
  pause: () => undefined, resume: () => undefined, seek: () => undefined, commit: () => Promise.resolve(), close: () => Promise.resolve(),
});

const role = await startCapture({
  config: { topicPrefix, host: '127.0.0.1', ports: { capture: 0, reconcile: 0, deliver: 0, operate: 0 }, apiKey: null },
  pool, kafka: { ...kafka, createReader: createIdleReader }, codec, redis: null, wake: { notify: () => undefined, listen: () => () => undefined },
  logger, metrics: new Registry(), clock: Date.now, newId: createIds(Date.now), random: Math.random, env: process.env,
}, { publicUrl: null, cdcUrl: null, cdcName: 'bench_unused', publishKeys: [], coalesceMs: 5 });
process.once('SIGTERM', () => void (async () => {
  await role.stop();
  await kafka.close();
  await pool.end();
})());
console.log(JSON.stringify({ ready: true, url: `${role.url}/hooks/hubspot` }));
