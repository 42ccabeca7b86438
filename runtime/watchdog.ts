/**
 * Watches a consumer from outside: how far each partition lags, and whether any has stopped silently.
 *
 * It asks the brokers for the ends of the logs by itself, because a stalled reader would report its last news for ever.
 */
import { SyncError } from '../schemas/errors.ts';
import type { Kafka, TopicPartition } from './kafka.ts';
import type { Logger } from './logger.ts';
import type { PartitionState, PartitionWorker } from './partition.ts';
import { isStalled, recentLooks } from './stall.ts';
import type { Look } from './stall.ts';

export interface PartitionLag extends TopicPartition {
  readonly records: number;
  /** Age of the oldest record that is not done (0 without lag). */
  readonly seconds: number;
}

export type Workers = ReadonlyMap<string, PartitionWorker>;

export interface WatchdogOptions {
  readonly kafka: Pick<Kafka, 'ranges'>;
  readonly topics: readonly string[];
  readonly workers: () => Workers;
  /** No progress for so long, with lag and nothing at work, is a stall (ms). */
  readonly stallMs: number;
  readonly onStalled: (at: TopicPartition) => void;
  readonly onFatal: (error: SyncError) => void;
  readonly clock: () => number;
  readonly logger: Logger;
}

export interface Watchdog {
  /** One look at all partitions; to be called several times within `stallMs`. */
  look(): Promise<void>;
  /** Forgets what was seen, after the consumer was made anew. */
  reset(): void;
  lag(): readonly PartitionLag[];
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

export function beyondLog({ topic, partition }: TopicPartition, position: bigint, end: bigint): SyncError {
  return new SyncError('position_beyond_log', `${topic}/${partition}: the stored position is ${position}, the log ends at ${end}`);
}

export function createWatchdog(options: WatchdogOptions): Watchdog {
  const { kafka, topics, workers, stallMs, clock, logger } = options;
  const looks = new Map<string, readonly Look[]>();

  /** The state must be older than the end: a position that moved in between would seem to lie beyond the log. */
  function judge(worker: PartitionWorker, { at, position, busy }: PartitionState, end: bigint): void {
    if (position > end) {
      options.onFatal(beyondLog(at, position, end));
      return;
    }
    worker.noteEnd(end);
    const seen = recentLooks([...(looks.get(keyOf(at)) ?? []), { at: clock(), position, end, busy }], stallMs);
    looks.set(keyOf(at), seen);
    if (isStalled(seen, stallMs)) options.onStalled(at);
  }
  async function look(): Promise<void> {
    const before = new Map([...workers().values()].map((worker) => [worker, worker.state]));
    try {
      for (const range of await kafka.ranges(topics)) {
        const worker = workers().get(keyOf(range));
        const state = worker && before.get(worker);
        if (state) judge(worker, state, range.high);
      }
    } catch (error) {
      logger.debug({ err: error }, 'the ends of the logs could not be read');
    }
  }
  /** Since when a partition lags at its present position, as far as the looks go back. */
  function laggingSince(key: string, position: bigint): number | undefined {
    return looks.get(key)?.find((seen) => seen.position === position && seen.end > position)?.at;
  }
  function lag(): readonly PartitionLag[] {
    return [...workers()].map(([key, worker]) => {
      const { at, position, end, oldestAt } = worker.state;
      const records = Number(end > position ? end - position : 0n);
      const since = records === 0 ? undefined : (oldestAt ?? laggingSince(key, position));
      return { ...at, records, seconds: since === undefined ? 0 : Math.max(0, (clock() - since) / 1_000) };
    });
  }
  return { look, lag, reset: () => looks.clear() };
}
