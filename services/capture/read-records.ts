/**
 * Reads records by id and says what came of them as changes; the one place where capture calls `connector.read`.
 *
 * A permanent fault of a batch is narrowed down by halving it, so that one bad record stops only itself (I8).
 */
import type { CallOptions, Connector } from '../../connectors/connector.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import { changeOfResult } from './change-of-record.ts';
import { withinDeadline } from './deadline.ts';
import type { LiveIntegration } from './integration-set.ts';
import type { CaptureMetrics } from './metrics.ts';

export interface ReadRequest {
  readonly integration: LiveIntegration;
  readonly side: Side;
  readonly lane: Lane;
  readonly ids: readonly string[];
  /** Survivors of merges that the hints named: they prove the merges when they are read beside the lost ids. */
  readonly alongside: readonly string[];
  readonly signal: AbortSignal;
}

export interface ReadRecords {
  readonly changes: readonly ContactChange[];
  /** Ids that the system would not give, each with the reason; nothing but permanent faults. */
  readonly faults: readonly { readonly id: string; readonly error: SyncError }[];
}

export interface ReadRecordsOptions {
  readonly timeoutMs: number;
  readonly metrics: CaptureMetrics;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly sleep: Sleep;
}

/** Throws SyncError of the classes retry and reauthenticate; then nothing is known of any of the ids. */
export async function readRecords(options: ReadRecordsOptions, request: ReadRequest): Promise<ReadRecords> {
  try {
    return await readOnce(options, request);
  } catch (error) {
    if (!isSyncError(error) || error.class !== 'permanent' || error.code === 'configuration_missing') throw error;
    if (request.ids.length === 1) return { changes: [], faults: request.ids.map((id) => ({ id, error })) };
    const middle = Math.ceil(request.ids.length / 2);
    const parts = [request.ids.slice(0, middle), request.ids.slice(middle)];
    const halves = await Promise.all(parts.map((ids) => readRecords(options, { ...request, ids })));
    return { changes: halves.flatMap(({ changes }) => changes), faults: halves.flatMap(({ faults }) => faults) };
  }
}

async function readOnce({ timeoutMs: ms, metrics, clock, newId, sleep }: ReadRecordsOptions, request: ReadRequest): Promise<ReadRecords> {
  const { integration, side, lane, signal } = request;
  const { tenantId, integrationId } = integration;
  const connector = integration.connector(side);
  const ids = [...new Set([...request.ids, ...request.alongside])];
  const observedFrom = clock();
  const results = await withinDeadline({ signal, ms, sleep }, (until) => readAll(connector, ids, integration.fields[side], { lane, signal: until }));
  const observedTo = clock();
  metrics.readSeconds.observe({ system: connector.system }, (observedTo - observedFrom) / 1_000);
  const told = new Set(results.map(({ id }) => id));
  return {
    changes: results.map((result) => changeOfResult(result, {
      changeId: newId(), tenantId, side, integrationId, capture: 'read', readById: true, observedFrom, observedTo,
    })),
    faults: request.ids.filter((id) => !told.has(id)).map((id) => ({ id, error: new SyncError('unexpected_answer', 'the system said nothing of a record that was asked for') })),
  };
}

async function readAll(connector: Connector, ids: readonly string[], fields: readonly string[], call: CallOptions) {
  const size = connector.capabilities.batch.read;
  const request = { fields, histories: connector.capabilities.history };
  const parts = Array.from({ length: Math.ceil(ids.length / size) }, (_, index) => ids.slice(index * size, (index + 1) * size));
  return (await Promise.all(parts.map((part) => connector.read(part, request, call)))).flat();
}
