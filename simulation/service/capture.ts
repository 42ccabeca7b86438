/**
 * Capture as its main.ts puts it together, without its doors: hints are consumed, integrations polled and listed, and
 * Bevatel's changes streamed. What its HTTP doors would publish, the simulated systems put on the log themselves.
 */
import type { WebhookDoor } from '../../connectors/connector.ts';
import { consumeBatches } from '../../runtime/consume.ts';
import type { Deps } from '../../runtime/deps.ts';
import { HINTS_TOPIC, topicName } from '../../schemas/topics.ts';
import type { Lane } from '../../schemas/value.ts';
import { runBevatelCdc } from '../../services/capture/bevatel-cdc.ts';
import { HintWork } from '../../services/capture/hint-work.ts';
import { createHints } from '../../services/capture/hints.ts';
import { runIntegrationJob } from '../../services/capture/integration-job.ts';
import { createIntegrationSet } from '../../services/capture/integration-set.ts';
import type { IntegrationSet } from '../../services/capture/integration-set.ts';
import { createJobs } from '../../services/capture/jobs.ts';
import { createCaptureMetrics } from '../../services/capture/metrics.ts';
import type { CaptureMetrics } from '../../services/capture/metrics.ts';
import { createPublishChanges } from '../../services/capture/publish-changes.ts';
import type { PublishChanges } from '../../services/capture/publish-changes.ts';
import { createPublishMarks } from '../../services/capture/publish-marks.ts';
import { createQuarantine } from '../../services/capture/quarantine.ts';
import type { Report } from '../../services/capture/report.ts';
import { isSyncError } from '../../schemas/errors.ts';
import type { IntegrationKey } from '../../store/integrations.ts';
import { integrationKeyOf, watchIntegrations } from '../../store/watch-integrations.ts';
import { isConnectionLost } from './deliver.ts';
import { DEADLINE_MS, depsOf, lazily } from './environment.ts';
import type { Environment } from './environment.ts';

const READ_TIMEOUT_MS = 10_000;
const WATCH_MS = 60_000;
/** The window of hints looks so often whether something was done; here it looks less often, and is told. */
const WINDOW_LOOK = { ms: 2, hereMs: 40 };
/** How much rarer those look who seldom find something to do. */
const RARELY = { waiting: 20, listing: 10, jobs: 3 };

/** Events whose integration has webhooks need no door here. */
const DOOR: WebhookDoor = { system: 'simulated', verify: () => ({ ok: true }), parse: () => [] };

interface Wired {
  readonly deps: Deps;
  readonly metrics: CaptureMetrics;
  readonly report: Report;
  readonly integrations: IntegrationSet;
  readonly publishers: { readonly live: ReturnType<Deps['kafka']['publisher']>; readonly bulk: ReturnType<Deps['kafka']['publisher']> };
  readonly publishLive: PublishChanges;
  readonly publishBulk: PublishChanges;
  readonly work: HintWork;
  readonly signal: AbortSignal;
}

export async function startCapture(environment: Environment, cdcName: string): Promise<void> {
  const wired = await wire(environment);
  const { deps, report, integrations, work, signal } = wired;
  const { incarnation, locks } = environment;
  const windowSleep: typeof incarnation.sleep = (ms, ends) => incarnation.sleep(ms <= WINDOW_LOOK.ms ? WINDOW_LOOK.hereMs : ms, ends);
  const hints = createHints({ codec: deps.codec.hints, integrations, work, metrics: wired.metrics, coalesceMs: 5, clock: deps.clock, sleep: windowSleep, signal });
  await consumeBatches(deps.kafka, {
    groupId: `${environment.topicPrefix}capture`, topics: [topicName(environment.topicPrefix, HINTS_TOPIC)], positions: { kind: 'group' }, onBatch: hints.onBatch,
    logger: deps.logger, clock: deps.clock, sleep: incarnation.sleep, onFatal: (error) => environment.onUnforeseen('hints', error),
  });
  const jobs = createJobs({ locks, report, sleep: lazily(environment, RARELY.jobs) });
  for (const key of integrations.all()) jobs.start({ name: `integration ${integrationKeyOf(key)}`, run: (until) => runIntegration(environment, wired, key, until) });
  jobs.start({
    name: `cdc ${cdcName}`,
    run: (until) => runBevatelCdc({ ...deps, ...wired, cdc: environment.cdc, name: cdcName, customNames: integrations.customNames, sleep: incarnation.sleep, signal: until }),
  });
}

async function wire(environment: Environment): Promise<Wired> {
  const deps = depsOf(environment);
  const { incarnation, topicPrefix } = environment;
  const { pool, kafka, codec, clock, newId } = deps;
  const metrics = createCaptureMetrics(deps.metrics);
  const report = reportTo(environment);
  const watch = await watchIntegrations({ pool, sleep: incarnation.sleep, everyMs: WATCH_MS, onError: (error) => report.failed('watch', null, error) });
  const integrations = createIntegrationSet({
    watch, onFault: (key, error) => report.failed('webhooks', key, error),
    connect: ({ integration }) => ({
      external: environment.connector(integration, 'external', 'capture'), bevatel: environment.connector(integration, 'bevatel', 'capture'),
      webhook: environment.capabilitiesOf(integration).push ? { door: DOOR, secret: '' } : null,
    }),
  });
  const publishers = { live: kafka.publisher(), bulk: kafka.publisher() };
  const quarantine = createQuarantine({ pool, clock, newId, metrics });
  const publishTo = (publisher: Wired['publishers']['live']): PublishChanges => createPublishChanges({ publisher, codec: codec.changes, topicPrefix, metrics, quarantine });
  const { signal } = new AbortController();
  const publishLive = publishTo(publishers.live);
  const work = new HintWork({ ...deps, codec: codec.hints, topicPrefix, publishChanges: publishLive, metrics, report, readTimeoutMs: READ_TIMEOUT_MS, sleep: incarnation.sleep, signal });
  return { deps, metrics, report, integrations, publishers, publishLive, publishBulk: publishTo(publishers.bulk), work, signal };
}

function runIntegration(environment: Environment, wired: Wired, key: IntegrationKey, signal: AbortSignal): Promise<void> {
  const { deps, integrations, publishers, publishBulk, work, report } = wired;
  const integration = integrations.get(key);
  if (!integration) return Promise.resolve();
  const { topicPrefix } = environment;
  const common = { ...deps, work, report, integration, topicPrefix, sleep: lazily(environment), timeoutMs: DEADLINE_MS };
  const marks = createPublishMarks({ kafka: deps.kafka, publisher: publishers.bulk, codec: deps.codec.changes, topicPrefix });
  return runIntegrationJob({
    waiting: { ...common, sleep: lazily(environment, RARELY.waiting) },
    poll: { ...common, publisher: publishers.bulk, codec: deps.codec.hints, onPolled: () => undefined },
    listing: (side) => ({ ...common, sleep: lazily(environment, RARELY.listing), side, publishChanges: publishBulk, publishMarks: (lane: Lane, mark) => marks(lane, mark), onProgress: () => undefined }),
  }, signal);
}

function reportTo({ onUnforeseen }: Environment): Report {
  return {
    failed: (part, _integration, error) => { if (!isSyncError(error) && !isConnectionLost(error)) onUnforeseen(part, error); },
    succeeded: () => undefined,
  };
}
