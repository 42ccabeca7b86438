/**
 * The partitions of `decisions`, one per UTC day, and how long each integration's rows are kept.
 *
 * Whoever calls this holds the lock on the job (store/locks.ts). Nothing here waits long for a table: a statement that
 * does not get its lock at once gives up with Postgres' `lock_not_available`, and is tried again later.
 */
import type { Pool, QueryConfig } from 'pg';
import { inTransaction } from '../runtime/database.ts';
import { HISTORY_DAYS } from '../schemas/integration.ts';
import type { IntegrationKey } from './integrations.ts';

export const DAY_MS = 86_400_000;
/** A batch of reconcile waits behind a statement that waits for a table. */
const LOCK_TIMEOUT_MS = 500;

export interface Partition {
  readonly name: string;
  /** When its rows were decided (epoch ms): at `from` or later, before `until`. */
  readonly from: number;
  readonly until: number;
}

/** All but the default one, the oldest first. */
export async function listPartitions(pool: Pool): Promise<readonly Partition[]> {
  const { rows } = await pool.query<{ name: string; from: string | null; until: string }>(
    `select name, bounds[1]::bigint as from, bounds[2]::bigint as until from (
       select i.inhrelid::regclass::text as name, regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \\((?:''(\\d+)''|MINVALUE)\\) TO \\(''(\\d+)''\\)') as bounds
       from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'decisions'::regclass) as p
     where bounds is not null order by bounds[2]::bigint`);
  return rows.map(({ name, from, until }) => ({ name, from: Number(from ?? 0), until: Number(until) }));
}

/**
 * Makes the partition of one day. Rows of that day that came before it lie in the default partition and move over. Writers
 * wait meanwhile: one that had chosen the default partition for its row already would be refused by it afterwards.
 */
export async function makePartition(pool: Pool, from: number): Promise<void> {
  const until = from + DAY_MS;
  const name = `decisions_${new Date(from).toISOString().slice(0, 10).replaceAll('-', '')}`;
  await impatiently(pool, [
    { text: `create table ${name} (like decisions including defaults including indexes)` },
    { text: 'lock table only decisions in share row exclusive mode' },
    { text: `with moved as (delete from decisions_default where decided_at >= ${from} and decided_at < ${until} returning *) insert into ${name} select * from moved` },
    { text: `alter table decisions attach partition ${name} for values from (${from}) to (${until})` },
  ]);
}

/** Removes a partition with its rows; false when one of them still waits for its topic. */
export async function dropPartition(pool: Pool, { name, until }: Partition): Promise<boolean> {
  const { rows } = await pool.query<{ waits: boolean }>(`select exists (select from ${name} where awaits_relay) as waits`);
  if (rows[0]?.waits !== false) return false;
  await impatiently(pool, [
    { text: 'update integrations set history_since = $1 where history_since is null or history_since < $1', values: [until] },
    { text: `drop table ${name}` },
  ]);
  return true;
}

async function impatiently(pool: Pool, statements: readonly QueryConfig[]): Promise<void> {
  await inTransaction(pool, (transaction) => {
    for (const statement of [{ text: `set local lock_timeout = ${LOCK_TIMEOUT_MS}` }, ...statements]) transaction.send(statement);
  });
}

export interface Retention extends IntegrationKey {
  readonly keepDays: number;
}

/** How long each integration's decisions are kept; an integration applied before there was the setting has its default. */
export async function listRetentions(pool: Pool): Promise<readonly Retention[]> {
  const { rows } = await pool.query<{ tenant_id: string; integration_id: string; days: number }>(
    `select tenant_id, integration_id, coalesce((config #>> '{history,keepDays}')::int, $1) as days from integrations order by tenant_id, integration_id`, [HISTORY_DAYS]);
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, keepDays: row.days }));
}

/** Deletes up to `limit` of an integration's decisions that were made before a time; resolves with how many went. */
export async function deleteDecisionsBefore(pool: Pool, { tenantId, integrationId }: IntegrationKey, before: number, limit: number): Promise<number> {
  return inTransaction(pool, async (transaction) => {
    const { rows } = await transaction.query<{ partition: string; ctids: string[] }>({
      name: 'expired-decisions',
      text: `select partition, array_agg(ctid::text) as ctids from (
               select tableoid::regclass::text as partition, ctid from decisions
               where tenant_id = $1 and integration_id = $2 and decided_at < $3 and not awaits_relay limit $4 for update skip locked) as expired
             group by partition order by partition`,
      values: [tenantId, integrationId, before, limit],
    });
    for (const { partition, ctids } of rows) transaction.send({ text: `delete from ${partition} where ctid = any($1::tid[])`, values: [ctids] });
    if (rows.length > 0) {
      transaction.send({
        text: 'update integrations set history_since = $3 where tenant_id = $1 and integration_id = $2 and (history_since is null or history_since < $3)', values: [tenantId, integrationId, before],
      });
    }
    return rows.reduce((sum, { ctids }) => sum + ctids.length, 0);
  });
}
