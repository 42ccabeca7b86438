/**
 * Capture: what happens on both sides becomes changes on Kafka (design §4). This file wires the parts; each part says
 * itself what it does.
 */
import { connectIntegration } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { createCaptureHttp } from './http.ts';
import { createHints } from './hints.ts';
import { HintWork } from './hint-work.ts';
import { createIdempotency } from './idempotency.ts';
import type { Connections } from './integration-set.ts';
import { createIntegrationSet } from './integration-set.ts';
import { createCaptureMetrics } from './metrics.ts';
import { createPublishChanges } from './publish-changes.ts';
import { createKeyRing } from './publish-keys.ts';
import { createQuarantine } from './quarantine.ts';
import { parseCaptureSettings } from './settings.ts';
import type { CaptureSettings } from './settings.ts';
import { consumeBatches } from '../../runtime/consume.ts';
import type { Consumption } from '../../runtime/consume.ts';
import type { Deps, Role } from '../../runtime/deps.ts';
import { describeError } from '../../runtime/logger.ts';
import { createLimiter } from '../../runtime/rate-limit.ts';
import { sleep } from '../../runtime/sleep.ts';
import type { Integration } from '../../schemas/integration.ts';
import { HINTS_TOPIC, topicName } from '../../schemas/topics.ts';
import { recordError } from '../../store/integrations.ts';
import { watchIntegrations } from '../../store/watch-integrations.ts';
import { isSyncError } from '../../schemas/errors.ts';

export interface CaptureRole extends Role {
  readonly url: string;
  readonly hints: Consumption;
}

/** Replaces how connections are built; for tests. */
export interface CaptureOverrides {
  readonly connect?: (integration: Integration) => Connections;
}

const MAX_WEBHOOK_BYTES = 1_048_576;
const MAX_PUBLISH_BYTES = 8_388_608;
const READ_TIMEOUT_MS = 10_000;

export async function startCapture(deps: Deps, settings: CaptureSettings = parseCaptureSettings(process.env, deps.config.topicPrefix), overrides: CaptureOverrides = {}): Promise<CaptureRole> {
  const { config, pool, kafka, codec, redis, clock, newId, random } = deps;
  const { topicPrefix } = config;
  const logger = deps.logger.child({ role: 'capture' });
  const metrics = createCaptureMetrics(deps.metrics);
  const stopping = new AbortController();
  const watch = await watchIntegrations({ pool, sleep, onError: (error) => logger.warn({ err: describeError(error) }, 'integrations could not be read') });
  const limiter: ConnectOptions['limiter'] = (quota, limits) => createLimiter({ name: `${topicPrefix}${quota}`, limits, redis, clock });
  const connect = overrides.connect ?? ((integration: Integration) => connectIntegration({ env: deps.env, limiter, metrics, clock }, integration));
  const integrations = createIntegrationSet({
    watch, connect,
    onFault: (key, error) => {
      metrics.errors.inc({ part: 'webhooks', code: isSyncError(error) ? error.code : 'internal' });
      if (isSyncError(error)) recordError(pool, key, { code: error.code, message: error.message, at: clock() }).catch(() => undefined);
    },
  });
  const publishers = { hints: kafka.publisher(), changes: kafka.publisher(), bulk: kafka.publisher() };
  const quarantine = createQuarantine({ pool, clock, newId, metrics });
  const publishChanges = createPublishChanges({ publisher: publishers.changes, codec: codec.changes, topicPrefix, metrics, quarantine });
  const work = new HintWork({
    pool, codec: codec.hints, topicPrefix, publishChanges, metrics, logger, readTimeoutMs: READ_TIMEOUT_MS, clock, newId, random, sleep, signal: stopping.signal,
  });
  const hints = createHints({ codec: codec.hints, integrations, work, metrics, coalesceMs: settings.coalesceMs, clock, signal: stopping.signal });
  let url = '';
  const http = await createCaptureHttp({
    webhooks: {
      endpoints: integrations.endpoints, publisher: publishers.hints, codec: codec.hints, topicPrefix, publicUrl: () => settings.publicUrl ?? url,
      maxBodyBytes: MAX_WEBHOOK_BYTES, metrics, clock, newId,
    },
    publishApi: {
      tenantOf: createKeyRing(settings.publishKeys), publishChanges, idempotency: createIdempotency(redis, topicPrefix), maxBodyBytes: MAX_PUBLISH_BYTES, metrics, clock, newId,
    },
    server: { logger, metrics: deps.metrics, checks: { kafka: () => kafka.check(), registry: () => codec.check(), database: () => pool.query('select 1') } },
  });
  const topic = topicName(topicPrefix, HINTS_TOPIC);
  const consumption = await consumeBatches(kafka, {
    groupId: `${topicPrefix}capture`, topics: [topic], positions: { kind: 'group' }, onBatch: hints.onBatch, logger, clock,
    onFatal: (error) => logger.fatal({ err: describeError(error) }, 'hints cannot be read'),
  });
  url = await http.listen({ host: config.host, port: config.ports.capture });
  let stopped: Promise<void> | undefined;
  async function drain(): Promise<void> {
    await http.close();
    hints.drain();
    await consumption.stop();
    stopping.abort();
    await watch.stop();
    await Promise.all(Object.values(publishers).map((publisher) => publisher.close()));
  }
  return { url, hints: consumption, stop: () => (stopped ??= drain()) };
}
