/**
 * Who is whom: match keys of pairs as well, records of which that is still to be found out, and ids that went on into
 * others by merges.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
-- links whose one record is to be matched, or matched anew: taken up in groups (services/reconcile/match-round.ts)
create table match_queue (
  tenant_id      text not null,
  integration_id text not null,
  link_id        text not null,
  -- not before: something about it is under way
  due_at         bigint not null,
  primary key (tenant_id, integration_id, link_id)
);

-- a record's id that went on into another one; always the last one, so that one look is enough
create table redirects (
  tenant_id      text not null,
  -- empty on side bevatel, whose records are the same for every integration
  integration_id text not null,
  side           text not null check (side in ('bevatel', 'external')),
  old_id         text not null,
  new_id         text not null,
  -- our clock when it was learnt: a read that began later and finds the old id again is newer
  learnt_at      bigint not null,
  -- the revision that the merge made of the old record, where the system told: a later one shows it there again
  revision       text,
  primary key (tenant_id, integration_id, side, old_id)
);
create index redirects_new_id on redirects (tenant_id, integration_id, side, new_id);

-- every link is looked at once more, which stores the keys of pairs (services/reconcile/decide-anew.ts); a table that has
-- no such column yet gets it with nothing in it, which asks for the same
do $$ begin
  if exists (select from information_schema.columns where table_schema = current_schema() and table_name = 'integrations' and column_name = 'decided_for') then
    update integrations set decided_for = null, decided_through = null;
  end if;
end $$;
`;

export class Identity1764000600000 implements MigrationInterface {
  readonly name = 'Identity1764000600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
