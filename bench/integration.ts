/** The integration that the figures are taken with: eight lenses, as a client's file would name them. */
import { zIntegration } from '../schemas/integration.ts';
import type { Integration } from '../schemas/integration.ts';

export const TENANT = 'bench';
export const INTEGRATION = 'bench-crm';
/** HubSpot's app id of our own writes, and its portal. */
export const APP_ID = '9000';

/** The sandbox has no rate limit here, so the service needs none. */
const UNLIMITED = { callsPerTenSeconds: 1_000_000, searchesPerSecond: 1_000 };

export interface BenchUrls {
  readonly bevatel: string;
  readonly external: string;
}

/** Nothing is called where only reconciling is measured: the addresses then lead nowhere. */
const NOWHERE: BenchUrls = { bevatel: 'http://127.0.0.1:9', external: 'http://127.0.0.1:9' };

export function benchIntegration(urls: BenchUrls = NOWHERE, more: object = {}): Integration {
  return zIntegration.parse({
    integration: INTEGRATION,
    tenant: TENANT,
    system: 'hubspot',
    connection: { baseUrl: urls.external, tokenEnv: 'BENCH_HUBSPOT_TOKEN', webhookSecretEnv: 'BENCH_HUBSPOT_SECRET', account: '4242', appId: APP_ID, ...UNLIMITED },
    bevatel: { baseUrl: urls.bevatel, keyEnv: 'BENCH_BEVATEL_KEY' },
    conflicts: { policy: 'latest_wins', toleranceMs: 2_000, fallback: 'manual' },
    fields: [
      { bevatel: 'contact_first_name', external: 'firstname', maxLength: 100 },
      { bevatel: 'contact_last_name', external: 'lastname', maxLength: 100 },
      { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' },
      { bevatel: 'email', external: 'email', lens: 'email' },
      { bevatel: 'company_name', external: 'company' },
      { bevatel: 'language', external: 'hs_language', lens: 'picklist', values: { ar: 'ar', en: 'en', fr: 'fr', de: 'de', ur: 'ur' } },
      { bevatel: 'custom.job_title', external: 'jobtitle' },
      { bevatel: 'custom.city', external: 'city' },
    ],
    ...more,
  });
}
