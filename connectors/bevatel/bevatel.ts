/**
 * Bevatel's contact service behind the port (connectors/connector.ts): strict revisions, conditional writes, no history.
 * Its changes are pushed (Avro, HTTP, change data capture), so there is nothing to poll.
 */
import { CAPABILITIES } from '../../schemas/capabilities.ts';
import type { Connector, ConnectorContext, RateLimit } from '../connector.ts';
import { CALL_KIND, createBevatelClient } from './client.ts';
import { mappingFaults } from './mapping.ts';
import { mergeRecords } from './merge-records.ts';
import { findRecordsByReference, listRecords, readRecords } from './read-records.ts';
import { removeRecords } from './remove-records.ts';
import { writeRecords } from './write-records.ts';

export interface BevatelSettings {
  /** Without `/v1`. */
  readonly baseUrl: string;
  /** Bearer key; it decides the tenant. */
  readonly key: string;
  /** Deadline of one call. Default 10,000 ms. */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_CALLS_PER_SECOND = 500;

/** The contract names no limit; this keeps a backfill from taking all of the service. */
export function bevatelRateLimits(own: { readonly callsPerSecond?: number | undefined } = {}): readonly RateLimit[] {
  return [{ kind: CALL_KIND, points: own.callsPerSecond ?? DEFAULT_CALLS_PER_SECOND, perMs: 1_000 }];
}

export function createBevatelConnector(settings: BevatelSettings, context: ConnectorContext): Connector {
  const client = createBevatelClient({ baseUrl: settings.baseUrl, key: settings.key, timeoutMs: settings.timeoutMs ?? DEFAULT_TIMEOUT_MS, context });
  const { integrationId } = context;
  return {
    system: 'bevatel',
    capabilities: CAPABILITIES.bevatel,
    /** One page is listed to prove the address and the key. */
    checkMapping: async (uses, _request, options) => {
      await listRecords(client, { cursor: null, fields: [] }, options);
      return mappingFaults(uses);
    },
    list: (request, options) => listRecords(client, request, options),
    /** Always empty: the contract has no listing by time. */
    changedSince: async (position) => ({ changed: [], next: position ?? {}, more: false }),
    read: (ids, request, options) => readRecords(client, ids, request, options),
    write: (operations, request, options) => writeRecords({ client, integrationId }, operations, request, options),
    remove: (operations, request, options) => removeRecords(client, operations, request, options),
    merge: (operations, options) => mergeRecords(client, operations, options),
    findByReference: (references, request, options) => findRecordsByReference(client, integrationId, references, request, options),
    recordUrl: () => null,
  };
}
