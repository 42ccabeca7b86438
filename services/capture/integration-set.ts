/**
 * The integrations as capture uses them: connectors of both sides, the fields to read, the doors for webhooks. Built
 * when an integration is added and again when its file was applied anew.
 */
import type { Connector, WebhookDoor } from '../../connectors/connector.ts';
import { CONTACT_FIELDS, isCustomField } from '../../schemas/contact.ts';
import { fieldsToRead } from '../../schemas/integration.ts';
import type { Integration } from '../../schemas/integration.ts';
import type { Side } from '../../schemas/value.ts';
import type { IntegrationKey, StoredIntegration } from '../../store/integrations.ts';
import type { IntegrationWatch } from '../../store/watch-integrations.ts';
import { integrationKeyOf } from '../../store/watch-integrations.ts';

export interface ConnectorPair {
  readonly external: Connector;
  readonly bevatel: Connector;
}

/** What is built of an integration; throws SyncError `configuration_missing` when a secret is not set. */
export interface Connections extends ConnectorPair {
  /** Null when the integration takes no webhooks. */
  readonly webhook: { readonly door: WebhookDoor; readonly secret: string } | null;
}

export interface LiveIntegration extends IntegrationKey {
  readonly stored: StoredIntegration;
  /** Throws SyncError `configuration_missing` each time, as long as a secret is missing. */
  connector(side: Side): Connector;
  /** True when the external system tells us of changes, so that polling only repairs; throws as `connector` does. */
  pushes(): boolean;
  readonly fields: Readonly<Record<Side, readonly string[]>>;
}

/** A door that webhooks of one integration come through. */
export interface Endpoint extends IntegrationKey {
  readonly door: WebhookDoor;
  readonly secret: string;
  /** The account that the system's events name; null when the file does not tell. */
  readonly account: string | null;
}

export interface IntegrationSet {
  get(key: IntegrationKey): LiveIntegration | undefined;
  /** As `get`, but asks the database before it says that there is none. */
  find(key: IntegrationKey): Promise<LiveIntegration | undefined>;
  all(): readonly LiveIntegration[];
  endpoints(system: string): readonly Endpoint[];
  /** Custom attributes of Bevatel that any mapping uses, without `custom.`. */
  customNames(): readonly string[];
}

interface Built {
  readonly appliedAt: number;
  readonly connect: () => Connections;
}

export interface IntegrationSetOptions {
  readonly watch: Pick<IntegrationWatch, 'all' | 'get' | 'refresh'>;
  readonly connect: (integration: Integration) => Connections;
  /** Told when the webhooks of an integration cannot be taken, such as for a missing secret. */
  readonly onFault: (key: IntegrationKey, error: unknown) => void;
}

export function createIntegrationSet({ watch, connect, onFault }: IntegrationSetOptions): IntegrationSet {
  const built = new Map<string, Built>();
  const doors = new Map<string, { readonly of: readonly StoredIntegration[]; readonly endpoints: readonly Endpoint[] }>();

  function connectionsOf(stored: StoredIntegration): Connections {
    const key = integrationKeyOf(stored);
    const known = built.get(key);
    if (known?.appliedAt === stored.appliedAt) return known.connect();
    let connections: Connections | undefined;
    const lazy = { appliedAt: stored.appliedAt, connect: () => (connections ??= connect(stored.config)) };
    built.set(key, lazy);
    return lazy.connect();
  }
  function live(stored: StoredIntegration): LiveIntegration {
    const { tenantId, integrationId } = stored;
    return { tenantId, integrationId, stored, connector: (side) => connectionsOf(stored)[side], pushes: () => pushes(connectionsOf(stored)), fields: fieldsOf(stored, watch.all()) };
  }
  function get(key: IntegrationKey): LiveIntegration | undefined {
    const stored = watch.get(key);
    return stored && live(stored);
  }
  function endpointOf(stored: StoredIntegration): Endpoint[] {
    const { tenantId, integrationId, config } = stored;
    try {
      const { webhook } = connectionsOf(stored);
      return webhook ? [{ tenantId, integrationId, ...webhook, account: config.connection.account ?? null }] : [];
    } catch (error) {
      onFault(stored, error);
      return [];
    }
  }
  return {
    get,
    find: async (key) => {
      const known = get(key);
      if (known) return known;
      await watch.refresh();
      return get(key);
    },
    all: () => watch.all().map(live),
    endpoints: (system) => {
      const all = watch.all();
      const known = doors.get(system);
      if (known?.of === all) return known.endpoints;
      const endpoints = all.filter(({ config }) => config.system === system).flatMap(endpointOf);
      if (endpoints.length > 0) doors.set(system, { of: all, endpoints });
      return endpoints;
    },
    customNames: () => [...new Set(watch.all().flatMap(({ config }) => customOf(config)).map((name) => name.slice('custom.'.length)))],
  };
}

function pushes({ webhook, external }: Connections): boolean {
  return webhook !== null && external.capabilities.push;
}

function customOf(config: Integration): readonly string[] {
  return fieldsToRead(config, 'bevatel').filter(isCustomField);
}

/** Of a Bevatel contact everything is read, since its image concerns all integrations of the tenant (design §4). */
function fieldsOf(stored: StoredIntegration, all: readonly StoredIntegration[]): LiveIntegration['fields'] {
  const custom = all.filter(({ tenantId }) => tenantId === stored.tenantId).flatMap(({ config }) => customOf(config));
  return {
    external: fieldsToRead(stored.config, 'external'),
    bevatel: [...new Set([...Object.keys(CONTACT_FIELDS), ...custom])],
  };
}
