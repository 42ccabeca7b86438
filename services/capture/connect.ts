/** Builds the connections of an integration: secrets, limiters shared with the other roles, counted calls. */
import type { ConnectorContext, Limiter, RateLimit } from '../../connectors/connector.ts';
import { bevatelConnector, bevatelLimits, externalConnector, externalRateLimits, resolveSecrets, webhookDoor } from '../../connectors/registry.ts';
import type { Integration } from '../../schemas/integration.ts';
import type { Connections } from './integration-set.ts';
import type { CaptureMetrics } from './metrics.ts';

export interface ConnectOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A limiter for a quota; the same name is the same quota in every process and role. */
  readonly limiter: (quota: string, limits: readonly RateLimit[]) => Limiter;
  readonly metrics: CaptureMetrics;
  readonly clock: () => number;
}

export function connectIntegration({ env, limiter, metrics, clock }: ConnectOptions, integration: Integration): Connections {
  const secrets = resolveSecrets(integration, env);
  const quota = `${integration.tenant}/${integration.integration}`;
  const context = (system: string, limit: Limiter): ConnectorContext => ({
    tenantId: integration.tenant, integrationId: integration.integration, limiter: limit, clock,
    onCall: (operation, outcome) => metrics.calls.inc({ system, operation, outcome }),
  });
  const door = webhookDoor(integration.system);
  return {
    external: externalConnector(integration, secrets, context(integration.system, limiter(`${quota}/external`, externalRateLimits(integration)))),
    bevatel: bevatelConnector(integration, secrets, context('bevatel', limiter(`${quota}/bevatel`, bevatelLimits()))),
    webhook: door && secrets.webhookSecret !== null ? { door, secret: secrets.webhookSecret } : null,
  };
}
