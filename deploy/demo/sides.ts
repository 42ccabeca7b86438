/**
 * The two systems of the demo: a Bevatel contact service with a database of its own, and a HubSpot. Nothing here is
 * known to the sync service but the addresses and keys that a client would give it.
 */
import type { BevatelSandbox } from '../../connectors/bevatel/sandbox/server.ts';
import { startBevatelSandbox } from '../../connectors/bevatel/sandbox/server.ts';
import type { HubSpotSandbox } from '../../connectors/hubspot/sandbox/start.ts';
import { startHubSpotSandbox } from '../../connectors/hubspot/sandbox/start.ts';
import type { Person } from './people.ts';
import { shuffled } from './people.ts';

export const TENANT = 'demo';
export const REFERENCE_PROPERTY = 'bevatel_contact_id';

/** Keys of sandboxes that live as long as the demo: they open nothing else. */
export const KEYS = {
  syncOnBevatel: 'demo-bevatel-key',
  peopleOnBevatel: 'demo-agents-key',
  syncOnHubSpot: 'pat-demo-sync',
  peopleOnHubSpot: 'pat-demo-sales-app',
  webhookSecret: 'demo-client-secret',
} as const;
export const PORTAL_ID = 4_242;
export const SYNC_APP_ID = 9_000;
const SALES_APP_ID = 9_001;
/** What HubSpot gives a private app of a Professional account (fact sheet §6). */
const HUBSPOT_LIMITS = { perTenSeconds: 190, perDay: 625_000, searchPerSecond: 5 } as const;

export interface Sides {
  readonly bevatel: BevatelSandbox;
  readonly hubspot: HubSpotSandbox;
  readonly bevatelDatabaseUrl: string;
  stop(): Promise<void>;
}

/** `seed` decides the webhooks' losses; the database must be one of the demo's own. */
export async function startSides({ bevatelDatabaseUrl, seed }: { bevatelDatabaseUrl: string; seed: number }): Promise<Sides> {
  const bevatel = await startBevatelSandbox({
    databaseUrl: bevatelDatabaseUrl,
    keys: [
      { key: KEYS.syncOnBevatel, tenantId: TENANT, name: 'bevatel-sync' },
      { key: KEYS.peopleOnBevatel, tenantId: TENANT, name: 'inbox' },
    ],
  });
  const hubspot = await startHubSpotSandbox({
    token: KEYS.syncOnHubSpot, clientSecret: KEYS.webhookSecret, portalId: PORTAL_ID, appId: SYNC_APP_ID,
    uniqueProperties: [REFERENCE_PROPERTY], limits: HUBSPOT_LIMITS, seed,
  });
  hubspot.control.addApp(KEYS.peopleOnHubSpot, SALES_APP_ID);
  return { bevatel, hubspot, bevatelDatabaseUrl, stop: async () => { await Promise.all([bevatel.stop(), hubspot.stop()]); } };
}

/** Loads the people in another order on each side, past the APIs, as imports of long ago. */
export async function loadPeople(sides: Sides, people: readonly Person[], seed: number): Promise<void> {
  const inBevatel = people.flatMap(({ bevatel }) => (bevatel ? [{ fields: bevatel }] : []));
  await sides.bevatel.control.seed(TENANT, shuffled(inBevatel, seed + 1));
  const inHubSpot = people.flatMap(({ hubspot }) => (hubspot ? [hubspot] : []));
  sides.hubspot.control.seed(shuffled(inHubSpot, seed + 2));
  sides.hubspot.control.resetCounts();
  sides.bevatel.control.resetCounters();
}
