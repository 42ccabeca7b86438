/**
 * Operate on a real stack, for tests: a Bevatel and a HubSpot sandbox, one integration, links made by the store's own
 * functions. Parts that are opened here are closed by `close`.
 */
import { Registry } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import { createSandboxDatabase } from '../connectors/bevatel/sandbox/database.ts';
import type { BevatelSandbox } from '../connectors/bevatel/sandbox/server.ts';
import { startBevatelSandbox } from '../connectors/bevatel/sandbox/server.ts';
import type { HubSpotSandbox } from '../connectors/hubspot/sandbox/start.ts';
import { startHubSpotSandbox } from '../connectors/hubspot/sandbox/start.ts';
import { EMPTY_STATE } from '../domain/link.ts';
import type { Link, LinkState } from '../domain/link.ts';
import { createCodecs } from '../runtime/codec.ts';
import { createPool, inTransaction } from '../runtime/database.ts';
import type { Deps } from '../runtime/deps.ts';
import { connectKafka } from '../runtime/kafka.ts';
import { createLogger } from '../runtime/logger.ts';
import { loadMigrations, migrate } from '../runtime/migrate.ts';
import { zIntegration } from '../schemas/integration.ts';
import type { Integration } from '../schemas/integration.ts';
import { TOPICS } from '../schemas/topics.ts';
import type { Image } from '../schemas/value.ts';
import { upsertIntegration } from '../store/integrations.ts';
import { saveLinks } from '../store/links.ts';
import { startOperate } from '../services/operate/main.ts';

export const TENANT = 'acme';
export const INTEGRATION = 'crm';
export const API_KEY = 'operator-key-for-tests';
export const BEVATEL_KEY = 'bevatel-key-of-acme';

export interface RigStack {
  readonly kafkaBrokers: readonly string[];
  readonly schemaRegistryUrl: string;
  readonly databaseUrl: string;
  readonly topicPrefix: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Rig {
  readonly deps: Deps;
  readonly url: string;
  readonly integration: Integration;
  readonly bevatel: BevatelSandbox;
  readonly hubspot: HubSpotSandbox;
  /** What the roles were woken for. */
  readonly woken: string[];
  get(path: string, key?: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  /** Stores links as reconcile would have; gives their ids. */
  store(...links: readonly NewLink[]): Promise<string[]>;
  close(): Promise<void>;
}

export interface NewLink {
  readonly bevatelId: string | null;
  readonly externalId: string | null;
  readonly bevatel?: Image;
  readonly external?: Image;
  readonly state?: Partial<LinkState>;
  readonly erased?: boolean;
}

function linkOf(given: NewLink, now: number): Link {
  const seen = (values: Image, reference: string | null) => ({ revision: '1', values, times: {}, observedFrom: now, recordedAt: now, modifiedAt: null, reference });
  return {
    tenantId: TENANT, integrationId: INTEGRATION, linkId: uuidv7(), bevatelId: given.bevatelId, externalId: given.externalId, erased: given.erased ?? false,
    state: {
      ...EMPTY_STATE,
      seen: {
        ...(given.bevatel ? { bevatel: seen(given.bevatel, given.externalId) } : {}),
        ...(given.external ? { external: seen(given.external, given.bevatelId) } : {}),
      },
      ...given.state,
    },
  };
}

export const FIELDS = [
  { bevatel: 'contact_first_name', external: 'firstname' },
  { bevatel: 'company_name', external: 'company', policy: 'manual' },
  { bevatel: 'email', external: 'email', lens: 'email' },
];

/** `isRunning`: false leaves the role to a process of the test's own. */
export async function openRig(stack: RigStack, { isRunning = true }: { readonly isRunning?: boolean } = {}): Promise<Rig> {
  const { topicPrefix } = stack;
  const logger = createLogger({ service: 'operate-test', level: 'silent' });
  await migrate({ databaseUrl: stack.databaseUrl, migrations: await loadMigrations() });
  const kafka = await connectKafka({ brokers: stack.kafkaBrokers, clientId: 'operate-test', logger });
  await kafka.ensureTopics(topicPrefix, TOPICS);
  const codec = createCodecs({ registryUrl: stack.schemaRegistryUrl, topicPrefix });
  await codec.prepare();
  const pool = createPool({ databaseUrl: stack.databaseUrl, applicationName: 'operate-test', onError: () => undefined });
  const hubspot = await startHubSpotSandbox({ uniqueProperties: ['bevatel_contact_id'] });
  const bevatelUrl = await createSandboxDatabase(stack.databaseUrl, `${new URL(stack.databaseUrl).pathname.slice(1)}_bev`);
  const bevatel = await startBevatelSandbox({ databaseUrl: bevatelUrl, keys: [{ key: BEVATEL_KEY, tenantId: TENANT, name: 'bevatel-sync' }] });
  const woken: string[] = [];
  const deps: Deps = {
    config: { topicPrefix, host: '127.0.0.1', ports: { capture: 0, reconcile: 0, deliver: 0, operate: 0 }, apiKey: API_KEY },
    pool, kafka, codec, redis: null, wake: { notify: (tenant, integration) => { woken.push(`${tenant}/${integration}`); }, listen: () => () => undefined },
    logger, metrics: new Registry(), clock: Date.now, newId: () => uuidv7(), random: Math.random, env: { HUBSPOT_TOKEN: 'pat-na1-sandbox', BEVATEL_KEY, ERASURE_HASH_KEYS: '2027:a-secret-that-has-more-than-32-characters' },
  };
  const integration = zIntegration.parse({
    integration: INTEGRATION, tenant: TENANT, system: 'hubspot',
    connection: { baseUrl: hubspot.url, tokenEnv: 'HUBSPOT_TOKEN', callsPerTenSeconds: 100_000 },
    bevatel: { baseUrl: bevatel.url, keyEnv: 'BEVATEL_KEY' }, match: ['email'], fields: FIELDS,
  });
  await upsertIntegration(pool, integration, Date.now());
  const role = isRunning ? await startOperate(deps) : null;
  async function call(path: string, init: RequestInit, key: string): Promise<Answer> {
    const answer = await fetch(`${role?.url}${path}`, { ...init, headers: { ...init.headers, authorization: `Bearer ${key}` } });
    return { status: answer.status, body: await answer.json() };
  }
  return {
    deps, url: role?.url ?? '', integration, bevatel, hubspot, woken,
    get: (path, key = API_KEY) => call(path, {}, key),
    post: (path, body) => call(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'x-operator': 'mona' } }, API_KEY),
    store: async (...given) => {
      const links = given.map((one) => linkOf(one, Date.now()));
      await inTransaction(pool, (client) => saveLinks(client, links.map((link) => ({ link, lane: 'live', lease: 'keep' })), [], Date.now()));
      return links.map(({ linkId }) => linkId);
    },
    close: async () => {
      await role?.stop();
      await hubspot.stop();
      await bevatel.stop();
      await kafka.close();
      await pool.end();
    },
  };
}
