/**
 * The consumer of contact.hints: hands each hint to the reader of its integration and commits what is done.
 *
 * Order of effects: decode → (dropped | read → image acknowledged by Kafka | parked or buried in the database) → done →
 * the group's offset is committed up to the first hint that is not done. A crash repeats, and repeating is a no-op.
 */
import { isSyncError } from '../../schemas/errors.ts';
import type { Codec, Decoded } from '../../runtime/codec.ts';
import type { Batch, BatchOutcome } from '../../runtime/partition.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { ContactHint } from '../../schemas/change.ts';
import { integrationKeyOf } from '../../store/watch-integrations.ts';
import { HintWindow } from './hint-window.ts';
import type { HintWork } from './hint-work.ts';
import type { IntegrationSet } from './integration-set.ts';
import type { CaptureMetrics } from './metrics.ts';
import { RecordReader } from './record-reader.ts';
import type { TrackedHint } from './record-reader.ts';

export interface HintsOptions {
  readonly codec: Codec<ContactHint>;
  readonly integrations: IntegrationSet;
  readonly work: HintWork;
  readonly metrics: CaptureMetrics;
  /** Default 5. */
  readonly coalesceMs?: number;
  readonly clock: () => number;
  readonly sleep: Sleep;
  /** Ends all work at once; what is undone comes again. */
  readonly signal: AbortSignal;
}

export interface Hints {
  onBatch(batch: Batch): Promise<BatchOutcome>;
  /** From now on a batch ends only when all that was taken is done. */
  drain(): void;
}

const PROGRESS_MS = 2;
const AGAIN_AFTER_REGISTRY_MS = 500;

/** Below the deadline of delivery's calls: an answer that takes longer is looked for by delivery itself. */
const MAX_WAIT_MS = 10_000;
/** More records than delivery has under way at once, whose answers are waited for. */
const MAX_PENDING = 3_000;

export function createHints(options: HintsOptions): Hints {
  const { codec, integrations, work, metrics, signal, clock, sleep, coalesceMs = 5 } = options;
  const windows = new Map<number, HintWindow>();
  const readers = new Map<string, RecordReader>();
  let draining = false;

  function readerOf(hint: ContactHint): RecordReader {
    const key = integrationKeyOf(hint);
    let reader = readers.get(key);
    if (!reader) {
      reader = new RecordReader({
        work, coalesceMs, maxWaitMs: MAX_WAIT_MS, maxConcurrent: 4, maxPending: MAX_PENDING, signal, clock, sleep, integration: () => integrations.get(hint) ?? null,
      });
      readers.set(key, reader);
    }
    return reader;
  }
  function windowOf({ partition, records }: Batch): HintWindow {
    const first = records[0]?.offset ?? 0n;
    const known = windows.get(partition);
    if (known?.covers(first)) return known;
    const window = new HintWindow(first, sleep);
    windows.set(partition, window);
    return window;
  }
  async function dispatch(batch: Batch, window: HintWindow): Promise<void> {
    const fresh = batch.records.filter(({ offset }) => window.isFresh(offset));
    const decoded = await codec.decodeAll(fresh.map(({ value }) => value));
    for (const [index, { offset, key, value }] of fresh.entries()) {
      const at = { topic: batch.topic, partition: batch.partition, offset, key };
      const result = decoded[index] as Decoded<ContactHint>;
      const bytes = value ?? Buffer.alloc(0);
      if (result.ok) await integrations.find(result.value);
      else await work.buryBytes(at, bytes, result.error);
      window.take(offset);
      if (result.ok) give({ ...at, bytes, hint: result.value, done: () => window.done(offset) });
      else window.done(offset);
    }
  }
  function give(tracked: TrackedHint): void {
    metrics.hintsReceived.inc({ origin: tracked.hint.origin });
    readerOf(tracked.hint).add(tracked);
  }
  return {
    onBatch: async (batch) => {
      const window = windowOf(batch);
      try {
        await dispatch(batch, window);
      } catch (error) {
        if (isSyncError(error) && error.class === 'retry') return { kind: 'again', afterMs: AGAIN_AFTER_REGISTRY_MS, reason: error.code };
        throw error;
      }
      await window.progress(PROGRESS_MS);
      while (draining && !window.idle && !batch.signal.aborted) await window.progress(PROGRESS_MS);
      const first = batch.records[0]?.offset ?? 0n;
      return window.low > first ? { kind: 'done', nextOffset: window.tell() } : { kind: 'again', afterMs: 0, reason: 'reading' };
    },
    drain: () => { draining = true; },
  };
}

