/**
 * The first tables. Every key starts with the tenant (design §9); times are epoch milliseconds that come in as
 * parameters (I12); partial unique indexes enforce one link per record (I4).
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
create table integrations (
  tenant_id      text not null,
  integration_id text not null,
  config         jsonb not null,
  paused         boolean not null default false,
  -- when the first listing of both sides stands in links, so that missing partners may be created (design §5)
  matched_at     bigint,
  applied_at     bigint not null,
  last_success_at bigint,
  last_error     jsonb,
  primary key (tenant_id, integration_id)
);

create table links (
  tenant_id      text not null,
  integration_id text not null,
  link_id        text not null,
  bevatel_id     text,
  external_id    text,
  state          json not null,
  due_at         bigint,
  due_kind       text check (due_kind in ('write', 'create')),
  lane           smallint not null default 2 check (lane between 0 and 2),
  lease_id       text,
  lease_until    bigint,
  held           smallint not null default 0,
  erased         boolean not null default false,
  version        bigint not null default 1,
  updated_at     bigint not null,
  primary key (tenant_id, integration_id, link_id),
  check (bevatel_id is not null or external_id is not null)
) with (fillfactor = 70, toast_tuple_target = 8160);
create unique index links_bevatel_id  on links (tenant_id, bevatel_id, integration_id)  where bevatel_id is not null;
create unique index links_external_id on links (tenant_id, integration_id, external_id) where external_id is not null;
create index links_due  on links (tenant_id, integration_id, lane, due_at) where due_at is not null;
create index links_held on links (tenant_id, integration_id) where held > 0;

-- normalised match keys of links with one side only
create table match_keys (
  tenant_id      text not null,
  integration_id text not null,
  match_key      text not null,
  side           text not null check (side in ('bevatel', 'external')),
  link_id        text not null,
  primary key (tenant_id, integration_id, match_key, side, link_id)
);
create index match_keys_link on match_keys (tenant_id, integration_id, link_id);

-- the consumers' positions; moved by compare-and-set in the transaction of the effects (I7)
create table positions (
  consumer_group text not null,
  topic          text not null,
  partition      integer not null,
  next_offset    bigint not null,
  -- decisions of offsets below this one are on the topic of decisions
  relayed_offset bigint not null,
  relayed_at     bigint not null,
  primary key (consumer_group, topic, partition)
) with (fillfactor = 50);

create table decisions (
  tenant_id      text not null,
  integration_id text not null,
  link_id        text not null,
  decided_at     bigint not null,
  decision_id    text not null,
  bevatel_id     text,
  external_id    text,
  cause          text not null,
  cause_id       text not null,
  side           text,
  verdict        text not null,
  groups         json not null,
  -- topic-partition and offset of the change behind it; null for decisions that the sweep relays
  source         text,
  source_offset  bigint,
  awaits_relay   boolean not null default false
);
-- no unique key: a decision is written with the position that it moves, so never twice (I7), and it is the busiest table
create index decisions_of_link on decisions (tenant_id, link_id, decided_at);
create index decisions_decided_at on decisions using brin (decided_at) with (pages_per_range = 16);
create index decisions_awaits_relay on decisions (decided_at) where awaits_relay;

create table dead_letters (
  dead_letter_id text primary key,
  tenant_id      text,
  integration_id text,
  side           text,
  record_id      text,
  code           text not null,
  detail         text,
  stage          text not null check (stage in ('capture', 'reconcile', 'deliver')),
  topic          text not null,
  partition      integer not null,
  record_offset  bigint not null,
  record_key     bytea,
  bytes          bytea not null,
  status         text not null default 'open' check (status in ('open', 'replayed', 'superseded')),
  dead_at        bigint not null,
  awaits_relay   boolean not null default true,
  unique (topic, partition, record_offset, code, dead_letter_id)
);
create index dead_letters_open on dead_letters (tenant_id, side, record_id) where status = 'open';
create index dead_letters_awaits_relay on dead_letters (dead_at) where awaits_relay;

-- first listings: whole when the marks of all partitions of all its pages' topic were folded
create table listings (
  tenant_id      text not null,
  integration_id text not null,
  side           text not null check (side in ('bevatel', 'external')),
  listing_id     text not null,
  cursor         text,
  records        integer not null default 0,
  total          integer,
  started_at     bigint not null,
  listed_at      bigint,
  marks          integer[] not null default '{}',
  stored_at      bigint,
  primary key (tenant_id, integration_id, side)
);

create table watermarks (
  tenant_id      text not null,
  integration_id text not null,
  side           text not null,
  position       jsonb not null,
  polled_at      bigint not null,
  primary key (tenant_id, integration_id, side)
);

create table audit (
  tenant_id      text not null,
  audit_id       text not null,
  actor          text not null,
  action         text not null,
  target         text not null,
  done_at        bigint not null,
  primary key (tenant_id, audit_id)
);
`;

export class Links1764000000000 implements MigrationInterface {
  readonly name = 'Links1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
