/**
 * The settings of a process, parsed once from an environment record by the entry points; nothing else reads it.
 *
 * All faults are reported at once: SyncError `configuration_missing` when only variables are missing, else
 * `configuration_invalid`. Values never appear in the message, because an address may hold a password (I11).
 */
import { z } from 'zod';
import { SyncError } from '../schemas/errors.ts';
import type { DepsConfig } from './deps.ts';
import { LOG_LEVELS } from './logger.ts';
import type { LogLevel } from './logger.ts';
import type { Env } from './secrets.ts';

const zPort = z.coerce.number().int().min(0).max(65_535);
const zBrokers = z.string().transform((text) => text.split(',').map((broker) => broker.trim()).filter(Boolean))
  .refine((brokers) => brokers.length > 0 && brokers.every((broker) => /^[^\s:/]+:\d+$|^\[[0-9a-f:]+\]:\d+$/i.test(broker)), 'must be host:port, several separated by commas');

const zEnv = z.object({
  KAFKA_BROKERS: zBrokers,
  /** Brokers take 6,000 to 1,800,000 unless told otherwise. */
  KAFKA_SESSION_TIMEOUT_MS: z.coerce.number('must be a number of milliseconds').int().min(1_000).max(1_800_000).default(10_000),
  SCHEMA_REGISTRY_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }).optional(),
  TOPIC_PREFIX: z.string().regex(/^[a-zA-Z0-9._-]{0,80}$/, 'may hold letters, digits, dots, - and _').default(''),
  /** Loopback unless said otherwise. */
  HTTP_HOST: z.string().default('127.0.0.1'),
  CAPTURE_PORT: zPort.default(8301),
  RECONCILE_PORT: zPort.default(8302),
  DELIVER_PORT: zPort.default(8303),
  OPERATE_PORT: zPort.default(8300),
  /** The Bearer key of the operator's API and of the publish API. */
  API_KEY: z.string().min(16, 'must have 16 characters at least').optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
});

export interface ProcessConfig extends DepsConfig {
  readonly kafkaBrokers: readonly string[];
  /** A killed process's partitions are read on elsewhere after so long (ms). */
  readonly kafkaSessionTimeoutMs: number;
  readonly schemaRegistryUrl: string;
  readonly databaseUrl: string;
  /** Null: work goes on without shared rate limits and wake-ups. */
  readonly redisUrl: string | null;
  readonly apiKey: string | null;
  readonly logLevel: LogLevel;
}

function refuse(error: z.ZodError, env: Env): SyncError {
  const faults = error.issues.map((issue) => {
    const path = issue.path.join('.');
    return { path, message: env[path] === undefined ? 'is not set' : issue.message };
  });
  const code = faults.every((fault) => fault.message === 'is not set') ? 'configuration_missing' : 'configuration_invalid';
  return new SyncError(code, faults.map((fault) => `${fault.path} ${fault.message}`).join('; '), { faults });
}

/** An empty variable counts as one that is not set. */
export function parseProcessConfig(environment: Env): ProcessConfig {
  const env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = zEnv.safeParse(env);
  if (!parsed.success) throw refuse(parsed.error, env);
  const { data } = parsed;
  return {
    kafkaBrokers: data.KAFKA_BROKERS, kafkaSessionTimeoutMs: data.KAFKA_SESSION_TIMEOUT_MS, schemaRegistryUrl: data.SCHEMA_REGISTRY_URL, databaseUrl: data.DATABASE_URL,
    redisUrl: data.REDIS_URL ?? null, topicPrefix: data.TOPIC_PREFIX, host: data.HTTP_HOST,
    ports: { capture: data.CAPTURE_PORT, reconcile: data.RECONCILE_PORT, deliver: data.DELIVER_PORT, operate: data.OPERATE_PORT },
    apiKey: data.API_KEY ?? null, logLevel: data.LOG_LEVEL,
  };
}
