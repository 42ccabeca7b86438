/**
 * Decisions by time: a partition per UTC day, so that what is older than anybody keeps goes at once, by dropping it.
 *
 * The service makes the partitions ahead (services/reconcile/keep-history.ts). What lies in none of them, because a clock
 * is off or nothing ran for days, goes to the default partition, from where it is moved when its day's is made: no row
 * is ever refused. What was decided before this migration becomes a partition as it stands; no row is copied.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const DAY_MS = 86_400_000;

const INDEXES = ['decisions_of_link', 'decisions_decided_at', 'decisions_awaits_relay'];

const TABLE = `
create table decisions (like decisions_before including defaults) partition by range (decided_at);
create table decisions_default partition of decisions default;
-- no unique key: a decision is written with the position that it moves, so never twice (I7), and it is the busiest table;
-- a link's id tells it alone, and hashed it costs half of what a tree of tenant, link and time did, so that both are cheaper than that
create index decisions_of_link on decisions using hash (link_id);
create index decisions_of_integration on decisions (tenant_id, integration_id, decided_at);
create index decisions_decided_at on decisions using brin (decided_at) with (pages_per_range = 16);
create index decisions_awaits_relay on decisions (decided_at) where awaits_relay;

-- since when all decisions of an integration are kept; null while none was ever deleted
alter table integrations add column history_since bigint;
`;

export class History1764000300000 implements MigrationInterface {
  readonly name = 'History1764000300000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table decisions rename to decisions_before');
    for (const index of INDEXES) await runner.query(`alter index ${index} rename to ${index.replace('decisions', 'decisions_before')}`);
    await runner.query(TABLE);
    await this.#attachBefore(runner, (Math.floor(Date.now() / DAY_MS) + 1) * DAY_MS);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }

  /** The old table is the partition of all days up to today's end; rows that a clock ahead of its time wrote go to the default one. */
  async #attachBefore(runner: QueryRunner, until: number): Promise<void> {
    const [before] = await runner.query('select exists (select from decisions_before) as "isAny"') as { isAny: boolean }[];
    if (before?.isAny !== true) {
      await runner.query('drop table decisions_before');
      return;
    }
    await runner.query(`with ahead as (delete from decisions_before where decided_at >= ${until} returning *) insert into decisions_default select * from ahead`);
    await runner.query(`alter table decisions attach partition decisions_before for values from (minvalue) to (${until})`);
  }
}
