/**
 * Which connector serves which system. The only place that knows all of them; everything else holds the port
 * (connectors/connector.ts).
 */
import { SyncError } from '../schemas/errors.ts';
import type { Integration } from '../schemas/integration.ts';
import { bevatelRateLimits, createBevatelConnector } from './bevatel/bevatel.ts';
import type { Connector, ConnectorContext, RateLimit, WebhookDoor } from './connector.ts';
import { createHubSpotConnector } from './hubspot/hubspot.ts';
import { hubSpotRateLimits } from './hubspot/limits.ts';
import { hubSpotWebhookDoor } from './hubspot/webhook.ts';

/** The secrets that an integration names, resolved. */
export interface Secrets {
  readonly token: string;
  readonly bevatelKey: string;
  /** Null when the file names none: then no webhooks are taken. */
  readonly webhookSecret: string | null;
}

interface System {
  readonly connector: (integration: Integration, secrets: Secrets, context: ConnectorContext) => Connector;
  readonly limits: (integration: Integration) => readonly RateLimit[];
  readonly door: WebhookDoor | null;
}

const SYSTEMS: Readonly<Record<Integration['system'], System>> = {
  hubspot: {
    connector: ({ connection }, { token }, context) => {
      const { baseUrl, account, referenceProperty, appId } = connection;
      return createHubSpotConnector({ baseUrl, token, account, referenceProperty, appId }, context);
    },
    limits: ({ connection }) => hubSpotRateLimits(connection),
    door: hubSpotWebhookDoor,
  },
};

/** Throws SyncError `configuration_missing` that names every variable that is not set, never a value. */
export function resolveSecrets(integration: Integration, env: Readonly<Record<string, string | undefined>>): Secrets {
  const { connection, bevatel } = integration;
  const named = [connection.tokenEnv, bevatel.keyEnv, ...(connection.webhookSecretEnv === undefined ? [] : [connection.webhookSecretEnv])];
  const missing = named.filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) {
    throw new SyncError('configuration_missing', `${integration.tenant}/${integration.integration} needs the environment variables ${missing.join(', ')}`);
  }
  const valueOf = (name: string): string => env[name] ?? '';
  return {
    token: valueOf(connection.tokenEnv),
    bevatelKey: valueOf(bevatel.keyEnv),
    webhookSecret: connection.webhookSecretEnv === undefined ? null : valueOf(connection.webhookSecretEnv),
  };
}

export function externalConnector(integration: Integration, secrets: Secrets, context: ConnectorContext): Connector {
  return SYSTEMS[integration.system].connector(integration, secrets, context);
}

/** Bevatel as this integration reaches it. */
export function bevatelConnector(integration: Integration, secrets: Secrets, context: ConnectorContext): Connector {
  return createBevatelConnector({ baseUrl: integration.bevatel.baseUrl, key: secrets.bevatelKey }, context);
}

/** The documented limits of the external system, or those that the file allows us. */
export function externalRateLimits(integration: Integration): readonly RateLimit[] {
  return SYSTEMS[integration.system].limits(integration);
}

/** What we may ask of Bevatel. */
export function bevatelLimits(): readonly RateLimit[] {
  return bevatelRateLimits();
}

/** Null for a system without webhooks. */
export function webhookDoor(system: Integration['system']): WebhookDoor | null {
  return SYSTEMS[system].door;
}
