/** Hints whose read must wait (their system is away, throttled or paused), so that the others on their partition go on (I8). */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
create table waiting_hints (
  tenant_id      text not null,
  integration_id text not null,
  side           text not null check (side in ('bevatel', 'external')),
  record_id      text not null,
  -- the newest hint of the record; older ones are covered by the same read
  hint           jsonb not null,
  parked_at      bigint not null,
  -- grows with every hint that comes in, so that a read begun before it does not remove it
  version        bigint not null default 1,
  due_at         bigint not null,
  primary key (tenant_id, integration_id, side, record_id)
);
create index waiting_hints_due on waiting_hints (tenant_id, integration_id, due_at);
`;

export class WaitingHints1764000100000 implements MigrationInterface {
  readonly name = 'WaitingHints1764000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
