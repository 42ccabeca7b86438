/**
 * The whole flow on the run's stack: a Bevatel contact service, a HubSpot, one integration between them, and the roles
 * in this process. What a test does, it does through the systems' own doors; what it checks, it reads there.
 */
import type { DestinationStream } from 'pino';
import { afterAll } from 'vitest';
import { createSandboxDatabase } from '../../connectors/bevatel/sandbox/database.ts';
import type { BevatelSandbox } from '../../connectors/bevatel/sandbox/server.ts';
import { startBevatelSandbox } from '../../connectors/bevatel/sandbox/server.ts';
import type { HubSpotSandbox, HubSpotSandboxOptions } from '../../connectors/hubspot/sandbox/start.ts';
import { startHubSpotSandbox } from '../../connectors/hubspot/sandbox/start.ts';
import type { Held, Link } from '../../domain/link.ts';
import type { Deps, Role } from '../../runtime/deps.ts';
import type { KafkaRecord } from '../../runtime/kafka.ts';
import type { GroupVerdict, Verdict } from '../../schemas/decision.ts';
import { zIntegration } from '../../schemas/integration.ts';
import type { Integration } from '../../schemas/integration.ts';
import type { CaptureRole } from '../../services/capture/main.ts';
import { startCapture } from '../../services/capture/main.ts';
import { startDeliver } from '../../services/deliver/main.ts';
import type { DeliverSettings } from '../../services/deliver/settings.ts';
import { startOperate } from '../../services/operate/main.ts';
import { startReconcile } from '../../services/reconcile/main.ts';
import { LINK_COLUMNS, toStoredLink } from '../../store/links.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import { openTestDeps } from '../stack/deps.ts';
import type { TestStack } from '../stack/fixture.ts';

export const TENANT = 'acme';
export const INTEGRATION = 'crm';
export const SYNC_KEY = 'bevatel-key-of-the-sync';
export const AGENT_KEY = 'bevatel-key-of-an-agent';
export const PUBLISH_KEY = 'publish-key-of-acme-1';
export const HASH_KEYS = '2027:the-first-secret-of-32-characters-or-more,2026:the-second-secret-of-32-characters-or-more';
export const SECRETS = { HUBSPOT_TOKEN: 'pat-na1-sandbox', HUBSPOT_SECRET: 'sandbox-client-secret', BEVATEL_KEY: SYNC_KEY, ERASURE_HASH_KEYS: HASH_KEYS };
/** Calls that are given up soon, so that a test need not wait long for what comes after. */
export const HASTY: DeliverSettings = { callMs: 1_000, leaseMs: 3_000 };

export interface FlowOptions {
  readonly hubspot?: HubSpotSandboxOptions;
  readonly integration?: Record<string, unknown>;
  readonly deliver?: DeliverSettings;
  readonly logTo?: DestinationStream;
}

/** A deletion is looked at once more after this (ms). */
export const SETTLE_MS = 300;

/** A decision as its row says it. */
export interface Decided {
  readonly decisionId: string;
  readonly linkId: string;
  readonly cause: string;
  readonly verdict: Verdict;
  readonly groups: readonly GroupVerdict[];
  readonly source: string | null;
  readonly sourceOffset: number | null;
}

export interface Pair {
  readonly bevatelId: string;
  readonly externalId: string;
}

export interface BevatelContact {
  readonly id: string;
  readonly version: number;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly external_references: Readonly<Record<string, string>>;
}

export class Flow {
  readonly deps: Deps;
  readonly stack: TestStack;
  readonly hubspot: HubSpotSandbox;
  readonly bevatel: BevatelSandbox;
  readonly bevatelDatabaseUrl: string;
  readonly integration: Integration;
  readonly deliverSettings: DeliverSettings | undefined;
  readonly #roles: Role[] = [];
  readonly #others: HubSpotSandbox[] = [];
  #deliver: Role | undefined;

  private constructor(parts: Pick<Flow, 'deps' | 'stack' | 'hubspot' | 'bevatel' | 'bevatelDatabaseUrl' | 'integration' | 'deliverSettings'>) {
    this.deliverSettings = parts.deliverSettings;
    this.deps = parts.deps;
    this.stack = parts.stack;
    this.hubspot = parts.hubspot;
    this.bevatel = parts.bevatel;
    this.bevatelDatabaseUrl = parts.bevatelDatabaseUrl;
    this.integration = parts.integration;
  }

  /** Everything but the roles; closed after the file. Call it at the top of the file. */
  static async open(stack: TestStack, options: FlowOptions = {}): Promise<Flow> {
    const deps = await openTestDeps(stack, { env: SECRETS, ...(options.logTo ? { logTo: options.logTo } : {}) });
    const bevatelDatabaseUrl = await createSandboxDatabase(stack.databaseUrl, `${new URL(stack.databaseUrl).pathname.slice(1)}_bev`);
    const bevatel = await startBevatelSandbox({
      databaseUrl: bevatelDatabaseUrl,
      keys: [{ key: SYNC_KEY, tenantId: TENANT, name: 'bevatel-sync' }, { key: AGENT_KEY, tenantId: TENANT, name: 'inbox' }],
    });
    const hubspot = await startHubSpotSandbox({
      token: SECRETS.HUBSPOT_TOKEN, clientSecret: SECRETS.HUBSPOT_SECRET, uniqueProperties: ['bevatel_contact_id'], ...options.hubspot,
    });
    const integration = integrationFile(hubspot, bevatel, options.integration ?? {});
    const flow = new Flow({ deps, stack, hubspot, bevatel, bevatelDatabaseUrl, integration, deliverSettings: options.deliver });
    afterAll(() => flow.#close());
    return flow;
  }

  /** Applies the integration and starts all roles; resolves when both sides were listed and what follows is written. */
  async start(): Promise<void> {
    await this.apply();
    await this.startDeliver();
    await this.startReconcile();
    await this.startCapture();
    await this.untilQuiet();
  }

  async apply(): Promise<void> {
    await upsertIntegration(this.deps.pool, this.integration, this.deps.clock());
  }

  async startDeliver(): Promise<Role> {
    this.#deliver = this.#started(await startDeliver(this.#ownMetrics(), this.deliverSettings));
    return this.#deliver;
  }

  /** Another HubSpot of the same tenant (hub and spoke); call it before `start`. */
  async addHubSpot(integrationId: string, options: HubSpotSandboxOptions & { readonly portalId: number; readonly appId: number }, changed: Record<string, unknown> = {}): Promise<HubSpotSandbox> {
    const other = await startHubSpotSandbox({ token: SECRETS.HUBSPOT_TOKEN, clientSecret: SECRETS.HUBSPOT_SECRET, uniqueProperties: ['bevatel_contact_id'], ...options });
    this.#others.push(other);
    await upsertIntegration(this.deps.pool, integrationFile(other, this.bevatel, { ...changed, integration: integrationId }), this.deps.clock());
    return other;
  }

  /** What happens meanwhile is captured and decided, but written nowhere. */
  async withoutDelivery(work: () => Promise<void>): Promise<void> {
    await this.#deliver?.stop();
    await work();
    await this.startDeliver();
  }

  async startReconcile(): Promise<Awaited<ReturnType<typeof startReconcile>>> {
    return this.#started(await startReconcile(this.#ownMetrics()));
  }

  async startOperate(): Promise<Awaited<ReturnType<typeof startOperate>>> {
    return this.#started(await startOperate(this.#ownMetrics()));
  }

  async startCapture(): Promise<CaptureRole> {
    const role = await startCapture(this.#ownMetrics(), {
      publicUrl: null, cdcUrl: this.bevatelDatabaseUrl, cdcName: this.cdcName,
      publishKeys: [{ tenantId: TENANT, key: PUBLISH_KEY }], coalesceMs: 5,
    });
    for (const hubspot of this.#hubspots) hubspot.control.configureWebhooks({ targetUrl: `${role.url}/hooks/hubspot` });
    return this.#started(role);
  }

  /** Of slot and publication. */
  get cdcName(): string {
    return `t_${this.stack.topicPrefix.replaceAll(/\W/g, '_')}`.slice(0, 60).toLowerCase();
  }

  /** What is done to Bevatel's table meanwhile does not come out of its write-ahead log. */
  async withoutCdc(work: () => Promise<void>): Promise<void> {
    await this.bevatel.control.sql(`alter publication ${this.cdcName} drop table contacts`);
    await work();
    await this.bevatel.control.sql(`alter publication ${this.cdcName} add table contacts`);
  }

  /** Waits until everything that was captured is decided and nothing is due. */
  async untilQuiet(): Promise<void> {
    await until('nothing is due', async () => (await this.isMatched()) && this.#hubspots.every(({ control }) => control.webhooksIdle()) && (await this.#isQuiet()) && (await this.#isQuiet()));
  }

  async isMatched(): Promise<boolean> {
    const { rows } = await this.deps.pool.query<{ matched: boolean }>('select bool_and(matched_at is not null) as matched from integrations');
    return rows[0]?.matched === true;
  }

  /** What the operator is told of the integration. */
  async lastError(): Promise<{ readonly code: string } | null> {
    const { rows } = await this.deps.pool.query<{ last_error: { code: string } | null }>('select last_error from integrations where integration_id = $1', [INTEGRATION]);
    return rows[0]?.last_error ?? null;
  }

  get #hubspots(): readonly HubSpotSandbox[] {
    return [this.hubspot, ...this.#others];
  }

  async #isQuiet(): Promise<boolean> {
    const { rows } = await this.deps.pool.query<{ due: string; waiting: string }>(
      'select (select count(*) from links where due_at < $1) as due, (select count(*) from waiting_hints) as waiting', [this.deps.clock() + SOON_MS]);
    const groups = ['live', 'repair', 'backfill'].map((lane) => [`${this.stack.topicPrefix}contact.changes.${lane}`] as const);
    const ranges = await this.deps.kafka.ranges(groups.flat());
    const { rows: positions } = await this.deps.pool.query<{ topic: string; partition: number; next_offset: string }>('select topic, partition, next_offset from positions');
    const isCaughtUp = ranges.every((range) => range.high === 0n || BigInt(positions.find((one) => one.topic === range.topic && one.partition === range.partition)?.next_offset ?? 0) === range.high);
    return Number(rows[0]?.due) === 0 && Number(rows[0]?.waiting) === 0 && isCaughtUp;
  }

  async links(): Promise<Link[]> {
    const { rows } = await this.deps.pool.query(`select ${LINK_COLUMNS} from links l order by link_id`);
    return rows.map((row) => toStoredLink(row as Parameters<typeof toStoredLink>[0]).link);
  }

  async linkOf(bevatelId: string): Promise<Link> {
    const link = (await this.links()).find((one) => one.bevatelId === bevatelId);
    if (!link) throw new Error('the contact has no link');
    return link;
  }

  /** A contact that was made in Bevatel and stands in HubSpot, at rest. */
  async pair(fields: Readonly<Record<string, unknown>>): Promise<Pair> {
    const bevatelId = await this.createContact(fields);
    await until('the new contact stands in HubSpot', () => this.hubspotOf(bevatelId) !== null);
    await this.untilQuiet();
    return { bevatelId, externalId: this.hubspotOf(bevatelId)?.id ?? '' };
  }

  /** Several at once. */
  async pairs(all: readonly Readonly<Record<string, unknown>>[]): Promise<Pair[]> {
    const ids = await Promise.all(all.map((fields) => this.createContact(fields)));
    await until('the new contacts stand in HubSpot', () => ids.every((id) => this.hubspotOf(id) !== null));
    await this.untilQuiet();
    return ids.map((bevatelId) => ({ bevatelId, externalId: this.hubspotOf(bevatelId)?.id ?? '' }));
  }

  /** What is held in a group of the contact's link. */
  async heldOf(bevatelId: string, group: string): Promise<Held | undefined> {
    return (await this.linkOf(bevatelId)).state.groups[group]?.held;
  }

  /** The decisions of a contact's link, or all, the oldest first. */
  async decisions(bevatelId?: string): Promise<Decided[]> {
    const { rows } = await this.deps.pool.query<{ decision_id: string; link_id: string; cause: string; verdict: Verdict; groups: GroupVerdict[]; source: string | null; source_offset: string | null }>(
      'select * from decisions where $1::text is null or bevatel_id = $1 order by decided_at, decision_id', [bevatelId ?? null]);
    return rows.map((row) => ({
      decisionId: row.decision_id, linkId: row.link_id, cause: row.cause, verdict: row.verdict, groups: row.groups,
      source: row.source, sourceOffset: row.source_offset === null ? null : Number(row.source_offset),
    }));
  }

  /** The verdicts on one group of a contact's link, the oldest first. */
  async verdicts(bevatelId: string, group: string): Promise<GroupVerdict[]> {
    return (await this.decisions(bevatelId)).flatMap(({ groups }) => groups.filter((one) => one.group === group));
  }

  topic(name: string): Promise<KafkaRecord[]> {
    return topicRecords(this.deps, name);
  }

  /** The values that a property of a HubSpot contact ever had, with who wrote them, the oldest first. */
  historyOf(externalId: string, property: string): string[] {
    const entries = this.hubspot.control.contact(externalId)?.history[property] ?? [];
    return entries.map(({ value, actor }) => `${value} by ${actor.sourceType === 'INTEGRATION' ? `app ${actor.sourceId}` : 'a human'}`).toReversed();
  }

  /** The contact as Bevatel's API shows it; null when it does not. */
  async contact(id: string): Promise<BevatelContact | null> {
    const answer = await this.#call('GET', `/v1/contacts/${id}`);
    return answer.ok ? await answer.json() as BevatelContact : null;
  }

  async contacts(): Promise<BevatelContact[]> {
    const answer = await this.#call('GET', '/v1/contacts?limit=200');
    return (await answer.json() as { results: BevatelContact[] }).results;
  }

  async createContact(fields: Readonly<Record<string, unknown>>): Promise<string> {
    const answer = await this.#call('POST', '/v1/contacts', { fields }, { 'idempotency-key': crypto.randomUUID() });
    if (answer.status !== 201) throw new Error(`Bevatel answered ${answer.status}`);
    return (await answer.json() as BevatelContact).id;
  }

  /** As an agent does: reads, edits, and again when somebody was faster. */
  async editContact(id: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    for (let tries = 0; tries < 20; tries += 1) {
      const known = await this.contact(id);
      if (!known) throw new Error('the contact is gone');
      const answer = await this.#call('PATCH', `/v1/contacts/${id}`, { fields }, { 'if-match': `"${known.version}"` });
      if (answer.ok) return;
      if (answer.status !== 412) throw new Error(`Bevatel answered ${answer.status}`);
    }
    throw new Error('the contact moved at every try');
  }

  async deleteContact(id: string): Promise<void> {
    const known = await this.contact(id);
    const answer = await this.#call('DELETE', `/v1/contacts/${id}`, undefined, { 'if-match': `"${known?.version}"` });
    if (!answer.ok) throw new Error(`Bevatel answered ${answer.status}`);
  }

  /** As somebody with access to Bevatel's tables would: its API has no way back. */
  async undeleteContact(id: string): Promise<void> {
    await this.bevatel.control.sql('update contacts set deleted_at = null where tenant_id = $1 and id = $2', [TENANT, id]);
  }

  /** HubSpot's record of a Bevatel contact, by the reference that the link stores. */
  hubspotOf(bevatelId: string): Readonly<Record<string, string>> & { readonly id: string } | null {
    const found = this.hubspot.control.findBy('bevatel_contact_id', bevatelId);
    return found ? { ...found.properties, id: found.id } : null;
  }

  #call(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`${this.bevatel.url}${path}`, {
      method, headers: { authorization: `Bearer ${AGENT_KEY}`, 'x-actor': 'user:ali', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  #ownMetrics(): Deps {
    const { metrics } = this.deps;
    return { ...this.deps, metrics: new (metrics.constructor as new () => typeof metrics)() };
  }

  #started<R extends Role>(role: R): R {
    this.#roles.push(role);
    return role;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#roles.map((role) => role.stop()));
    await this.bevatel.control.sql('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active', [this.cdcName]);
    await Promise.all([...this.#hubspots.map((hubspot) => hubspot.stop()), this.bevatel.stop()]);
  }
}

function integrationFile(hubspot: HubSpotSandbox, bevatel: BevatelSandbox, changed: Record<string, unknown>): Integration {
  return zIntegration.parse({
    integration: INTEGRATION, tenant: TENANT, system: 'hubspot',
    connection: {
      baseUrl: hubspot.url, tokenEnv: 'HUBSPOT_TOKEN', webhookSecretEnv: 'HUBSPOT_SECRET', account: String(hubspot.portalId), appId: String(hubspot.appId),
      callsPerTenSeconds: 100_000, searchesPerSecond: 1_000,
    },
    bevatel: { baseUrl: bevatel.url, keyEnv: 'BEVATEL_KEY' },
    poll: { everyMs: 2_000 },
    invalid: 'skip',
    deletes: { settleMs: SETTLE_MS },
    fields: [
      { bevatel: 'contact_first_name', external: 'firstname' },
      { bevatel: 'contact_last_name', external: 'lastname' },
      { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' },
      { bevatel: 'email', external: 'email', lens: 'email' },
      { bevatel: 'company_name', external: 'company' },
    ],
    ...changed,
  });
}

const PATIENCE_MS = 45_000;
/** What is due later waits for something that the test does not. */
const SOON_MS = 60_000;
const LOOK_MS = 50;

/** Waits for a condition; the error says which did not come. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Everything that is on a topic now, in the order of each partition. */
export async function topicRecords({ kafka, config }: Deps, name: string): Promise<KafkaRecord[]> {
  const topic = `${config.topicPrefix}${name}`;
  const ranges = await kafka.ranges([topic]);
  const read = new Map<number, KafkaRecord[]>(ranges.map(({ partition }) => [partition, []]));
  const reader = kafka.createReader({
    groupId: `${config.topicPrefix}look-${crypto.randomUUID()}`, topics: [topic], sessionTimeoutMs: 10_000, maxWaitMs: 100,
    onAssigned: (partitions) => {
      for (const at of partitions) {
        reader.seek(at, ranges.find(({ partition }) => partition === at.partition)?.low ?? 0n);
        reader.resume(at);
      }
    },
    onRecords: ({ partition }, records) => read.get(partition)?.push(...records),
    onCrash: () => undefined,
  });
  await reader.start();
  await until(`${name} is read`, () => ranges.every(({ partition, low, high }) => low === high || (read.get(partition)?.at(-1)?.offset ?? -1n) >= high - 1n));
  await reader.close();
  return [...read.values()].flat();
}
