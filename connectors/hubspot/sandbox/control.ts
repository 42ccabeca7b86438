/**
 * What tests and the demo do to the sandbox from outside: edits as a human, seeds, faults, webhook settings, counts.
 * Nothing here is part of HubSpot's API.
 */
import type { ContactTable } from './contacts.ts';
import { notFound } from './fault.ts';
import type { FaultRule, Gate, RateLimits } from './gate.ts';
import type { Actor, Contact, HistoryEntry, Properties } from './model.ts';
import type { PropertyDefinition, PropertyTable } from './properties.ts';
import { optionsOf } from './properties.ts';
import type { SearchIndex } from './search.ts';
import type { WebhookCounts, WebhookSender, WebhookSettings } from './webhooks.ts';

export interface ContactView {
  readonly id: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly updatedAtMs: number;
  readonly archived: boolean;
  /** Newest entry first, per property. */
  readonly history: Readonly<Record<string, readonly HistoryEntry[]>>;
}

export interface ContactControls {
  /** Writes as a person in the user interface (changeSource CRM_UI). */
  edit(id: string, properties: Properties, userId?: number): ContactView;
  create(properties: Properties, userId?: number): ContactView;
  archive(id: string, userId?: number): void;
  restore(id: string, userId?: number): ContactView;
  merge(primaryId: string, secondaryId: string, options?: { readonly mintId?: boolean; readonly userId?: number }): ContactView;
  erase(id: string, userId?: number): void;
  /** Adds many contacts at once as an import, without webhooks. Gives their ids in order. */
  seed(rows: readonly Properties[]): string[];
  contact(id: string): ContactView | undefined;
  findBy(property: string, value: string): ContactView | undefined;
  /** All live contacts, by ascending id. */
  contacts(): ContactView[];
  contactCount(): number;
}

export interface SchemaControls {
  /** A custom property: text, or a select when options are given. */
  addProperty(name: string, options?: { readonly unique?: boolean; readonly options?: readonly string[] }): void;
  changeProperty(name: string, patch: Partial<PropertyDefinition>): void;
  archiveProperty(name: string): void;
}

export interface CallControls {
  /** A token of another app, to write as a third party. */
  addApp(token: string, appId: number): void;
  revokeToken(token: string): void;
  addFault(rule: FaultRule): void;
  /** Ends all injected faults and lets held calls go. */
  clearFaults(): void;
  heldCount(): number;
  releaseHeld(): void;
  setLimits(limits: RateLimits): void;
  setIndexLagMs(lagMs: number): void;
  /** Whether merges mint a third id, unless the merge itself says so. */
  setMergeMintsId(mints: boolean): void;
  setMergedReadsShowSurvivor(shows: boolean): void;
  /** Calls per endpoint, such as `contacts.batchRead`. */
  counts(): Record<string, number>;
  resetCounts(): void;
}

export interface WebhookControls {
  configureWebhooks(change: Partial<WebhookSettings>): void;
  webhookCounts(): WebhookCounts;
  /** Whether no event is gathered, waiting or on its way. */
  webhooksIdle(): boolean;
}

export interface SandboxControl extends ContactControls, SchemaControls, CallControls, WebhookControls {}

/** Switches that routes read at each call. */
export interface Switches {
  mergeMintsId: boolean;
  mergedReadsShowSurvivor: boolean;
  /** While true facts reach the index but no webhook. */
  quiet: boolean;
}

export interface ControlParts {
  readonly contacts: ContactTable;
  readonly properties: PropertyTable;
  readonly index: SearchIndex;
  readonly gate: Gate;
  readonly webhooks: WebhookSender;
  readonly now: () => number;
  readonly switches: Switches;
}

const DEFAULT_USER_ID = 55;

export function human(userId = DEFAULT_USER_ID): Actor {
  return { sourceType: 'CRM_UI', sourceId: `userId:${userId}`, userId };
}

export function appActor(appId: number): Actor {
  return { sourceType: 'INTEGRATION', sourceId: String(appId) };
}

export function createControl(parts: ControlParts): SandboxControl {
  return { ...contactControls(parts), ...schemaControls(parts), ...callControls(parts), ...webhookControls(parts) };
}

function viewOf(contact: Contact): ContactView {
  const { id, values, updatedAtMs, archivedAtMs, history } = contact;
  return { id, properties: values, updatedAtMs, archived: archivedAtMs !== null, history };
}

function contactControls({ contacts, switches }: ControlParts): ContactControls {
  return {
    edit: (id, properties, userId) => {
      if (!contacts.find(id)) throw notFound();
      return viewOf(contacts.update(id, contacts.accept(id, properties), human(userId)));
    },
    create: (properties, userId) => viewOf(contacts.create(contacts.accept(null, properties), human(userId))),
    archive: (id, userId) => {
      if (!contacts.archive(id, human(userId))) throw notFound();
    },
    restore: (id, userId) => viewOf(contacts.restore(id, human(userId))),
    merge: (primaryId, secondaryId, options) =>
      viewOf(contacts.merge(primaryId, secondaryId, human(options?.userId), options?.mintId ?? switches.mergeMintsId)),
    erase: (id, userId) => contacts.erase({ property: 'hs_object_id', value: id }, human(userId)),
    seed: (rows) => {
      switches.quiet = true;
      try {
        return rows.map((row) => contacts.create(contacts.accept(null, row), { sourceType: 'IMPORT', sourceId: 'seed' }).id);
      } finally {
        switches.quiet = false;
      }
    },
    contact: (id) => {
      const found = contacts.find(id) ?? contacts.find(id, true);
      return found && viewOf(found);
    },
    findBy: (property, value) => {
      const found = contacts.findBy(property, value);
      return found && viewOf(found);
    },
    contacts: () => contacts.page(0, Number.POSITIVE_INFINITY, false).contacts.map(viewOf),
    contactCount: () => contacts.liveCount,
  };
}

function schemaControls({ properties, now }: ControlParts): SchemaControls {
  return {
    addProperty: (name, options) => {
      const type = options?.options ? { type: 'enumeration', fieldType: 'select' } as const : { type: 'string', fieldType: 'text' } as const;
      properties.add({
        name, label: name, groupName: 'contactinformation', ...type, options: optionsOf(options?.options ?? []),
        hasUniqueValue: options?.unique ?? false, readOnly: false, hubspotDefined: false, archived: false, createdAtMs: now(),
      });
    },
    changeProperty: (name, patch) => {
      properties.change(name, patch);
    },
    archiveProperty: (name) => properties.archive(name),
  };
}

function callControls({ gate, index, switches }: ControlParts): CallControls {
  return {
    addApp: (token, appId) => gate.addToken(token, appActor(appId)),
    revokeToken: (token) => gate.revokeToken(token),
    addFault: (rule) => gate.addFault(rule),
    clearFaults: () => gate.clearFaults(),
    heldCount: () => gate.heldCount,
    releaseHeld: () => gate.releaseHeld(),
    setLimits: (limits) => gate.setLimits(limits),
    setIndexLagMs: (lagMs) => {
      index.lagMs = lagMs;
    },
    setMergeMintsId: (mints) => {
      switches.mergeMintsId = mints;
    },
    setMergedReadsShowSurvivor: (shows) => {
      switches.mergedReadsShowSurvivor = shows;
    },
    counts: () => gate.counts(),
    resetCounts: () => gate.resetCounts(),
  };
}

function webhookControls({ webhooks }: ControlParts): WebhookControls {
  return {
    configureWebhooks: (change) => webhooks.configure(change),
    webhookCounts: () => webhooks.counts(),
    webhooksIdle: () => webhooks.idle,
  };
}
