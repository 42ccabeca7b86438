/** When nothing is left to be done: asked of the systems, the logs and the database, never of a process. */
import { LANES } from '../../schemas/value.ts';
import { HINTS_TOPIC, changesTopic, topicName } from '../../schemas/topics.ts';
import type { World } from './world.ts';

/** What is due later is kept until it is forgotten (domain/due.ts), for weeks. */
const SOON_MS = 86_400_000;

/** What is still to be done, in words; empty at rest. */
export async function unrestOf(world: World): Promise<string[]> {
  const outside = [
    ...(world.underWay > 0 ? [`${world.underWay} calls or notifications are under way`] : []),
    ...(world.slot.isDrained ? [] : ['Bevatel\'s changes are not streamed to their end']),
    ...unreadHints(world),
  ];
  return outside.length > 0 ? outside : [...await unreadChanges(world), ...await unfinished(world)];
}

function unreadHints({ cluster, topicPrefix }: World): string[] {
  const topic = topicName(topicPrefix, HINTS_TOPIC);
  return cluster.ranges([topic])
    .filter((range) => range.high > (cluster.committed(`${topicPrefix}capture`, range) ?? 0n))
    .map(({ partition }) => `hints of partition ${partition} are not read`);
}

async function unreadChanges({ cluster, database, topicPrefix }: World): Promise<string[]> {
  const topics = LANES.map((lane) => topicName(topicPrefix, changesTopic(lane)));
  const rows = await database.ask<{ topic: string; partition: number; next_offset: string }>('select topic, partition, next_offset from positions where topic = any($1)', [topics]);
  return cluster.ranges(topics)
    .filter((range) => range.high > BigInt(rows.find((row) => row.topic === range.topic && row.partition === range.partition)?.next_offset ?? 0))
    .map(({ topic, partition }) => `${topic}/${partition} is not read to its end`);
}

async function unfinished({ database, tenant, scheduler }: World): Promise<string[]> {
  const [counts = {}] = await database.ask<Record<string, string>>(`
    select (select count(*) from links where tenant_id = $1 and due_at < $3) as "links are due",
      (select count(*) from links where tenant_id = $1 and lease_until > $2) as "links are leased",
      (select count(*) from decisions where tenant_id = $1 and awaits_relay) as "decisions wait for their topic",
      (select count(*) from waiting_hints where tenant_id = $1) as "hints wait",
      (select count(*) from integrations where tenant_id = $1 and matched_at is null) as "integrations are not listed",
      (select count(*) from listings where tenant_id = $1 and stored_at is null) as "listings are not stored"`, [tenant, scheduler.now, scheduler.now + SOON_MS]);
  return Object.entries(counts).filter(([, count]) => Number(count) > 0).map(([what, count]) => `${count} ${what}`);
}
