/** What the service recorded about its decisions, counted in its own table of them: conflicts with their rules, and echoes. */
import type { Pool } from 'pg';

export interface ConflictCount {
  readonly group: string;
  readonly type: string;
  /** `conflict_resolved` or `conflict_held`. */
  readonly verdict: string;
  readonly rule: string;
  readonly count: number;
  /** One of them, masked: a word on each side. */
  readonly example: readonly [bevatel: string, hubspot: string];
  /** The side that is written in the example; null when it is held. */
  readonly writeTo: string | null;
}

interface Row {
  group: string; type: string; verdict: string; rule: string; count: string;
  example: { readonly bevatel?: readonly unknown[]; readonly external?: readonly unknown[]; readonly writeTo?: string };
}

/** Each conflict once, by its last word, the commonest first. */
export async function countConflicts(pool: Pool): Promise<readonly ConflictCount[]> {
  const { rows } = await pool.query<Row>(
    `with told as (
       select distinct on (d.link_id, g->>'group', g->'bevatel', g->'external') g as one
       from decisions d cross join lateral jsonb_array_elements(d.groups::jsonb) as g
       where g->>'verdict' in ('conflict_resolved', 'conflict_held')
       order by d.link_id, g->>'group', g->'bevatel', g->'external', d.decided_at desc)
     select one->>'group' as group, coalesce(one->>'conflict', '') as type, one->>'verdict' as verdict, one->>'rule' as rule, count(*) as count, (array_agg(one))[1] as example
     from told group by 1, 2, 3, 4, one->>'writeTo' order by count(*) desc, 1, 4`);
  return rows.map(({ example, count, ...row }) => ({
    ...row, count: Number(count), writeTo: example.writeTo ?? null,
    example: [masked(example.bevatel), masked(example.external)],
  }));
}

/** Changes that came back from our own writes and were told from edits by their values. */
export async function countEchoes(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: string }>("select count(*) as count from decisions where verdict = 'echo'");
  return Number(rows[0]?.count ?? 0);
}

/** The first letter of each word stays: enough to recognise an example, too little to read a person. */
export function masked(values: readonly unknown[] | undefined): string {
  const text = (values ?? []).map((value) => (value === null ? '∅' : String(value))).join(' ');
  return text.replace(/(\p{L}|\p{N})[\p{L}\p{M}\p{N}]+/gu, '$1•••');
}
