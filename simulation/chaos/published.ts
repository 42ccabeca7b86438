/** Follows the topic of decisions for as long as a site stands, and knows which have come out on it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Codecs } from '../../runtime/codec.ts';
import type { Kafka, Reader } from '../../runtime/kafka.ts';
import { DECISIONS_TOPIC, topicName } from '../../schemas/topics.ts';

const LOOK_MS = 50;

export interface Place {
  readonly kafka: Kafka;
  readonly codecs: Codecs;
  readonly topicPrefix: string;
}

export class Published {
  readonly ids = new Set<string>();
  readonly #place: Place;
  readonly #topic: string;
  readonly #next = new Map<number, bigint>();
  #reader: Reader | undefined;
  #isClosed = false;

  constructor(place: Place) {
    this.#place = place;
    this.#topic = topicName(place.topicPrefix, DECISIONS_TOPIC);
  }

  async start(): Promise<void> {
    const { kafka, codecs, topicPrefix } = this.#place;
    const reader: Reader = kafka.createReader({
      groupId: `${topicPrefix}chaos`, topics: [this.#topic], maxWaitMs: 100,
      onAssigned: (partitions) => {
        for (const at of partitions) {
          reader.seek(at, this.#next.get(at.partition) ?? 0n);
          reader.resume(at);
        }
      },
      onRecords: ({ partition }, records) => {
        for (const { value } of records) {
          const decision = value && codecs.decisions.decodeNow(value);
          if (decision) this.ids.add(decision.decisionId);
        }
        this.#next.set(partition, (records.at(-1)?.offset ?? -1n) + 1n);
      },
      onCrash: () => { void this.#restart(reader); },
    });
    this.#reader = reader;
    await reader.start();
  }

  async #restart(crashed: Reader): Promise<void> {
    await crashed.close();
    while (!this.#isClosed) {
      try {
        return await this.start();
      } catch {
        await sleep(LOOK_MS);
      }
    }
  }

  /** Resolves when everything that is on the topic now has been read, or the time is up. */
  async toTheEnd(patienceMs: number): Promise<void> {
    const deadline = Date.now() + patienceMs;
    const ranges = await this.#place.kafka.ranges([this.#topic]);
    while (ranges.some(({ partition, low, high }) => high > low && (this.#next.get(partition) ?? 0n) < high) && Date.now() < deadline) await sleep(LOOK_MS);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reader?.close();
  }
}
