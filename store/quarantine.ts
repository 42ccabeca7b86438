/** Quarantine: what could not be used, with its original bytes, beside everything else that goes on (I8). */
import type { Pool } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import type { DeadLetter } from '../schemas/decision.ts';
import type { Side } from '../schemas/value.ts';
import { textArray } from './binary-arrays.ts';

export type Quarantined = DeadLetter & { readonly side: Side | null; readonly detail: string | null };

export function insertDeadLetters(transaction: Transaction, letters: readonly Quarantined[]): void {
  for (const one of letters) {
    transaction.send({
      text: `insert into dead_letters (dead_letter_id, tenant_id, integration_id, side, record_id, code, detail, stage, topic, partition, record_offset, record_key, bytes, dead_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing`,
      values: [one.deadLetterId, one.tenantId, one.integrationId, one.side, one.recordId, one.code, one.detail, one.stage, one.topic, one.partition, one.offset, one.key, one.bytes, one.deadAt],
    });
  }
}

/** A newer valid image of a record supersedes its quarantined ones. */
export function supersede(transaction: Transaction, records: readonly { tenantId: string; side: Side; recordId: string }[]): void {
  transaction.send({
    name: 'supersede-dead-letters',
    text: `update dead_letters d set status = 'superseded'
           from unnest($1::text[], $2::text[], $3::text[]) as n(tenant_id, side, record_id)
           where d.status = 'open' and d.tenant_id = n.tenant_id and d.side = n.side and d.record_id = n.record_id`,
    values: [textArray(records.map((one) => one.tenantId)), textArray(records.map((one) => one.side)), textArray(records.map((one) => one.recordId))],
  });
}

/** Record id → code, of those of these records with an open dead letter. */
export async function openDeadLettersOf(pool: Pool, record: { readonly tenantId: string; readonly integrationId: string; readonly side: Side }, recordIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query<{ record_id: string; code: string }>(
    `select record_id, min(code) as code from dead_letters
     where status = 'open' and tenant_id = $1 and side = $3 and record_id = any($4::text[]) and (integration_id is null or integration_id = $2)
     group by record_id`,
    [record.tenantId, record.integrationId, record.side, recordIds],
  );
  return new Map(rows.map((row) => [row.record_id, row.code]));
}

/** Publishes dead letters that are not on their topic yet; another sweep passes them over meanwhile. */
export async function relayDeadLetters(transaction: Transaction, limit: number, publish: (letters: readonly DeadLetter[]) => Promise<void>): Promise<number> {
  const { rows } = await transaction.query<{
    dead_letter_id: string; tenant_id: string | null; integration_id: string | null; record_id: string | null; code: string; stage: DeadLetter['stage'];
    topic: string; partition: number; record_offset: string; record_key: Buffer | null; bytes: Buffer; dead_at: string;
  }>({ text: 'select * from dead_letters where awaits_relay order by dead_at, dead_letter_id limit $1 for update skip locked', values: [limit] });
  if (rows.length === 0) return 0;
  await publish(rows.map((row) => ({
    deadLetterId: row.dead_letter_id, tenantId: row.tenant_id, integrationId: row.integration_id, recordId: row.record_id, code: row.code, stage: row.stage,
    topic: row.topic, partition: row.partition, offset: String(row.record_offset), key: row.record_key, bytes: row.bytes, deadAt: Number(row.dead_at),
  })));
  transaction.send({ text: 'update dead_letters set awaits_relay = false where dead_letter_id = any($1)', values: [rows.map((row) => row.dead_letter_id)] });
  return rows.length;
}
