/**
 * Relay: committed decisions go to their topic from memory; what a crash left behind is read back from their rows
 * (I7). Per partition: `relayed` is the offset below which all decisions are known to be published, and it is stored
 * with the next move of the position.
 */
import type { Pool } from 'pg';
import type { Codec } from '../../runtime/codec.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import type { ContactDecision } from '../../schemas/decision.ts';
import { decisionKey } from '../../schemas/topics.ts';
import { unrelayedDecisions } from '../../store/decisions.ts';
import type { Position } from '../../store/positions.ts';

export interface RelayDeps {
  readonly pool: Pool;
  readonly codec: Codec<ContactDecision>;
  readonly publisher: Publisher;
  readonly topic: string;
}

export function decisionMessages(deps: Pick<RelayDeps, 'codec' | 'topic'>, decisions: readonly ContactDecision[]): { topic: string; key: string; value: Buffer }[] {
  return decisions.map((decision) => ({ topic: deps.topic, key: decisionKey(decision), value: deps.codec.encode(decision) }));
}

export class PartitionRelay {
  readonly #deps: RelayDeps;
  readonly #source: string;
  #relayed: { offset: number; at: number };
  #sending: Promise<void> = Promise.resolve();
  #isBroken = false;

  constructor(deps: RelayDeps, source: string, position: Position) {
    this.#deps = deps;
    this.#source = source;
    this.#relayed = { offset: position.relayedOffset, at: position.relayedAt };
  }

  get relayed(): { readonly offset: number; readonly at: number } {
    return this.#relayed;
  }

  /** Publishes what was committed up to `next` and may be missing on the topic. At-least-once: consumers know decisions by id. */
  async catchUp(next: number, now: number): Promise<void> {
    const missing = await unrelayedDecisions(this.#deps.pool, this.#source, this.#relayed.offset, this.#relayed.at);
    await this.#deps.publisher.publish(decisionMessages(this.#deps, missing));
    this.#relayed = { offset: next, at: now };
    this.#isBroken = false;
  }

  /** Publishes a committed batch's decisions while the next batches are under way; in order, as the publisher keeps it. */
  push(decisions: readonly ContactDecision[], next: number, decidedAt: number): void {
    if (this.#isBroken) return;
    const sent = this.#deps.publisher.publish(decisionMessages(this.#deps, decisions));
    this.#sending = Promise.all([this.#sending, sent]).then(
      () => { if (!this.#isBroken) this.#relayed = { offset: next, at: decidedAt }; },
      () => { this.#isBroken = true; },
    );
  }

  /** Waits for what is on its way; after a failure, catches up from the rows before anything else is decided. */
  async settle(next: number, now: number): Promise<void> {
    await this.#sending;
    if (this.#isBroken) await this.catchUp(next, now);
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }
}
