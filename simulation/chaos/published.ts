/** Follows the topic of decisions for as long as a site stands, and knows which have come out on it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reader } from '../../runtime/kafka.ts';
import { DECISIONS_TOPIC, topicName } from '../../schemas/topics.ts';
import type { Site } from './site.ts';

const LOOK_MS = 50;

export class Published {
  readonly ids = new Set<string>();
  readonly #site: Site;
  readonly #topic: string;
  readonly #next = new Map<number, bigint>();
  #reader: Reader | undefined;

  constructor(site: Site) {
    this.#site = site;
    this.#topic = topicName(site.topicPrefix, DECISIONS_TOPIC);
  }

  async start(): Promise<void> {
    const { kafka, codecs, topicPrefix } = this.#site;
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
      onCrash: () => undefined,
    });
    this.#reader = reader;
    await reader.start();
  }

  /** Resolves when everything that is on the topic now has been read, or the time is up. */
  async toTheEnd(patienceMs: number): Promise<void> {
    const deadline = Date.now() + patienceMs;
    const ranges = await this.#site.kafka.ranges([this.#topic]);
    while (ranges.some(({ partition, low, high }) => high > low && (this.#next.get(partition) ?? 0n) < high) && Date.now() < deadline) await sleep(LOOK_MS);
  }

  async close(): Promise<void> {
    await this.#reader?.close();
  }
}
