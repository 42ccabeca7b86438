/**
 * Capture on a real stack, for tests: a HubSpot and a Bevatel sandbox, one integration, and everything that came onto
 * the topics. Parts that are opened here are closed by `close`.
 */
import type { Pool } from 'pg';
import { Registry } from 'prom-client';
import { v7 as uuidV7 } from 'uuid';
import { createSandboxDatabase } from '../../../connectors/bevatel/sandbox/database.ts';
import type { BevatelSandbox } from '../../../connectors/bevatel/sandbox/server.ts';
import { startBevatelSandbox } from '../../../connectors/bevatel/sandbox/server.ts';
import type { HubSpotSandbox, HubSpotSandboxOptions } from '../../../connectors/hubspot/sandbox/start.ts';
import { startHubSpotSandbox } from '../../../connectors/hubspot/sandbox/start.ts';
import type { Codec } from '../../../runtime/codec.ts';
import { createCodecs } from '../../../runtime/codec.ts';
import { createPool } from '../../../runtime/database.ts';
import { consumeBatches } from '../../../runtime/consume.ts';
import type { Deps } from '../../../runtime/deps.ts';
import { connectKafka } from '../../../runtime/kafka.ts';
import type { Kafka } from '../../../runtime/kafka.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { loadMigrations, migrate } from '../../../runtime/migrate.ts';
import type { ContactChange } from '../../../schemas/change.ts';
import { zIntegration } from '../../../schemas/integration.ts';
import type { Integration } from '../../../schemas/integration.ts';
import { TOPICS, changesTopic, topicName } from '../../../schemas/topics.ts';
import type { Lane } from '../../../schemas/value.ts';
import { upsertIntegration } from '../../../store/integrations.ts';
import type { CaptureOverrides, CaptureRole } from '../main.ts';
import { startCapture } from '../main.ts';
import type { CaptureSettings } from '../settings.ts';

export const TENANT = 'acme';
export const INTEGRATION = 'crm';
export const PUBLISH_KEY = 'publish-key-of-acme-1';
const BEVATEL_KEY = 'bevatel-key-of-acme';

export interface RigStack {
  readonly kafkaBrokers: readonly string[];
  readonly schemaRegistryUrl: string;
  readonly databaseUrl: string;
  readonly topicPrefix: string;
}

export interface Received extends ContactChange {
  readonly partition: number;
}

export interface Rig {
  readonly deps: Deps;
  readonly hubspot: HubSpotSandbox;
  readonly bevatel: BevatelSandbox;
  readonly integration: Integration;
  /** URL of the Bevatel sandbox's database. */
  readonly bevatelUrl: string;
  /** All changes on a lane so far. */
  changes(lane: Lane): readonly Received[];
  apply(changed?: Partial<Integration>): Promise<void>;
  start(settings?: Partial<CaptureSettings>, overrides?: CaptureOverrides, replaced?: Partial<Deps>): Promise<CaptureRole>;
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  close(): Promise<void>;
}

const ENV = { HUBSPOT_TOKEN: 'pat-na1-sandbox', HUBSPOT_SECRET: 'sandbox-client-secret', BEVATEL_KEY };

function integrationOf(hubspot: HubSpotSandbox, bevatel: BevatelSandbox): Integration {
  return zIntegration.parse({
    integration: INTEGRATION, tenant: TENANT, system: 'hubspot',
    connection: {
      baseUrl: hubspot.url, tokenEnv: 'HUBSPOT_TOKEN', webhookSecretEnv: 'HUBSPOT_SECRET', account: String(hubspot.portalId), appId: String(hubspot.appId),
      callsPerTenSeconds: 100_000, searchesPerSecond: 1_000,
    },
    bevatel: { baseUrl: bevatel.url, keyEnv: 'BEVATEL_KEY' },
    poll: { everyMs: 3_600_000 },
    fields: [
      { bevatel: 'contact_first_name', external: 'firstname' },
      { bevatel: 'email', external: 'email', lens: 'email' },
      { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' },
      { bevatel: 'custom.job_title', external: 'jobtitle' },
    ],
  });
}

/** Collects what comes onto the lanes, from the start of the topics. */
async function collect(kafka: Kafka, codec: Codec<ContactChange>, prefix: string, into: Map<string, Received[]>) {
  const topics = [...into.keys()];
  return consumeBatches(kafka, {
    groupId: `${prefix}collector`, topics, positions: { kind: 'stored', positionOf: () => Promise.resolve(null), onExpired: () => Promise.resolve() },
    onBatch: async ({ topic, partition, records }) => {
      for (const { value } of records) if (value) into.get(topic)?.push({ ...(await codec.decode(value)), partition });
      return { kind: 'done', nextOffset: (records.at(-1)?.offset ?? -1n) + 1n };
    },
    onFatal: (error) => { throw error; }, logger: createLogger({ service: 'collector', level: 'silent' }), maxWaitMs: 20,
  });
}

/** With its replication slots, whose readers have been stopped. */
async function dropDatabase(pool: Pool, name: string): Promise<void> {
  await pool.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1 and active_pid is null', [name]);
  await pool.query(`drop database if exists "${name}" with (force)`);
}

export async function openRig(stack: RigStack, hubspotOptions: HubSpotSandboxOptions = {}): Promise<Rig> {
  const { topicPrefix } = stack;
  const logger = createLogger({ service: 'capture-test', level: 'silent' });
  await migrate({ databaseUrl: stack.databaseUrl, migrations: await loadMigrations() });
  const kafka = await connectKafka({ brokers: stack.kafkaBrokers, clientId: 'capture-test', logger });
  await kafka.ensureTopics(topicPrefix, TOPICS);
  const codec = createCodecs({ registryUrl: stack.schemaRegistryUrl, topicPrefix });
  await codec.prepare();
  const pool = createPool({ databaseUrl: stack.databaseUrl, applicationName: 'capture-test', onError: () => undefined });
  const hubspot = await startHubSpotSandbox({ uniqueProperties: ['bevatel_contact_id'], ...hubspotOptions });
  // Beside the test's own database, so that its replication slots go with it.
  const bevatelUrl = await createSandboxDatabase(stack.databaseUrl, `${new URL(stack.databaseUrl).pathname.slice(1)}_bev`);
  const bevatel = await startBevatelSandbox({ databaseUrl: bevatelUrl, keys: [{ key: BEVATEL_KEY, tenantId: TENANT, name: 'bevatel-sync' }] });
  const deps: Deps = {
    config: { topicPrefix, host: '127.0.0.1', ports: { capture: 0, reconcile: 0, deliver: 0, operate: 0 }, apiKey: null },
    pool, kafka, codec, redis: null, wake: { notify: () => undefined, listen: () => () => undefined }, logger, metrics: new Registry(),
    clock: Date.now, newId: uuidV7, random: Math.random, env: ENV,
  };
  const received = new Map<string, Received[]>((['live', 'repair', 'backfill'] as const).map((lane) => [topicName(topicPrefix, changesTopic(lane)), []]));
  const collector = await collect(kafka, codec.changes, topicPrefix, received);
  const integration = integrationOf(hubspot, bevatel);
  const started: CaptureRole[] = [];
  return {
    deps, hubspot, bevatel, integration, bevatelUrl,
    changes: (lane) => received.get(topicName(topicPrefix, changesTopic(lane))) ?? [],
    apply: async (changed = {}) => { await upsertIntegration(pool, { ...integration, ...changed }, Date.now()); },
    start: async (settings = {}, overrides = {}, replaced = {}) => {
      const role = await startCapture({ ...deps, metrics: started.length === 0 ? deps.metrics : new Registry(), ...replaced }, {
        publicUrl: null, cdcUrl: null, cdcName: 'unused', publishKeys: [{ tenantId: TENANT, key: PUBLISH_KEY }], coalesceMs: 5, ...settings,
      }, overrides);
      started.push(role);
      return role;
    },
    metric: async (name, labels = {}) => {
      const values = (await deps.metrics.getSingleMetric(name)?.get())?.values ?? [];
      return values.filter((one) => Object.entries(labels).every(([label, value]) => String(one.labels[label]) === value)).reduce((sum, { value }) => sum + value, 0);
    },
    close: async () => {
      await Promise.all(started.map((role) => role.stop()));
      await collector.stop();
      await hubspot.stop();
      await bevatel.stop();
      await kafka.close();
      await dropDatabase(pool, new URL(bevatelUrl).pathname.slice(1));
      await pool.end();
    },
  };
}
