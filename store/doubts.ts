/**
 * Doubts of a run: what was neither proven equal nor explained for good, as it was found last. A run's memory holds one
 * page of them, and its certificate's repair begins with them.
 */
import type { Pool } from 'pg';
import type { Remedy } from '../domain/drift.ts';
import type { Examined } from '../domain/tally.ts';
import type { Finding } from '../domain/verify.ts';
import type { Transaction } from '../runtime/database.ts';
import type { Drift } from '../schemas/drift.ts';
import type { Side } from '../schemas/value.ts';
import type { RunKey } from './verifications.ts';

export interface Doubt extends Examined {
  /** Set once it was there when it was looked at again. */
  readonly drift: Drift | null;
  readonly asked: Remedy | null;
  /** Why nothing was asked for. */
  readonly deferred: string | null;
}

type Place = readonly [subject: string, id: string];

interface Row {
  subject: Examined['subject']; subject_id: string; bevatel_id: string | null; external_id: string | null; findings: readonly Finding[];
  drift: Drift | null; asked: Remedy | null; deferred: string | null;
}

const COLUMNS = 'subject, subject_id, bevatel_id, external_id, findings, drift, asked, deferred';
const OF_RUN = 'tenant_id = $1 and integration_id = $2 and run_id = $3';

function keyValues({ tenantId, integrationId, runId }: RunKey): string[] {
  return [tenantId, integrationId, runId];
}

function toDoubt(row: Row): Doubt {
  return { subject: row.subject, id: row.subject_id, bevatelId: row.bevatel_id, externalId: row.external_id, findings: row.findings, drift: row.drift, asked: row.asked, deferred: row.deferred };
}

/** Inserts doubts, or puts them as they are now in place of what stands there. */
export function saveDoubts(transaction: Transaction, key: RunKey, doubts: readonly Doubt[]): void {
  if (doubts.length === 0) return;
  transaction.send({
    name: 'save-doubts',
    text: `insert into verification_doubts (tenant_id, integration_id, run_id, ${COLUMNS})
           select $1, $2, $3, n.* from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::text[], $10::text[], $11::text[]) as n
           on conflict (tenant_id, integration_id, run_id, subject, subject_id) do update set
             bevatel_id = excluded.bevatel_id, external_id = excluded.external_id, findings = excluded.findings,
             drift = excluded.drift, asked = excluded.asked, deferred = excluded.deferred`,
    values: [
      ...keyValues(key), doubts.map((one) => one.subject), doubts.map((one) => one.id), doubts.map((one) => one.bevatelId), doubts.map((one) => one.externalId),
      doubts.map((one) => JSON.stringify(one.findings)), doubts.map((one) => one.drift), doubts.map((one) => one.asked), doubts.map((one) => one.deferred),
    ],
  });
}

export function deleteDoubts(transaction: Transaction, key: RunKey, doubts: readonly Pick<Doubt, 'subject' | 'id'>[]): void {
  if (doubts.length === 0) return;
  transaction.send({
    text: `delete from verification_doubts d using unnest($4::text[], $5::text[]) as n(subject, subject_id)
           where d.tenant_id = $1 and d.integration_id = $2 and d.run_id = $3 and d.subject = n.subject and d.subject_id = n.subject_id`,
    values: [...keyValues(key), doubts.map((one) => one.subject), doubts.map((one) => one.id)],
  });
}

/** What was looked at to the end of its time is not looked at again. */
export function closeDoubts(transaction: Transaction, key: RunKey): void {
  transaction.send({ text: `update verification_doubts set closed = true where ${OF_RUN} and not closed`, values: keyValues(key) });
}

/** One page by subject and id; without those that are closed when `openOnly`. */
export async function pageDoubts(pool: Pool, key: RunKey, after: Place | null, page: { readonly limit: number; readonly openOnly: boolean }): Promise<readonly Doubt[]> {
  const { rows } = await pool.query<Row>(
    `select ${COLUMNS} from verification_doubts where ${OF_RUN} and ($4::text is null or (subject, subject_id) > ($4, $5)) and not (closed and $6)
     order by subject, subject_id limit $7`,
    [...keyValues(key), after?.[0] ?? null, after?.[1] ?? null, page.openOnly, page.limit]);
  return rows.map(toDoubt);
}

/** Whether the run is in doubt about anything that it will look at again. */
export async function hasOpenDoubts(pool: Pool, key: RunKey): Promise<boolean> {
  const { rowCount } = await pool.query(`select from verification_doubts where ${OF_RUN} and not closed limit 1`, keyValues(key));
  return (rowCount ?? 0) > 0;
}

/** Sides on which the run found records that no link knows, and that are still without one. */
export async function sidesWithStrays(pool: Pool, key: RunKey): Promise<ReadonlySet<Side>> {
  const { rows } = await pool.query<{ subject: Side }>(
    `select s.subject from (values ('bevatel'), ('external')) as s(subject)
     where exists (select from verification_doubts d where ${OF_RUN} and d.subject = s.subject)`, keyValues(key));
  return new Set(rows.map((row) => row.subject));
}

/** Why nothing was asked for, and how often. */
export async function countDeferred(pool: Pool, key: RunKey): Promise<Readonly<Record<string, number>>> {
  const { rows } = await pool.query<{ deferred: string; count: string }>(
    `select deferred, count(*) from verification_doubts where ${OF_RUN} and deferred is not null group by deferred order by deferred`, keyValues(key));
  return Object.fromEntries(rows.map((row) => [row.deferred, Number(row.count)]));
}
