/**
 * An in-memory HubSpot for contacts that behaves as the fact sheet says, on 127.0.0.1 and a free port.
 * Limits, index lag and webhook troubles are off unless asked for.
 */
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { registerBatchRoutes } from './batch-routes.ts';
import { ContactTable } from './contacts.ts';
import type { SandboxControl, Switches } from './control.ts';
import { appActor, createControl } from './control.ts';
import { registerControlRoutes } from './control-routes.ts';
import { ApiFault, faultBody, invalid, notFound } from './fault.ts';
import type { RateLimits } from './gate.ts';
import { Gate } from './gate.ts';
import type { SandboxJournal } from './journal.ts';
import type { ContactFact } from './model.ts';
import { seededRandom } from './model.ts';
import { registerObjectRoutes } from './object-routes.ts';
import { defaultDefinitions, PropertyTable } from './properties.ts';
import type { Owner } from './schema-routes.ts';
import { registerAccountRoutes, registerPropertyRoutes } from './schema-routes.ts';
import { SearchIndex } from './search.ts';
import type { WebhookSettings } from './webhooks.ts';
import { defaultWebhookSettings, WebhookSender } from './webhooks.ts';

export interface HubSpotSandboxOptions {
  readonly token?: string;
  readonly portalId?: number;
  readonly appId?: number;
  /** The app's client secret, which signs webhooks. */
  readonly clientSecret?: string;
  /** Custom unique text properties that exist from the start, such as `bevatel_contact_id`. */
  readonly uniqueProperties?: readonly string[];
  readonly limits?: RateLimits;
  readonly indexLagMs?: number;
  readonly webhooks?: Partial<WebhookSettings>;
  readonly mergeMintsId?: boolean;
  readonly mergedReadsShowSurvivor?: boolean;
  readonly timeZone?: string;
  readonly port?: number;
  readonly seed?: number;
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
  readonly journal?: SandboxJournal;
}

export interface HubSpotSandbox {
  readonly url: string;
  readonly token: string;
  readonly clientSecret: string;
  readonly portalId: number;
  readonly appId: number;
  readonly control: SandboxControl;
  stop(): Promise<void>;
}

const owners: readonly Owner[] = [
  { id: '7001', userId: 55, email: 'noura@portal.test', firstName: 'Noura', lastName: 'Owner' },
  { id: '7002', userId: 56, email: 'sami@portal.test', firstName: 'Sami', lastName: 'Owner' },
];
const FIRST_CONTACT_ID = 1_001;
const BODY_LIMIT_BYTES = 10 * 1024 * 1024;
const OBJECT_PREFIXES = ['/crm/v3/objects/contacts', '/crm/objects/2026-03/contacts'];
const PROPERTY_PREFIXES = ['/crm/v3/properties/contacts', '/crm/properties/2026-03/contacts'];

export async function startHubSpotSandbox(options: HubSpotSandboxOptions = {}): Promise<HubSpotSandbox> {
  const now = options.now ?? Date.now;
  const identity = {
    token: options.token ?? 'pat-na1-sandbox', clientSecret: options.clientSecret ?? 'sandbox-client-secret',
    portalId: options.portalId ?? 4_242, appId: options.appId ?? 9_000,
  };
  const switches: Switches = {
    mergeMintsId: options.mergeMintsId ?? false, mergedReadsShowSurvivor: options.mergedReadsShowSurvivor ?? false, quiet: false,
  };
  const parts = assemble(options, identity, switches, now);
  const control = createControl({ ...parts, now, switches });
  for (const name of options.uniqueProperties ?? []) control.addProperty(name, { unique: true });
  const app = createApp();
  parts.gate.addToken(identity.token, appActor(identity.appId));
  parts.gate.install(app);
  const api = { ...parts, now, mergeMintsId: () => switches.mergeMintsId, mergedReadsShowSurvivor: () => switches.mergedReadsShowSurvivor };
  for (const prefix of OBJECT_PREFIXES) {
    registerObjectRoutes(app, prefix, api);
    registerBatchRoutes(app, prefix, api);
  }
  for (const prefix of PROPERTY_PREFIXES) registerPropertyRoutes(app, prefix, parts.properties, now);
  registerAccountRoutes(app, { portalId: identity.portalId, timeZone: options.timeZone ?? 'Asia/Riyadh', uiDomain: 'app.hubspot.com' }, owners, now());
  registerControlRoutes(app, control);
  const url = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
  const stop = async (): Promise<void> => {
    parts.gate.clearFaults();
    await parts.webhooks.stop();
    await app.close();
  };
  return { ...identity, url, control, stop };
}

interface Identity {
  readonly token: string;
  readonly clientSecret: string;
  readonly portalId: number;
  readonly appId: number;
}

function assemble(options: HubSpotSandboxOptions, identity: Identity, switches: Switches, now: () => number) {
  const random = seededRandom(options.seed ?? 1);
  const properties = new PropertyTable(defaultDefinitions(now(), owners.map(({ id }) => id)));
  const index = new SearchIndex({ properties, now, lagMs: options.indexLagMs ?? 0 });
  const webhooks = new WebhookSender({
    secret: identity.clientSecret, portalId: identity.portalId, appId: identity.appId, now, random,
    settings: { ...defaultWebhookSettings, ...options.webhooks },
  });
  const onFact = (fact: ContactFact): void => {
    index.put(fact.id, contacts.find(fact.id));
    if (!switches.quiet) webhooks.publish(fact);
  };
  const contacts = new ContactTable({ properties, now, firstId: FIRST_CONTACT_ID, onFact, onWrite: (write) => options.journal?.wrote(write) });
  const sleep = options.sleep ?? ((ms: number): Promise<void> => sleepFor(ms));
  const gate = new Gate({ now, sleep, random, limits: options.limits ?? {}, journal: options.journal });
  return { properties, index, webhooks, contacts, gate };
}

function createApp(): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true, routerOptions: { maxParamLength: 500 } });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(faultBody(notFound())));
  app.setErrorHandler((error, _request, reply) => {
    const fault = error instanceof ApiFault ? error : asFault(error);
    return reply.code(fault.status).send(faultBody(fault));
  });
  return app;
}

function asFault(error: unknown): ApiFault {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500) return invalid('Invalid input JSON');
  return new ApiFault(500, 'INTERNAL_ERROR', error instanceof Error ? error.message : 'internal error');
}
