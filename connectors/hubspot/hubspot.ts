/**
 * HubSpot contacts behind the port (connectors/connector.ts), after the fact sheet: no conditional writes, but a history
 * of values per property; a custom unique property holds Bevatel's id.
 */
import { CAPABILITIES } from '../../schemas/capabilities.ts';
import type { Connector, ConnectorContext } from '../connector.ts';
import { createHubSpotClient } from './client.ts';
import { checkHubSpotMapping } from './mapping.ts';
import { mergeContacts } from './merge.ts';
import { CONTACT_TYPE_ID } from './paths.ts';
import { pollContacts } from './poll.ts';
import { findContactsByReference, listContacts, readContacts } from './read.ts';
import { removeContacts } from './remove.ts';
import { writeContacts } from './write.ts';

export interface HubSpotSettings {
  readonly baseUrl: string;
  /** Private-app token. */
  readonly token: string;
  /** The portal's id, for record links. */
  readonly account?: string | undefined;
  /** Host of the user interface, as account-info tells it; it differs by data centre. */
  readonly uiDomain?: string | undefined;
  /** IANA name of the account's time zone, where the daily limit ends. */
  readonly timeZone?: string | undefined;
  /** The custom unique text property that holds Bevatel's id. */
  readonly referenceProperty: string;
  /** The app id under which our own writes stand in histories. */
  readonly appId?: string | undefined;
  /** Deadline of one call. */
  readonly timeoutMs?: number | undefined;
  /** How late the search index may show a write; HubSpot gives no bound. */
  readonly indexLagMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_UI_DOMAIN = 'app.hubspot.com';

export function createHubSpotConnector(settings: HubSpotSettings, context: ConnectorContext): Connector {
  const { baseUrl, token, timeZone, referenceProperty, appId, account } = settings;
  const indexLagMs = settings.indexLagMs ?? CAPABILITIES.hubspot.indexLagMs;
  const client = createHubSpotClient({ baseUrl, token, timeZone, timeoutMs: settings.timeoutMs ?? DEFAULT_TIMEOUT_MS, context });
  const parts = { client, rules: { referenceProperty, appId } };
  return {
    system: 'hubspot',
    capabilities: { ...CAPABILITIES.hubspot, indexLagMs },
    checkMapping: (uses, { creates }, options) => checkHubSpotMapping(client, { uses, creates, referenceProperty }, options),
    list: (request, options) => listContacts(parts, request, options),
    changedSince: (position, options) => pollContacts({ client, indexLagMs }, position, options),
    read: (ids, request, options) => readContacts(parts, ids, request, options),
    write: (operations, request, options) => writeContacts(parts, operations, request, options),
    remove: (operations, _request, options) => removeContacts(parts, operations, options),
    merge: (operations, options) => mergeContacts(parts, operations, options),
    findByReference: (references, request, options) => findContactsByReference(parts, references, request, options),
    recordUrl: (id) => (account === undefined ? null : `https://${settings.uiDomain ?? DEFAULT_UI_DOMAIN}/contacts/${account}/record/${CONTACT_TYPE_ID}/${id}`),
  };
}
