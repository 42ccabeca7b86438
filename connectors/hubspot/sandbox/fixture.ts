/** A connector on a fresh sandbox, with a limiter that only writes down what it is told. For tests. */
import type { CallOptions, Connector, Limiter } from '../../connector.ts';
import type { HubSpotSettings } from '../hubspot.ts';
import { createHubSpotConnector } from '../hubspot.ts';
import type { HubSpotSandbox, HubSpotSandboxOptions } from './start.ts';
import { startHubSpotSandbox } from './start.ts';

export const REFERENCE_PROPERTY = 'bevatel_contact_id';

export interface ConnectorOnSandbox {
  readonly sandbox: HubSpotSandbox;
  readonly connector: Connector;
  readonly taken: string[];
  readonly feedback: Parameters<Limiter['feedback']>[];
  readonly calls: { readonly operation: string; readonly outcome: string }[];
  readonly options: CallOptions;
}

export async function connectorOnSandbox(
  sandboxOptions: HubSpotSandboxOptions = {}, settings: Partial<HubSpotSettings> = {},
): Promise<ConnectorOnSandbox> {
  const sandbox = await startHubSpotSandbox({ uniqueProperties: [REFERENCE_PROPERTY], ...sandboxOptions });
  const taken: string[] = [];
  const feedback: Parameters<Limiter['feedback']>[] = [];
  const calls: { operation: string; outcome: string }[] = [];
  const connector = createHubSpotConnector(
    { baseUrl: sandbox.url, token: sandbox.token, account: String(sandbox.portalId), appId: String(sandbox.appId), referenceProperty: REFERENCE_PROPERTY, ...settings },
    {
      tenantId: 't1', integrationId: 'i1', clock: sandboxOptions.now ?? Date.now,
      limiter: {
        take: async (kind) => {
          taken.push(kind);
        },
        feedback: (...told) => {
          feedback.push(told);
        },
      },
      onCall: (operation, outcome) => calls.push({ operation, outcome }),
    },
  );
  return { sandbox, connector, taken, feedback, calls, options: { signal: new AbortController().signal, lane: 'live' } };
}
