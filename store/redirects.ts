/** Ids that went on into others by merges (domain/redirects.ts). Bevatel's are the same for every integration of a tenant. */
import type { Pool } from 'pg';
import { redirected, withChange } from '../domain/redirects.ts';
import type { Redirects } from '../domain/redirects.ts';
import type { Transaction } from '../runtime/database.ts';
import type { Side } from '../schemas/value.ts';
import type { IntegrationKey } from './integrations.ts';

/** An id of one side, as one of its integrations knows it. */
export interface OldId extends IntegrationKey {
  readonly side: Side;
  readonly id: string;
}

/** A record went on into another one. */
export interface MergeNews extends OldId {
  readonly into: string;
  /** The one that the merge made of the old record, where it is told. */
  readonly revision?: string | null;
}

interface Row { tenant_id: string; integration_id: string; side: Side; old_id: string; new_id: string; learnt_at: string; revision: string | null }

const NONE: Redirects = new Map();

/** Redirects that were read, with those that are learnt meanwhile. */
export class KnownRedirects {
  readonly #known = new Map<string, Redirects>();
  readonly #learntAt = new Map<string, number>();
  readonly #revisions = new Map<string, string>();
  readonly #changes = new Map<string, { readonly scope: readonly string[]; readonly set: Map<string, string>; readonly removed: Set<string> }>();

  /** Reads all redirects from or to these ids; what was learnt before stays. */
  async read(transaction: Transaction, ids: readonly OldId[]): Promise<void> {
    if (ids.length === 0) return;
    const { rows } = await transaction.query<Row>({ name: 'read-redirects', text: SELECT, values: valuesOf(ids) });
    this.#add(rows);
  }

  static async readFrom(pool: Pool, ids: readonly OldId[]): Promise<KnownRedirects> {
    const redirects = new KnownRedirects();
    const { rows } = ids.length === 0 ? { rows: [] } : await pool.query<Row>({ name: 'read-redirects', text: SELECT, values: valuesOf(ids) });
    redirects.#add(rows);
    return redirects;
  }

  #add(rows: readonly Row[]): void {
    for (const row of rows) {
      const scope = `${row.tenant_id}|${row.integration_id}|${row.side}`;
      if (this.#known.get(scope)?.has(row.old_id)) continue;
      this.#known.set(scope, new Map([...(this.#known.get(scope) ?? []), [row.old_id, row.new_id]]));
      this.#learntAt.set(`${scope}|${row.old_id}`, Number(row.learnt_at));
      if (row.revision !== null) this.#revisions.set(`${scope}|${row.old_id}`, row.revision);
    }
  }

  of(key: Omit<OldId, 'id'>): Redirects {
    return this.#known.get(scopeOf(key).join('|')) ?? NONE;
  }

  /** The record that an id stands for now. */
  resolve(old: OldId): string {
    return this.of(old).get(old.id) ?? old.id;
  }

  /** When it was learnt that the id went into another; null for one that did not. */
  learntAt(old: OldId): number | null {
    return this.of(old).has(old.id) ? this.#learntAt.get(`${scopeOf(old).join('|')}|${old.id}`) ?? Infinity : null;
  }

  /** The revision that the merge made of the old record; null where nobody told. */
  revisionOf(old: OldId): string | null {
    return this.#revisions.get(`${scopeOf(old).join('|')}|${old.id}`) ?? null;
  }

  learn(news: MergeNews): void {
    const scope = scopeOf(news);
    const name = scope.join('|');
    if (news.revision != null) this.#revisions.set(`${name}|${news.id}`, news.revision);
    const known = this.of(news);
    const change = redirected(known, news.id, news.into);
    this.#note(scope, change.set, change.removed);
    this.#known.set(name, withChange(known, change));
  }

  /** The record is there again under its own id. */
  forget(old: OldId): void {
    this.#note(scopeOf(old), [], [old.id]);
    this.#known.set(scopeOf(old).join('|'), withChange(this.of(old), { set: [], removed: [old.id] }));
  }

  #note(scope: readonly string[], set: readonly (readonly [string, string])[], removed: readonly string[]): void {
    const change = this.#changes.get(scope.join('|')) ?? { scope, set: new Map<string, string>(), removed: new Set<string>() };
    for (const id of removed) {
      change.set.delete(id);
      change.removed.add(id);
    }
    for (const [from, to] of set) {
      change.removed.delete(from);
      change.set.set(from, to);
    }
    this.#changes.set(scope.join('|'), change);
  }

  /** Stores what was learnt. */
  save(transaction: Transaction, now: number): void {
    const all = [...this.#changes.values()];
    const removed = all.flatMap(({ scope, removed: ids }) => [...ids].map((id) => [...scope, id]));
    const set = all.flatMap(({ scope, set: pairs }) => [...pairs].map(([from, to]) => [...scope, from, to, this.#revisions.get([...scope, from].join('|')) ?? null]));
    if (removed.length > 0) {
      transaction.send({
        text: `delete from redirects r using unnest($1::text[], $2::text[], $3::text[], $4::text[]) as n(tenant_id, integration_id, side, old_id)
               where r.tenant_id = n.tenant_id and r.integration_id = n.integration_id and r.side = n.side and r.old_id = n.old_id`,
        values: [0, 1, 2, 3].map((column) => removed.map((row) => row[column])),
      });
    }
    if (set.length > 0) {
      transaction.send({
        text: `insert into redirects (tenant_id, integration_id, side, old_id, new_id, revision, learnt_at)
               select n.*, $7 from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) as n
               on conflict (tenant_id, integration_id, side, old_id) do update
                 set new_id = excluded.new_id, learnt_at = excluded.learnt_at, revision = coalesce(excluded.revision, redirects.revision)`,
        values: [...[0, 1, 2, 3, 4, 5].map((column) => set.map((row) => row[column])), now],
      });
    }
  }
}

function scopeOf({ tenantId, integrationId, side }: Omit<OldId, 'id'>): readonly string[] {
  return [tenantId, side === 'bevatel' ? '' : integrationId, side];
}

const SELECT = `
  select r.tenant_id, r.integration_id, r.side, r.old_id, r.new_id, r.learnt_at, r.revision
  from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as n(tenant_id, integration_id, side, id)
  join redirects r on r.tenant_id = n.tenant_id and r.integration_id = n.integration_id and r.side = n.side and (r.old_id = n.id or r.new_id = n.id)`;

function valuesOf(ids: readonly OldId[]): string[][] {
  const rows = ids.map((one) => [...scopeOf(one), one.id]);
  return [0, 1, 2, 3].map((column) => rows.map((row) => row[column] ?? ''));
}

/** All redirects from or to these ids; what is learnt of them is added to what is read. */
export async function readRedirects(transaction: Transaction, ids: readonly OldId[]): Promise<KnownRedirects> {
  const redirects = new KnownRedirects();
  await redirects.read(transaction, ids);
  return redirects;
}
