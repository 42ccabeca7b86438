/** One lane's consumer: positions from the database, batches through `processBatch`, decisions relayed, delivery woken. */
import type { Consumption, ConsumeOptions } from '../../runtime/consume.ts';
import { consumeBatches } from '../../runtime/consume.ts';
import { classified } from '../../runtime/database.ts';
import type { Deps } from '../../runtime/deps.ts';
import type { Batch, BatchOutcome } from '../../runtime/partition.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { SyncError } from '../../schemas/errors.ts';
import { isSyncError } from '../../schemas/errors.ts';
import { changesTopic, topicName } from '../../schemas/topics.ts';
import type { Lane } from '../../schemas/value.ts';
import { beginPosition, passExpired, readPosition } from '../../store/positions.ts';
import type { PositionKey } from '../../store/positions.ts';
import { repairAll } from '../../store/start-run.ts';
import { processBatch } from './batch.ts';
import type { BatchDeps } from './batch.ts';
import type { ReconcileMetrics } from './metrics.ts';
import { PartitionRelay } from './relay.ts';
import type { RelayDeps } from './relay.ts';

export interface LaneOptions {
  readonly deps: Deps;
  readonly lane: Lane;
  readonly batchDeps: BatchDeps;
  readonly relayDeps: RelayDeps;
  readonly metrics: ReconcileMetrics;
  readonly maxBatch: number;
  readonly sleep: Sleep;
  readonly onFatal: (error: SyncError) => void;
}

/** Edits come in flocks, and a batch costs the same for one as for ten. */
const LINGER_MS = 10;

interface PartitionState {
  next: number;
  readonly relay: PartitionRelay;
}

export function groupOf(topicPrefix: string, lane: Lane): string {
  return `${topicPrefix}reconcile-${lane}`;
}

export async function consumeLane(options: LaneOptions): Promise<Consumption> {
  const { deps, lane } = options;
  const topic = topicName(deps.config.topicPrefix, changesTopic(lane));
  const group = groupOf(deps.config.topicPrefix, lane);
  const partitions = new Map<number, PartitionState>();

  const positionOf = async (_topic: string, partition: number): Promise<bigint | null> => {
    const key: PositionKey = { group, topic, partition };
    const position = await readPosition(deps.pool, key);
    if (!position) {
      partitions.delete(partition);
      return null;
    }
    const relay = new PartitionRelay(options.relayDeps, `${topic}-${partition}`, position);
    await relay.catchUp(position.nextOffset, deps.clock());
    partitions.set(partition, { next: position.nextOffset, relay });
    return BigInt(position.nextOffset);
  };

  const stateOf = async (batch: Batch): Promise<PartitionState> => {
    const known = partitions.get(batch.partition);
    if (known) return known;
    const first = Number(batch.records[0]?.offset ?? 0n);
    await beginPosition(deps.pool, { group, topic, partition: batch.partition }, first, deps.clock());
    await positionOf(topic, batch.partition);
    return partitions.get(batch.partition) as PartitionState;
  };

  const onBatch = async (batch: Batch): Promise<BatchOutcome> => {
    try {
      return await workBatch(options, { group, topic, partition: batch.partition }, await stateOf(batch), batch);
    } catch (thrown) {
      const error = classified(thrown);
      if (isSyncError(error)) return { kind: 'again', afterMs: error.facts.retryAfterMs ?? 500, reason: error.code };
      throw error;
    }
  };

  const consume: ConsumeOptions = {
    groupId: group, topics: [topic], logger: deps.logger, clock: deps.clock, maxBatch: options.maxBatch, lingerMs: LINGER_MS, sleep: options.sleep, onBatch, onFatal: options.onFatal,
    positions: {
      kind: 'stored', positionOf,
      onExpired: async (_topic, partition, from, to) => {
        options.metrics.expired.inc({ lane });
        deps.logger.error({ topic, partition, from: String(from), to: String(to), code: 'position_expired' }, 'records were deleted before they were read; both sides are compared and repaired');
        await repairAll(deps, `position_expired ${topic}-${partition}`, (transaction) => passExpired(transaction, { group, topic, partition }, Number(to)));
        await positionOf(topic, partition);
      },
    },
  };
  return consumeBatches(deps.kafka, consume);
}

async function workBatch(options: LaneOptions, key: PositionKey, state: PartitionState, batch: Batch): Promise<BatchOutcome> {
  const { deps, metrics, lane } = options;
  const records = batch.records.filter((record) => Number(record.offset) >= state.next);
  const last = records.at(-1);
  if (!last) return { kind: 'done', nextOffset: BigInt(state.next) };
  if (state.relay.isBroken) await state.relay.settle(state.next, deps.clock());
  const to = Number(last.offset) + 1;
  const outcome = await processBatch(options.batchDeps, { key, lane, from: state.next, to, records, relayed: state.relay.relayed });
  if (outcome.kind === 'ANOTHER_CONSUMER_WENT_ON') {
    metrics.discarded.inc({ lane });
    return { kind: 'reposition' };
  }
  state.next = to;
  state.relay.push(outcome.decisions, to, outcome.decidedAt);
  for (const { tenantId, integrationId } of outcome.due.values()) deps.wake.notify(tenantId, integrationId);
  metrics.count(lane, outcome, records.length);
  return { kind: 'done', nextOffset: BigInt(to) };
}
