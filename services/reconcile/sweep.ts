/** Sweep: relays decisions of delivery and operators, and dead letters, from their rows to their topics (I7). */
import type { Pool } from 'pg';
import type { Codecs } from '../../runtime/codec.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Logger } from '../../runtime/logger.ts';
import { describeError } from '../../runtime/logger.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import { sleep } from '../../runtime/sleep.ts';
import { DEAD_LETTERS_TOPIC, DECISIONS_TOPIC, deadLetterKey, topicName } from '../../schemas/topics.ts';
import { relayAwaiting } from '../../store/decisions.ts';
import { relayDeadLetters } from '../../store/quarantine.ts';
import { decisionMessages } from './relay.ts';

export interface SweepDeps {
  readonly pool: Pool;
  readonly codec: Codecs;
  readonly publisher: Publisher;
  readonly topicPrefix: string;
  readonly logger: Logger;
}

const BATCH = 500;
const IDLE_MS = 500;

/** Runs until the signal ends; failures wait and are tried again. */
export async function runSweep(deps: SweepDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const relayed = await sweepOnce(deps).catch((error: unknown) => {
      deps.logger.warn({ err: describeError(error) }, 'decisions and dead letters wait for their topics');
      return 0;
    });
    if (relayed < BATCH) await sleep(IDLE_MS, signal);
  }
}

/** How many rows were relayed. */
export async function sweepOnce(deps: SweepDeps): Promise<number> {
  const decisions = { codec: deps.codec.decisions, topic: topicName(deps.topicPrefix, DECISIONS_TOPIC) };
  const letters = topicName(deps.topicPrefix, DEAD_LETTERS_TOPIC);
  const relayed = await inTransaction(deps.pool, (transaction) => relayAwaiting(transaction, BATCH, (rows) => deps.publisher.publish(decisionMessages(decisions, rows))));
  const dead = await inTransaction(deps.pool, (transaction) => relayDeadLetters(transaction, BATCH, (rows) =>
    deps.publisher.publish(rows.map((letter) => ({ topic: letters, key: deadLetterKey(letter), value: deps.codec.deadLetters.encode(letter) })))));
  return Math.max(relayed, dead);
}
