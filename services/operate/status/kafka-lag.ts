/**
 * How far the consumers are behind, in records and in seconds.
 *
 * Seconds: the ends of the partitions are noted now and then; the first note whose end lies beyond a consumer's
 * position tells when its oldest unread record had been written at the latest, so the lag is at least its age (the
 * way of Burrow). Positions are the stored ones, which are the authority (I7), else the group's committed offsets.
 */
import type { Pool } from 'pg';
import type { Kafka } from '../../../runtime/kafka.ts';
import type { Status } from '../../../schemas/api.ts';
import { HINTS_TOPIC, changesTopic, topicName } from '../../../schemas/topics.ts';
import { LANES } from '../../../schemas/value.ts';
import { allPositions } from '../../../store/overview.ts';

/** The end of a partition at some time. */
export interface EndNote {
  readonly at: number;
  readonly end: number;
}

const KEPT_NOTES = 1_000;

/** Age in seconds of the oldest unread record; 0 when all is read, null when no note tells. */
export function lagSeconds(notes: readonly EndNote[], position: number, now: number): number | null {
  const last = notes.at(-1);
  if (!last) return null;
  if (last.end <= position) return 0;
  const first = notes.find((note) => note.end > position);
  return first ? Math.max(0, now - first.at) / 1_000 : null;
}

export interface ConsumerLag {
  readonly group: string;
  readonly topic: string;
  readonly records: number;
  readonly seconds: number | null;
}

export interface KafkaLag {
  /** Notes the ends; call it every few seconds. */
  note(): Promise<void>;
  read(): Promise<Status['kafka']>;
}

export interface KafkaLagOptions {
  readonly kafka: Pick<Kafka, 'ranges' | 'committed'>;
  readonly pool: Pool;
  readonly topicPrefix: string;
  readonly clock: () => number;
}

/** The group of each consumed topic (services/reconcile, services/capture). */
function consumersOf(prefix: string): readonly { group: string; topic: string; stored: boolean }[] {
  return [
    ...LANES.map((lane) => ({ group: `${prefix}reconcile-${lane}`, topic: topicName(prefix, changesTopic(lane)), stored: true })),
    { group: `${prefix}capture`, topic: topicName(prefix, HINTS_TOPIC), stored: false },
  ];
}

export function createKafkaLag({ kafka, pool, topicPrefix, clock }: KafkaLagOptions): KafkaLag {
  const notes = new Map<string, EndNote[]>();
  const consumers = consumersOf(topicPrefix);
  const topics = consumers.map(({ topic }) => topic);

  async function note(): Promise<readonly { topic: string; partition: number; low: number; high: number }[]> {
    const ranges = (await kafka.ranges(topics)).map(({ topic, partition, low, high }) => ({ topic, partition, low: Number(low), high: Number(high) }));
    const at = clock();
    for (const { topic, partition, high } of ranges) {
      const list = notes.get(`${topic}/${partition}`) ?? [];
      if (list.at(-1)?.end !== high) list.push({ at, end: high });
      if (list.length > KEPT_NOTES) list.splice(1, 1);
      notes.set(`${topic}/${partition}`, list);
    }
    return ranges;
  }
  async function lagOf({ group, topic, stored }: (typeof consumers)[number], ranges: Awaited<ReturnType<typeof note>>, positions: ReadonlyMap<string, number>): Promise<ConsumerLag> {
    const parts = await Promise.all(ranges.filter((range) => range.topic === topic).map(async ({ partition, low, high }) => {
      const known = stored ? positions.get(`${group}|${topic}/${partition}`) : await kafka.committed(group, { topic, partition });
      const position = Math.max(low, Number(known ?? low));
      return { records: Math.max(0, high - position), seconds: lagSeconds(notes.get(`${topic}/${partition}`) ?? [], position, clock()) };
    }));
    const seconds = parts.flatMap((part) => part.seconds ?? []);
    return { group, topic, records: parts.reduce((sum, part) => sum + part.records, 0), seconds: seconds.length > 0 ? Math.max(...seconds) : null };
  }
  async function read(): Promise<Status['kafka']> {
    const positions = new Map((await allPositions(pool)).map((one) => [`${one.group}|${one.topic}/${one.partition}`, one.nextOffset]));
    try {
      const ranges = await note();
      return { answers: true, consumers: await Promise.all(consumers.map((consumer) => lagOf(consumer, ranges, positions))) };
    } catch {
      return { answers: false, consumers: [] };
    }
  }
  return { note: async () => { await note(); }, read };
}
