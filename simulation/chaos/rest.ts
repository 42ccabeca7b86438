/** When nothing is left to be done: asked of the sandboxes, of Kafka and of the databases, never of a process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HINTS_TOPIC, changesTopic, topicName } from '../../schemas/topics.ts';
import { LANES } from '../../schemas/value.ts';
import { TENANT } from './site.ts';
import type { Site } from './site.ts';

const LOOK_MS = 150;
/** Looks in a row that must find nothing to be done. */
const LOOKS = 2;
const SOON_MS = 30_000;
/** SQL: a write of the link may still land, for all that the product knows; it waits minutes for that before it holds or forgets it. */
const WAITS_LONG = `jsonb_path_exists(state::jsonb, '$.attempts[*] ? (@.status == "unresolved")')`;
/** Polls that must have ended after the last trouble: one may have been under way. */
const POLLS = 2;

/** Why it did not come to rest in time; empty when it did. Waits for polls first: they find what no notification told. */
export async function untilAtRest(site: Site, patienceMs: number): Promise<readonly string[]> {
  const deadline = Date.now() + patienceMs;
  const streamed = await endOfStream(site);
  const polls = pollsOf(site) + POLLS;
  for (let calm = 0; ;) {
    const unrest = await unrestOf(site, streamed, polls).catch(inWords);
    calm = unrest.length === 0 ? calm + 1 : 0;
    if (calm === LOOKS) return [];
    if (Date.now() > deadline) return unrest.length === 0 ? ['it rests for moments alone'] : unrest;
    await sleep(LOOK_MS);
  }
}

/** Two more polls. */
export async function untilPolled(site: Site, patienceMs: number): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (const polls = pollsOf(site) + POLLS; pollsOf(site) < polls && Date.now() < deadline;) await sleep(LOOK_MS);
}

/** The Bevatel ids of pairs that wait for what became of a write, for longer than anybody waits here. */
export async function waitingPairs({ pool }: Site): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ id: string }>(`select bevatel_id as id from links where due_at >= $1 and ${WAITS_LONG} and bevatel_id is not null`, [Date.now()]);
  return new Set(rows.map(({ id }) => id));
}

/** Bevatel's changes are streamed; what happens before shows in its listing alone. */
export async function isFollowed({ bevatel }: Site): Promise<boolean> {
  const rows = await bevatel.control.sql('select from pg_replication_slots where database = current_database() and active');
  return rows.length > 0;
}

function pollsOf({ hubspot }: Site): number {
  return hubspot.control.counts()['contacts.search'] ?? 0;
}

/** A part that was restarted may refuse a first question. */
function inWords(error: unknown): string[] {
  return [error instanceof Error ? error.message : String(error)];
}

async function endOfStream({ bevatel }: Site): Promise<string> {
  const [row] = await bevatel.control.sql<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  return row?.lsn ?? '0/0';
}

async function unrestOf(site: Site, streamed: string, polls: number): Promise<string[]> {
  const outside = [
    ...(site.hubspot.control.webhooksIdle() ? [] : ['webhooks are under way']),
    ...(pollsOf(site) >= polls ? [] : ['HubSpot is not polled to its end']),
    ...(await isStreamed(site, streamed) ? [] : ['Bevatel\'s changes are not streamed to their end']),
  ];
  return outside.length > 0 ? outside : [...await unread(site), ...await unfinished(site)];
}

async function isStreamed({ bevatel }: Site, lsn: string): Promise<boolean> {
  const rows = await bevatel.control.sql<{ done: boolean }>('select confirmed_flush_lsn >= $1::pg_lsn as done from pg_replication_slots where database = current_database()', [lsn]);
  return rows.length > 0 && rows.every(({ done }) => done);
}

async function unread({ pool, kafka, topicPrefix }: Site): Promise<string[]> {
  const { rows } = await pool.query<{ topic: string; partition: number; next_offset: string }>('select topic, partition, next_offset from positions');
  const changes = await kafka.ranges(LANES.map((lane) => topicName(topicPrefix, changesTopic(lane))));
  const hints = await kafka.ranges([topicName(topicPrefix, HINTS_TOPIC)]);
  const behindHints = await Promise.all(hints.map(async (range) => range.high > (await kafka.committed(`${topicPrefix}capture`, range) ?? range.low)));
  const behind = changes.filter((range) => range.high > BigInt(rows.find((row) => row.topic === range.topic && row.partition === range.partition)?.next_offset ?? range.low));
  return [...behind, ...hints.filter((_, index) => behindHints[index])].map(({ topic, partition }) => `${topic}/${partition} is not read to its end`);
}

async function unfinished({ pool }: Site): Promise<string[]> {
  const now = Date.now();
  const { rows: [counts] } = await pool.query<Record<string, string>>(`
    select (select count(*) from links where due_at < $1 or (due_at is not null and not ${WAITS_LONG})) as "links are due",
      (select count(*) from links where lease_until > $2) as "links are leased",
      (select count(*) from decisions where awaits_relay) as "decisions wait for their topic",
      (select count(*) from waiting_hints) as "hints wait",
      (select count(*) from integrations where matched_at is null) as "integrations are not listed",
      (select count(*) from listings where tenant_id = $3 and stored_at is null) as "listings are not stored"`, [now + SOON_MS, now, TENANT]);
  return Object.entries(counts ?? {}).filter(([, count]) => Number(count) > 0).map(([what, count]) => `${count} ${what}`);
}
