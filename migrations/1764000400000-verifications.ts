/**
 * Verifications: runs that compare both sides and go on where they were, what they are in doubt about, and the
 * certificates that they end with. Reads that are asked for by the thousand wait behind those that people wait for.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
create table verifications (
  tenant_id      text not null,
  integration_id text not null,
  run_id         text not null,
  kind           text not null check (kind in ('verify', 'repair', 'sweep')),
  -- what was ordered, and by whom
  run_order      jsonb not null,
  -- of the mapping and the rules that are compared by; a run does not outlive them
  fingerprint    text not null,
  state          text not null default 'running' check (state in ('running', 'done', 'failed', 'cancelled')),
  phase          text not null check (phase in ('bevatel', 'external', 'links', 'end')),
  cursor         text,
  -- while doubts are looked at again: until when, and how far
  settling       jsonb,
  tally          jsonb not null,
  -- how many links there were at the start
  total          bigint not null,
  -- moved by compare-and-set with what a step found
  step           bigint not null default 0,
  -- what the next step waits for: its budget, and the trouble of a system
  next_at        bigint not null,
  waiting        jsonb,
  started_at     bigint not null,
  updated_at     bigint not null,
  finished_at    bigint,
  error          jsonb,
  primary key (tenant_id, integration_id, run_id)
) with (fillfactor = 50);
create index verifications_run_id on verifications (run_id);
create index verifications_running on verifications (started_at) where state = 'running';
create unique index verifications_sweep on verifications (tenant_id, integration_id) where state = 'running' and kind = 'sweep';

-- links, and records without one, that were not proven equal or explained for good when they were last looked at
create table verification_doubts (
  tenant_id      text not null,
  integration_id text not null,
  run_id         text not null,
  subject        text not null check (subject in ('bevatel', 'external', 'link')),
  subject_id     text not null,
  bevatel_id     text,
  external_id    text,
  findings       jsonb not null,
  -- drift that was there when it was looked at again, and what was asked for to mend it
  drift          text,
  asked          text,
  deferred       text,
  -- not looked at again in this run
  closed         boolean not null default false,
  primary key (tenant_id, integration_id, run_id, subject, subject_id)
);

create table certificates (
  tenant_id      text not null,
  integration_id text not null,
  certificate_id text not null,
  kind           text not null,
  finished_at    bigint not null,
  body           jsonb not null,
  primary key (tenant_id, integration_id, certificate_id)
);
create index certificates_id on certificates (certificate_id);
create index certificates_finished on certificates (tenant_id, integration_id, kind, finished_at);

alter table waiting_hints add column lane smallint not null default 0 check (lane between 0 and 2);
drop index waiting_hints_due;
create index waiting_hints_due on waiting_hints (tenant_id, integration_id, lane, due_at);
`;

export class Verifications1764000400000 implements MigrationInterface {
  readonly name = 'Verifications1764000400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
