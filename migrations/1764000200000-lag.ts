/** Sync lag as a histogram per minute: from a change at its source to the value written on the other side (design §7). */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
create table lag_minutes (
  tenant_id      text not null,
  integration_id text not null,
  -- the side that was written
  side           text not null check (side in ('bevatel', 'external')),
  minute         bigint not null,
  -- logarithmic bucket of milliseconds (store/lag.ts)
  bucket         smallint not null,
  samples        integer not null,
  primary key (tenant_id, integration_id, side, minute, bucket)
);
create index lag_minutes_minute on lag_minutes (minute);
`;

export class Lag1764000200000 implements MigrationInterface {
  readonly name = 'Lag1764000200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
