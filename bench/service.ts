/**
 * The whole service as its users run it, for the figures that need it: `bevatel-sync run all` as a process of its own,
 * between a Bevatel and a HubSpot that live in this process, without delays or limits of their own.
 */
import pg from 'pg';
import type { SeedContact } from '../connectors/bevatel/sandbox/seed.ts';
import type { BevatelSandbox } from '../connectors/bevatel/sandbox/server.ts';
import { startBevatelSandbox } from '../connectors/bevatel/sandbox/server.ts';
import type { HubSpotSandbox, HubSpotSandboxOptions } from '../connectors/hubspot/sandbox/start.ts';
import { startHubSpotSandbox } from '../connectors/hubspot/sandbox/start.ts';
import type { Isolation } from '../deploy/local/isolate.ts';
import { isolate } from '../deploy/local/isolate.ts';
import type { StackUrls } from '../deploy/local/stack.ts';
import { loadMigrations, migrate } from '../runtime/migrate.ts';
import { upsertIntegration } from '../store/integrations.ts';
import { startChild, until } from './child.ts';
import { APP_ID, INTEGRATION, TENANT, benchIntegration } from './integration.ts';

export const BEVATEL_KEY = 'bench-bevatel-key';
export const SECRETS = { BENCH_HUBSPOT_TOKEN: 'pat-bench', BENCH_HUBSPOT_SECRET: 'bench-client-secret', BENCH_BEVATEL_KEY: BEVATEL_KEY };

export interface Sides {
  readonly bevatel: BevatelSandbox;
  readonly hubspot: HubSpotSandbox;
  /** Bevatel's own database. */
  readonly databaseUrl: string;
  stop(): Promise<void>;
}

export async function openSides(urls: StackUrls, name: string, options: HubSpotSandboxOptions = {}): Promise<Sides> {
  const place = await isolate({ urls }, `bench-${name}-bevatel`);
  const bevatel = await startBevatelSandbox({ databaseUrl: place.databaseUrl, keys: [{ key: BEVATEL_KEY, tenantId: TENANT, name: 'bevatel-sync' }] });
  const hubspot = await startHubSpotSandbox({
    token: SECRETS.BENCH_HUBSPOT_TOKEN, clientSecret: SECRETS.BENCH_HUBSPOT_SECRET, appId: Number(APP_ID), uniqueProperties: ['bevatel_contact_id'], ...options,
  });
  return {
    bevatel, hubspot, databaseUrl: place.databaseUrl,
    stop: async () => {
      await Promise.all([bevatel.stop(), hubspot.stop()]);
      await place.drop();
    },
  };
}

export interface Pair {
  readonly bevatelId: string;
  readonly externalId: string;
}

/** The same people on both sides, tied by their references already. */
export async function seedPairs({ bevatel, hubspot }: Sides, count: number): Promise<Pair[]> {
  const ids = Array.from({ length: count }, (_, index) => `018d0d4a-0000-7000-8000-${index.toString(16).padStart(12, '0')}`);
  const externalIds = hubspot.control.seed(ids.map((id, index) => ({
    firstname: 'Sara', lastname: `Haddad ${index}`, phone: phoneOf(index), email: `sara${index}@example.com`, company: `Najd ${index}`, jobtitle: 'Owner', city: 'Jeddah', bevatel_contact_id: id,
  })));
  await bevatel.control.seed(TENANT, ids.map((id, index): SeedContact => ({
    id, external_references: { [INTEGRATION]: externalIds[index] ?? '' },
    fields: { contact_first_name: 'Sara', contact_last_name: `Haddad ${index}`, phone_number: phoneOf(index), email: `sara${index}@example.com`, company_name: `Najd ${index}`, custom: { job_title: 'Owner', city: 'Jeddah' } },
  })));
  return ids.map((bevatelId, index) => ({ bevatelId, externalId: externalIds[index] ?? '' }));
}

function phoneOf(index: number): string {
  return `+96650${String(index).padStart(7, '0')}`;
}

export interface Service {
  readonly pid: number;
  readonly isolation: Isolation;
  /** The service's database. */
  readonly pool: pg.Pool;
  readonly captureUrl: string;
  stop(): Promise<void>;
}

/** Starts the service on a place of its own, with the integration applied and HubSpot's webhooks aimed at it. */
export async function startService(urls: StackUrls, name: string, sides: Sides, settings: object = {}): Promise<Service> {
  const isolation = await isolate({ urls }, `bench-${name}`);
  await migrate({ databaseUrl: isolation.databaseUrl, migrations: await loadMigrations() });
  const pool = new pg.Pool({ connectionString: isolation.databaseUrl, max: 2 });
  pool.on('error', () => undefined);
  const integration = benchIntegration({ bevatel: sides.bevatel.url, external: sides.hubspot.url }, { poll: { everyMs: 15_000 }, ...settings });
  await upsertIntegration(pool, integration, Date.now());
  const child = await startChild('bin/bevatel-sync.js', ['run', 'all'], serviceEnv(urls, isolation, sides));
  const captureUrl = String(child.said['capture']);
  sides.hubspot.control.configureWebhooks({ targetUrl: `${captureUrl}/hooks/hubspot` });
  return {
    pid: child.pid, isolation, pool, captureUrl,
    stop: async () => {
      await child.stop();
      await pool.end();
      await isolation.drop();
    },
  };
}

/** The environment of a process on a place of the stack; what only the service reads does not harm a probe. */
export function serviceEnv(urls: StackUrls, { databaseUrl, topicPrefix }: Isolation, sides: Sides): Record<string, string> {
  return {
    ...SECRETS, KAFKA_BROKERS: urls.kafkaBrokers.join(','), SCHEMA_REGISTRY_URL: urls.schemaRegistryUrl, DATABASE_URL: databaseUrl, REDIS_URL: urls.redisUrl,
    TOPIC_PREFIX: topicPrefix, BEVATEL_CDC_URL: sides.databaseUrl, API_KEY: 'bench-operator-key', LOG_LEVEL: 'error',
    OPERATE_PORT: '0', CAPTURE_PORT: '0', RECONCILE_PORT: '0', DELIVER_PORT: '0', BEVATEL_URL: sides.bevatel.url, HUBSPOT_URL: sides.hubspot.url,
  };
}

/** Waits until so many pairs are linked, both listings are stored and nothing is due. */
export async function untilLinked({ pool }: Service, pairs: number): Promise<void> {
  await until(`${pairs} pairs are linked`, async () => {
    const { rows } = await pool.query<{ paired: string; due: string; matched: boolean }>(
      `select count(*) filter (where bevatel_id is not null and external_id is not null) as paired, count(*) filter (where due_at is not null) as due,
              (select bool_and(matched_at is not null) from integrations) as matched from links`);
    return rows[0]?.matched === true && Number(rows[0].paired) >= pairs && Number(rows[0].due) === 0;
  });
}
