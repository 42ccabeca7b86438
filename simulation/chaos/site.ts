/**
 * A place of one's own on the real stack, with everything but the product in it: a Bevatel and a HubSpot that tell the
 * diary what happens in them, one integration between the two, and the settings that the roles are started with.
 */
import pg from 'pg';
import { createSandboxDatabase } from '../../connectors/bevatel/sandbox/database.ts';
import type { BevatelSandbox } from '../../connectors/bevatel/sandbox/server.ts';
import { startBevatelSandbox } from '../../connectors/bevatel/sandbox/server.ts';
import type { HubSpotSandbox } from '../../connectors/hubspot/sandbox/start.ts';
import { startHubSpotSandbox } from '../../connectors/hubspot/sandbox/start.ts';
import type { Isolation } from '../../deploy/local/isolate.ts';
import { isolate } from '../../deploy/local/isolate.ts';
import type { StackUrls } from '../../deploy/local/stack.ts';
import { createCodecs } from '../../runtime/codec.ts';
import { connectKafka } from '../../runtime/kafka.ts';
import type { Kafka } from '../../runtime/kafka.ts';
import { createLogger } from '../../runtime/logger.ts';
import { loadMigrations, migrate } from '../../runtime/migrate.ts';
import { zIntegration } from '../../schemas/integration.ts';
import type { Integration } from '../../schemas/integration.ts';
import { TOPICS } from '../../schemas/topics.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import type { Random } from '../engine/random.ts';
import { REFERENCE_FIELD, STAGES } from '../schedule/groups.ts';
import type { Dials } from '../schedule/schedule.ts';
import { BEVATEL_DIALS } from '../systems/dials.ts';
import { MAPPED_FIELDS } from '../world/integrations.ts';
import { Diary, INTEGRATION } from './diary.ts';
import { keepPast } from './past.ts';
import { Published } from './published.ts';
import type { RoleProcesses } from './roles.ts';
import { roleProcesses } from './roles.ts';

export const TENANT = 'acme';
const AGENT_KEY = 'bevatel-key-of-an-agent';
const SECRETS = { HUBSPOT_TOKEN: 'pat-na1-sandbox', HUBSPOT_SECRET: 'sandbox-client-secret', BEVATEL_KEY: 'bevatel-key-of-the-sync' };
/** Short, so that what a killed process left behind is taken up within seconds. */
const HASTE = { DELIVER_CALL_MS: '1500', DELIVER_LEASE_MS: '4000', KAFKA_SESSION_TIMEOUT_MS: '6000' };
const POLL_EVERY_MS = 500;
const WEBHOOK_RETRIES_MS = [500, ...Array<number>(15).fill(1_000)];

export interface Site {
  readonly urls: StackUrls;
  readonly topicPrefix: string;
  readonly dials: Dials;
  readonly diary: Diary;
  readonly bevatel: BevatelSandbox;
  readonly hubspot: HubSpotSandbox;
  readonly agentKey: string;
  /** The service's database. */
  readonly pool: pg.Pool;
  readonly kafka: Kafka;
  /** The decisions that have come out on their topic. */
  readonly published: Published;
  readonly roles: RoleProcesses;
  /** Ends the roles and removes everything; may be called twice. */
  close(): Promise<void>;
}

export async function openSite(urls: StackUrls, name: string, random: Random): Promise<Site> {
  const isolation = await isolate({ urls }, name);
  const closers: (() => Promise<unknown>)[] = [() => isolation.drop()];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(closers));
  try {
    return { ...await open(urls, isolation, random, closers), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The last opened first, each whatever became of the others; the first failure is thrown in the end. */
async function closeAll(closers: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closers.toReversed()) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function open(urls: StackUrls, { databaseUrl, topicPrefix }: Isolation, random: Random, closers: (() => Promise<unknown>)[]): Promise<Omit<Site, 'close'>> {
  await migrate({ databaseUrl, migrations: await loadMigrations() });
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 3, application_name: 'chaos' });
  pool.on('error', () => undefined);
  closers.push(() => pool.end());
  const kafka = await connectKafka({ brokers: urls.kafkaBrokers, clientId: 'chaos', logger: createLogger({ service: 'chaos', level: 'silent' }) });
  closers.push(() => kafka.close());
  await kafka.ensureTopics(topicPrefix, TOPICS);
  const codecs = createCodecs({ registryUrl: urls.schemaRegistryUrl, topicPrefix });
  await codecs.prepare();
  const published = new Published({ kafka, codecs, topicPrefix });
  await published.start();
  closers.push(() => published.close());
  const diary = new Diary();
  const bevatelUrl = await createSandboxDatabase(databaseUrl, `${new URL(databaseUrl).pathname.slice(1)}_bev`);
  const bevatel = await startBevatelSandbox({
    databaseUrl: bevatelUrl, onExchange: diary.bevatel,
    keys: [{ key: SECRETS.BEVATEL_KEY, tenantId: TENANT, name: 'bevatel-sync' }, { key: AGENT_KEY, tenantId: TENANT, name: 'inbox' }],
  });
  closers.push(() => bevatel.stop());
  await keepPast(bevatel);
  const hubspot = await startHubSpotSandbox({
    token: SECRETS.HUBSPOT_TOKEN, clientSecret: SECRETS.HUBSPOT_SECRET, uniqueProperties: [REFERENCE_FIELD], seed: random.int(0, 1_000_000), journal: diary.hubspot,
  });
  closers.push(() => hubspot.stop());
  for (const property of ['labels', 'fullname']) hubspot.control.addProperty(property);
  hubspot.control.addProperty('lifecycle', { options: Object.values(STAGES) });
  const dials = dialsOf(random);
  await upsertIntegration(pool, integrationOf(dials, bevatel, hubspot), Date.now());
  const roles = await roleProcesses({
    ...SECRETS, ...HASTE, TOPIC_PREFIX: topicPrefix, BEVATEL_CDC_URL: bevatelUrl, DATABASE_URL: databaseUrl,
    KAFKA_BROKERS: urls.kafkaBrokers.join(','), SCHEMA_REGISTRY_URL: urls.schemaRegistryUrl, REDIS_URL: urls.redisUrl,
  });
  closers.push(() => Promise.all(Object.values(roles).map((role) => role.stop())));
  hubspot.control.configureWebhooks({ targetUrl: `${roles.capture.url}/hooks/hubspot`, retryDelaysMs: WEBHOOK_RETRIES_MS });
  return { urls, topicPrefix, dials, diary, bevatel, hubspot, agentKey: AGENT_KEY, pool, kafka, published, roles };
}

/** What the oracle is to know of the systems. */
function dialsOf(random: Random): Dials {
  return {
    processes: 1, bevatelSkewMs: 0, invalid: 'skip', ends: [], deletes: {},
    policy: random.weighted([[5, 'latest_wins'], [1, 'bevatel_wins'], [1, 'external_wins'], [1, 'manual']]),
    fallback: random.pick(['bevatel_wins', 'external_wins', 'manual']),
    systems: { [INTEGRATION]: { ...BEVATEL_DIALS, kind: 'hubspot', unique: ['email'], normalise: {} } },
  };
}

function integrationOf({ policy, fallback, invalid }: Dials, bevatel: BevatelSandbox, hubspot: HubSpotSandbox): Integration {
  return zIntegration.parse({
    integration: INTEGRATION, tenant: TENANT, system: 'hubspot',
    connection: {
      baseUrl: hubspot.url, tokenEnv: 'HUBSPOT_TOKEN', webhookSecretEnv: 'HUBSPOT_SECRET', account: String(hubspot.portalId), appId: String(hubspot.appId),
      referenceProperty: REFERENCE_FIELD, callsPerTenSeconds: 100_000, searchesPerSecond: 1_000,
    },
    bevatel: { baseUrl: bevatel.url, keyEnv: 'BEVATEL_KEY' },
    conflicts: { policy, fallback }, invalid, poll: { everyMs: POLL_EVERY_MS },
    // A handful of contacts, edited without end: what would be damage elsewhere is everyday here.
    guards: { deletes: 'off', blankings: 'off', sameValue: 'off', creates: 'off', merges: 'off' },
    fields: MAPPED_FIELDS,
  });
}
