/**
 * Clears the traces of erased persons: what is left of them in our stores goes at once, tombstones make compacted topics
 * forget, and of what goes by its age the receipt says until when. In the background, level-triggered: an erasure without
 * its receipts is taken up again.
 */
import type { Pool } from 'pg';
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { Kafka, TopicKeeping } from '../../runtime/kafka.ts';
import { describeError } from '../../runtime/logger.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Message, Publisher } from '../../runtime/publisher.ts';
import { sleep } from '../../runtime/sleep.ts';
import { TOPICS, changeKey, changesTopic, hintKey, topicName } from '../../schemas/topics.ts';
import { LANES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import { markCleared, takeToClear, writeReceipts } from '../../store/erasures.ts';
import type { ErasureHead, Receipt } from '../../store/erasures.ts';
import { clearDeadLetters, clearDecisions, clearMatchKeys, clearWaitingHints } from '../../store/traces.ts';

export interface ClearDeps {
  readonly pool: Pool;
  readonly kafka: Pick<Kafka, 'keeping'>;
  readonly publisher: Publisher;
  readonly topicPrefix: string;
  readonly clock: () => number;
  readonly logger: Logger;
}

const AT_ONCE = 20;
const IDLE_MS = 500;
/** Idempotency answers of the publish API hold a hash of their request for a day (services/capture/idempotency.ts). */
const REDIS_MS = 86_400_000;

/** Runs until the signal ends; failures wait and are tried again. */
export async function runClearing(deps: ClearDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const cleared = await clearOnce(deps).catch((error: unknown) => {
      deps.logger.warn({ err: describeError(error) }, 'the traces of erased persons wait to be cleared');
      return 0;
    });
    if (cleared < AT_ONCE) await sleep(IDLE_MS, signal);
  }
}

/** How many erasures were taken up. */
export async function clearOnce(deps: ClearDeps): Promise<number> {
  return inTransaction(deps.pool, async (transaction) => {
    const erasures = await takeToClear(transaction, AT_ONCE);
    if (erasures.length === 0) return 0;
    const names = TOPICS.map(({ name }) => topicName(deps.topicPrefix, name));
    const keeping = await deps.kafka.keeping(names);
    for (const erasure of erasures) await clear(transaction, deps, erasure, keeping);
    return erasures.length;
  });
}

async function clear(transaction: Transaction, deps: ClearDeps, erasure: ErasureHead, keeping: ReadonlyMap<string, TopicKeeping>): Promise<void> {
  const keys = keysOf(erasure);
  const counts = {
    match_keys: await clearMatchKeys(transaction, erasure),
    decisions: await clearDecisions(transaction, erasure),
    dead_letters: await clearDeadLetters(transaction, erasure, [...keys.changes, ...keys.hints]),
    waiting_hints: await clearWaitingHints(transaction, erasure),
  };
  await deps.publisher.publish(tombstones(deps, keys.changes));
  const at = deps.clock();
  const done = Object.entries(counts).map(([place, items]): Receipt => ({ place: place as keyof typeof counts, integrationId: '', state: 'done', items, at, untilAt: null, detail: null }));
  const redis: Receipt = { place: 'redis', integrationId: '', state: 'expires', items: null, at, untilAt: at + REDIS_MS, detail: 'hashes of requests only' };
  writeReceipts(transaction, erasure, [...done, redis, ...TOPICS.map(({ name }) => topicReceipt(name, keeping.get(topicName(deps.topicPrefix, name)), keys.changes.length, at))]);
  markCleared(transaction, erasure, at);
}

interface RecordKeys {
  readonly changes: readonly string[];
  readonly hints: readonly string[];
}

/** The message keys under which the records' changes and hints travelled. */
function keysOf({ tenantId, records }: ErasureHead): RecordKeys {
  const refs = records.flatMap(({ integrationId, bevatelId, externalId }) => [
    ...(bevatelId === null ? [] : [{ side: 'bevatel' as const, integrationId, recordId: bevatelId }]),
    ...(externalId === null ? [] : [{ side: 'external' as const, integrationId, recordId: externalId }]),
  ]);
  const changeKeyOf = (ref: { readonly side: Side; readonly integrationId: string; readonly recordId: string }): string =>
    changeKey({ tenantId, side: ref.side, integrationId: ref.side === 'bevatel' ? null : ref.integrationId, recordId: ref.recordId });
  return { changes: [...new Set(refs.map(changeKeyOf))], hints: refs.map((ref) => hintKey({ tenantId, ...ref })) };
}

function tombstones({ topicPrefix }: ClearDeps, keys: readonly string[]): Message[] {
  return LANES.flatMap((lane) => keys.map((key) => ({ topic: topicName(topicPrefix, changesTopic(lane)), key, value: null })));
}

/** A topic that nobody bounds keeps what it has: its receipt says so. */
function topicReceipt(name: string, keeping: TopicKeeping | undefined, keys: number, at: number): Receipt {
  const isCompacted = LANES.some((lane) => changesTopic(lane) === name) && keeping?.compactedMs != null;
  const bounds = [keeping?.agedMs ?? null, isCompacted ? keeping.compactedMs : null].filter((ms) => ms !== null);
  const common = { place: `topic:${name}` as const, integrationId: '', items: isCompacted ? keys : null, at };
  if (bounds.length === 0) return { ...common, state: 'refused', untilAt: null, detail: 'retention_unbounded' };
  return { ...common, state: 'expires', untilAt: at + Math.min(...bounds), detail: isCompacted ? 'tombstones' : 'retention' };
}
