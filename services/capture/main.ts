/**
 * Capture: what happens on both sides becomes changes on Kafka (design §4). This file wires the parts; each part says
 * itself what it does.
 */
import { createContactCdc } from '../../connectors/bevatel/cdc/contact-cdc.ts';
import type { ContactCdc } from '../../connectors/bevatel/cdc/contact-cdc.ts';
import { consumeBatches } from '../../runtime/consume.ts';
import type { Consumption } from '../../runtime/consume.ts';
import type { Deps, Role } from '../../runtime/deps.ts';
import { listen } from '../../runtime/http-server.ts';
import { describeError } from '../../runtime/logger.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import { createLimiter } from '../../runtime/rate-limit.ts';
import { sleep } from '../../runtime/sleep.ts';
import type { Integration } from '../../schemas/integration.ts';
import { HINTS_TOPIC, topicName } from '../../schemas/topics.ts';
import type { IntegrationKey } from '../../store/integrations.ts';
import { createLocks } from '../../store/locks.ts';
import { integrationKeyOf, watchIntegrations } from '../../store/watch-integrations.ts';
import { runBevatelCdc } from './bevatel-cdc.ts';
import { connectIntegration } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { keepGauges } from './gauges.ts';
import { HintWork } from './hint-work.ts';
import { createHints } from './hints.ts';
import { createCaptureHttp } from './http.ts';
import { createIdempotency } from './idempotency.ts';
import { runIntegrationJob } from './integration-job.ts';
import { createIntegrationSet } from './integration-set.ts';
import type { Connections, IntegrationSet } from './integration-set.ts';
import { createJobs } from './jobs.ts';
import type { Jobs } from './jobs.ts';
import { createCaptureMetrics } from './metrics.ts';
import type { CaptureMetrics } from './metrics.ts';
import { createPublishChanges } from './publish-changes.ts';
import type { PublishChanges } from './publish-changes.ts';
import { createKeyRing } from './publish-keys.ts';
import { createPublishMarks } from './publish-marks.ts';
import { createQuarantine } from './quarantine.ts';
import { createReport } from './report.ts';
import type { Report } from './report.ts';
import { parseCaptureSettings } from './settings.ts';
import type { CaptureSettings } from './settings.ts';

export interface CaptureRole extends Role {
  readonly url: string;
  readonly hints: Consumption;
}

/** Replaces how the outside is reached; for tests. */
export interface CaptureOverrides {
  readonly connect?: (integration: Integration) => Connections;
}

const MAX_WEBHOOK_BYTES = 1_048_576;
const MAX_PUBLISH_BYTES = 8_388_608;
/** Longest by-id read, and longest page of a poll or listing, waiting for the rate limiter included. */
const READ_TIMEOUT_MS = 10_000;
const PAGE_TIMEOUT_MS = 60_000;

/** What the parts share. */
interface Wired extends Deps {
  readonly captureMetrics: CaptureMetrics;
  readonly settings: CaptureSettings;
  readonly report: Report;
  readonly integrations: IntegrationSet;
  /** Apart, so that neither webhooks nor live changes wait behind a listing. */
  readonly publishers: { readonly hints: Publisher; readonly live: Publisher; readonly bulk: Publisher };
  readonly publishLive: PublishChanges;
  readonly publishBulk: PublishChanges;
  readonly work: HintWork;
  readonly polledAt: Map<string, IntegrationKey & { readonly at: number }>;
  readonly stopping: AbortController;
}

export async function startCapture(
  deps: Deps, settings: CaptureSettings = parseCaptureSettings(deps.env, deps.config.topicPrefix), overrides: CaptureOverrides = {},
): Promise<CaptureRole> {
  let adjust = (): void => undefined;
  const watch = await watchIntegrations({
    pool: deps.pool, sleep, onAdded: () => adjust(), onChanged: () => adjust(), onRemoved: () => adjust(), onPaused: () => adjust(),
    onError: (error) => deps.logger.warn({ err: describeError(error) }, 'integrations could not be read'),
  });
  const wired = wire(deps, settings, watch, overrides);
  const { stopping, publishers } = wired;
  const hints = createHints({ codec: deps.codec.hints, integrations: wired.integrations, work: wired.work, metrics: wired.captureMetrics, coalesceMs: settings.coalesceMs, clock: deps.clock, sleep, signal: stopping.signal });
  const http = await openHttp(wired);
  const consumption = await consumeBatches(deps.kafka, {
    groupId: `${deps.config.topicPrefix}capture`, topics: [topicName(deps.config.topicPrefix, HINTS_TOPIC)], positions: { kind: 'group' }, onBatch: hints.onBatch,
    logger: deps.logger, clock: deps.clock, onFatal: (error) => deps.logger.fatal({ err: describeError(error) }, 'hints cannot be read'),
  });
  const url = await http.open();
  const locks = createLocks(deps.pool);
  const jobs = createJobs({ locks, report: wired.report, sleep });
  adjust = followIntegrations(wired, jobs);
  adjust();
  const cdc = settings.cdcUrl === null ? null : createContactCdc({ databaseUrl: settings.cdcUrl, name: settings.cdcName, clock: deps.clock, random: deps.random });
  if (cdc) jobs.start({ name: `cdc ${settings.cdcName}`, run: (signal) => runBevatelCdc({ ...wired, cdc, name: settings.cdcName, customNames: wired.integrations.customNames, sleep, signal }) });
  const gauges = keepGauges({ pool: deps.pool, metrics: wired.captureMetrics, polledAt: wired.polledAt, slotLag: cdc && slotLagOf(cdc), clock: deps.clock, sleep, signal: stopping.signal });
  let stopped: Promise<void> | undefined;
  /** Takes nothing new, lets what was taken finish, then closes. */
  async function drain(): Promise<void> {
    await watch.stop();
    hints.drain();
    await Promise.all([http.close(), jobs.stopAll(), consumption.stop()]);
    stopping.abort();
    await Promise.all([gauges, locks.close(), ...Object.values(publishers).map((publisher) => publisher.close())]);
  }
  return { url, hints: consumption, stop: () => (stopped ??= drain()) };
}

function wire(deps: Deps, settings: CaptureSettings, watch: Awaited<ReturnType<typeof watchIntegrations>>, overrides: CaptureOverrides): Wired {
  const { pool, kafka, codec, clock, newId, logger } = deps;
  const { topicPrefix } = deps.config;
  const metrics = createCaptureMetrics(deps.metrics);
  const stopping = new AbortController();
  const report = createReport({ pool, logger, metrics, clock });
  const limiter: ConnectOptions['limiter'] = (quota, limits) => createLimiter({ name: `${topicPrefix}${quota}`, limits, redis: deps.redis, clock });
  const connect = overrides.connect ?? ((integration: Integration) => connectIntegration({ env: deps.env, limiter, metrics, clock }, integration));
  const integrations = createIntegrationSet({ watch, connect, onFault: (key, error) => report.failed('webhooks', key, error) });
  const publishers = { hints: kafka.publisher(), live: kafka.publisher(), bulk: kafka.publisher() };
  const quarantine = createQuarantine({ pool, clock, newId, metrics });
  const publishTo = (publisher: Publisher): PublishChanges => createPublishChanges({ publisher, codec: codec.changes, topicPrefix, metrics, quarantine });
  const publishLive = publishTo(publishers.live);
  const work = new HintWork({
    ...deps, codec: codec.hints, topicPrefix, publishChanges: publishLive, metrics, report, readTimeoutMs: READ_TIMEOUT_MS, sleep, signal: stopping.signal,
  });
  return { ...deps, captureMetrics: metrics, settings, report, integrations, publishers, publishLive, publishBulk: publishTo(publishers.bulk), work, polledAt: new Map(), stopping };
}

async function openHttp(wired: Wired) {
  const { config, settings, codec, kafka, pool, logger, clock, newId, captureMetrics: metrics, publishers } = wired;
  const { topicPrefix } = config;
  let url = '';
  const server = await createCaptureHttp({
    webhooks: {
      endpoints: wired.integrations.endpoints, publisher: publishers.hints, codec: codec.hints, topicPrefix, publicUrl: () => settings.publicUrl ?? url,
      maxBodyBytes: MAX_WEBHOOK_BYTES, metrics, clock, newId,
    },
    publishApi: {
      tenantOf: createKeyRing(settings.publishKeys), publishChanges: wired.publishLive, idempotency: createIdempotency(wired.redis, topicPrefix),
      maxBodyBytes: MAX_PUBLISH_BYTES, metrics, clock, newId,
    },
    server: { logger, metrics: wired.metrics, checks: { kafka: () => kafka.check(), registry: () => codec.check(), database: () => pool.query('select 1') } },
  });
  return {
    open: async () => (url = await listen(server, { host: config.host, port: config.ports.capture })),
    close: () => server.close(),
  };
}

/** Runs a job for every integration that is not paused; one whose tenant changed anything begins anew, with fresh fields. */
function followIntegrations(wired: Wired, jobs: Jobs): () => void {
  const known = new Map<string, string>();
  return () => {
    const wanted = new Map(wired.integrations.all().filter(({ stored }) => !stored.paused).map((one) => [integrationKeyOf(one), one]));
    const versionOf = (tenantId: string): string => wired.integrations.all().filter((one) => one.tenantId === tenantId).map(({ integrationId, stored }) => `${integrationId}@${stored.appliedAt}`).join(' ');
    for (const key of [...known.keys()].filter((one) => !wanted.has(one))) {
      known.delete(key);
      wired.polledAt.delete(key);
      void jobs.stop(`integration ${key}`);
    }
    for (const [key, integration] of wanted) {
      const version = versionOf(integration.tenantId);
      if (known.get(key) === version) continue;
      known.set(key, version);
      jobs.start({ name: `integration ${key}`, run: (signal) => runIntegration(wired, integration, signal) });
    }
  };
}

function runIntegration(wired: Wired, key: IntegrationKey, signal: AbortSignal): Promise<void> {
  const integration = wired.integrations.get(key);
  if (!integration) return Promise.resolve();
  const { kafka, codec, publishers, captureMetrics: metrics, polledAt } = wired;
  const { topicPrefix } = wired.config;
  const { tenantId, integrationId } = integration;
  const common = { ...wired, integration, topicPrefix, sleep, timeoutMs: PAGE_TIMEOUT_MS };
  const publishMarks = createPublishMarks({ kafka, publisher: publishers.bulk, codec: codec.changes, topicPrefix });
  return runIntegrationJob({
    waiting: common,
    poll: { ...common, publisher: publishers.bulk, codec: codec.hints, onPolled: (at) => polledAt.set(integrationKeyOf(key), { tenantId, integrationId, at }) },
    listing: (side) => ({
      ...common, side, publishChanges: wired.publishBulk, publishMarks,
      onProgress: (records) => metrics.listingRecords.set({ tenant: tenantId, integration: integrationId, side }, records),
    }),
  }, signal);
}

function slotLagOf(cdc: ContactCdc): ContactCdc['lag'] {
  return () => cdc.lag();
}
