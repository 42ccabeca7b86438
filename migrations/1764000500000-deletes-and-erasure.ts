/** Tombstones that can be listed, erasures with their receipts, and keyed hashes that keep erased persons out. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
-- when a record of the link was found gone, or parted from it; null of a link whose records are all there
alter table links add column gone_at bigint;
create index links_gone on links (tenant_id, integration_id, gone_at) where gone_at is not null;

create table erasures (
  tenant_id      text not null,
  erasure_id     text not null,
  origin         text not null check (origin in ('operator', 'system')),
  requested_by   text not null,
  requested_at   bigint not null,
  -- the links and ids concerned; nothing personal
  records        jsonb not null,
  -- when the traces in our own stores were removed; null while that is to be done
  cleared_at     bigint,
  lifted_at      bigint,
  lifted_by      text,
  primary key (tenant_id, erasure_id)
);
create index erasures_to_clear on erasures (requested_at) where cleared_at is null;

-- what was done where: one row per store, topic and system
create table erasure_receipts (
  tenant_id      text not null,
  erasure_id     text not null,
  place          text not null,
  integration_id text not null,
  state          text not null check (state in ('done', 'expires', 'asked', 'refused', 'not_asked')),
  items          bigint,
  at             bigint not null,
  -- until when what cannot be removed at once is there
  until_at       bigint,
  detail         text,
  primary key (tenant_id, erasure_id, place, integration_id)
);

-- HMAC-SHA256 of phone numbers and addresses of erased persons (runtime/person-hash.ts)
create table suppressions (
  tenant_id      text not null,
  hash           bytea not null,
  key_id         text not null,
  erasure_id     text not null,
  primary key (tenant_id, hash, erasure_id)
);
create index suppressions_erasure on suppressions (tenant_id, erasure_id);

alter table dead_letters drop constraint dead_letters_status_check;
alter table dead_letters add constraint dead_letters_status_check check (status in ('open', 'replayed', 'superseded', 'erased'));
`;

export class DeletesAndErasure1764000500000 implements MigrationInterface {
  readonly name = 'DeletesAndErasure1764000500000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
