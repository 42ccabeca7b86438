/** What waits for an operator's approval, and what was counted to find it (domain/guards.ts). */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
-- one row per record that did something risky lately; counted per kind and key within the window
create table risk_events (
  tenant_id      text not null,
  integration_id text not null,
  kind           text not null,
  risk_key       text not null,
  link_id        text not null,
  happened_at    bigint not null,
  primary key (tenant_id, integration_id, kind, risk_key, link_id)
);
create index risk_events_happened_at on risk_events (tenant_id, integration_id, happened_at);

create table change_sets (
  tenant_id      text not null,
  integration_id text not null,
  change_set_id  text not null,
  kind           text not null check (kind in ('delete', 'blanking', 'same_value', 'create', 'merge', 'canary')),
  risk_key       text not null,
  state          text not null default 'open' check (state in ('open', 'approved', 'rejected')),
  -- how many records had done the same within the window when it was opened, and the limit that they passed
  counted        integer not null,
  allowed        integer not null,
  opened_at      bigint not null,
  closed_at      bigint,
  closed_by      text,
  -- when the decision had reached every record; null while it is on its way
  settled_at     bigint,
  primary key (tenant_id, integration_id, change_set_id)
);
create unique index change_sets_open on change_sets (tenant_id, integration_id, kind, risk_key) where state = 'open';

create index change_sets_unsettled on change_sets (closed_at) where state <> 'open' and settled_at is null;

create table change_set_items (
  tenant_id      text not null,
  integration_id text not null,
  change_set_id  text not null,
  link_id        text not null,
  -- the group at risk; empty for the record as a whole
  risk_group     text not null,
  -- of what is to be written: an approval is for this and nothing else
  fingerprint    text not null,
  primary key (tenant_id, integration_id, change_set_id, link_id, risk_group)
);
create index change_set_items_link on change_set_items (tenant_id, integration_id, link_id);

alter table integrations
  -- the applied_at of the configuration for which the canary was approved
  add column canary_for bigint;
`;

export class Guards1764000700000 implements MigrationInterface {
  readonly name = 'Guards1764000700000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
