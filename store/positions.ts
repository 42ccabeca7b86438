/** Consumers' positions: the authority on what was done, moved by compare-and-set with the effects (I7). */
import type { Pool } from 'pg';
import { IN_TRANSACTION } from '../runtime/database.ts';
import type { Transaction } from '../runtime/database.ts';
import { INTEGRATIONS_MARK } from './integration-book.ts';

export interface PositionKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

export interface Position {
  readonly nextOffset: number;
  /** Decisions of offsets below this one were published. */
  readonly relayedOffset: number;
  readonly relayedAt: number;
}

/** The stored position; null when the partition was never consumed. */
export async function readPosition(pool: Pool, key: PositionKey): Promise<Position | null> {
  const { rows } = await pool.query<{ next_offset: string; relayed_offset: string; relayed_at: string }>(
    'select next_offset, relayed_offset, relayed_at from positions where consumer_group = $1 and topic = $2 and partition = $3',
    [key.group, key.topic, key.partition],
  );
  const row = rows[0];
  return row ? { nextOffset: Number(row.next_offset), relayedOffset: Number(row.relayed_offset), relayedAt: Number(row.relayed_at) } : null;
}

/** Begins a partition at an offset; a no-op when another consumer began it already. */
export async function beginPosition(pool: Pool, key: PositionKey, offset: number, now: number): Promise<void> {
  await pool.query(
    'insert into positions (consumer_group, topic, partition, next_offset, relayed_offset, relayed_at) values ($1, $2, $3, $4, $4, $5) on conflict do nothing',
    [key.group, key.topic, key.partition, offset, now],
  );
}

/** Moves a position over records that were deleted before they were read. */
export function passExpired(transaction: Transaction, key: PositionKey, to: number): void {
  transaction.send({
    text: 'update positions set next_offset = $4 where consumer_group = $1 and topic = $2 and partition = $3 and next_offset < $4',
    values: [key.group, key.topic, key.partition, to],
  });
}

/**
 * `integrations` marks which integrations, in which configurations, the transaction sees (store/integration-book.ts);
 * `isAnyDead` tells whether any dead letter is open, which a valid image may supersede; `isAnySuppressed` whether any erased
 * person is to be kept out.
 */
export type MoveOutcome = { readonly kind: 'MOVED'; readonly integrations: string; readonly isAnyDead: boolean; readonly isAnySuppressed: boolean } | { readonly kind: 'ANOTHER_CONSUMER_WENT_ON' };

/** The first statement of a batch's transaction: from → to, or the batch is to be discarded. */
export async function movePosition(transaction: Transaction, key: PositionKey, from: number, to: number, relayed: { offset: number; at: number }): Promise<MoveOutcome> {
  const { rows } = await transaction.query<{ integrations: string; is_any_dead: boolean; is_any_suppressed: boolean }>({
    name: 'move-position',
    text: `update positions set next_offset = $5, relayed_offset = $6, relayed_at = $7
           where consumer_group = $1 and topic = $2 and partition = $3 and next_offset = $4 and ${IN_TRANSACTION}
           returning (${INTEGRATIONS_MARK}) as integrations, exists (select from dead_letters where status = 'open') as is_any_dead, exists (select from suppressions) as is_any_suppressed`,
    values: [key.group, key.topic, key.partition, from, to, relayed.offset, relayed.at],
  });
  const row = rows[0];
  return row ? { kind: 'MOVED', integrations: row.integrations, isAnyDead: row.is_any_dead, isAnySuppressed: row.is_any_suppressed } : { kind: 'ANOTHER_CONSUMER_WENT_ON' };
}
