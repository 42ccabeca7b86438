/** Dead letters as an operator sees and replays them; store/quarantine.ts writes them (I8). */
import type { Pool } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import type { Side } from '../schemas/value.ts';

export const DEAD_LETTER_STATUSES = ['open', 'replayed', 'superseded'] as const;
export type DeadLetterStatus = (typeof DEAD_LETTER_STATUSES)[number];

export interface StoredDeadLetter {
  readonly deadLetterId: string;
  readonly tenantId: string | null;
  readonly integrationId: string | null;
  readonly side: Side | null;
  readonly recordId: string | null;
  readonly code: string;
  readonly detail: string | null;
  readonly stage: 'capture' | 'reconcile' | 'deliver';
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly status: DeadLetterStatus;
  readonly deadAt: number;
  readonly size: number;
}

/** With the original bytes. */
export interface WholeDeadLetter extends StoredDeadLetter {
  readonly key: Buffer | null;
  readonly bytes: Buffer;
}

export interface DeadLetterFilter {
  readonly tenantId: string | null;
  readonly integrationId: string | null;
  readonly status: DeadLetterStatus | null;
  readonly code: string | null;
}

interface Row {
  dead_letter_id: string; tenant_id: string | null; integration_id: string | null; side: Side | null; record_id: string | null;
  code: string; detail: string | null; stage: StoredDeadLetter['stage']; topic: string; partition: number; record_offset: string;
  status: DeadLetterStatus; dead_at: string; size: number;
}
interface WholeRow extends Row {
  record_key: Buffer | null;
  bytes: Buffer;
}

const COLUMNS = 'dead_letter_id, tenant_id, integration_id, side, record_id, code, detail, stage, topic, partition, record_offset, status, dead_at, length(bytes) as size';
const MATCHES = '($1::text is null or tenant_id = $1) and ($2::text is null or integration_id = $2 or integration_id is null) and ($3::text is null or status = $3) and ($4::text is null or code = $4)';

function toLetter(row: Row): StoredDeadLetter {
  return {
    deadLetterId: row.dead_letter_id, tenantId: row.tenant_id, integrationId: row.integration_id, side: row.side, recordId: row.record_id,
    code: row.code, detail: row.detail, stage: row.stage, topic: row.topic, partition: row.partition, offset: String(row.record_offset),
    status: row.status, deadAt: Number(row.dead_at), size: row.size,
  };
}

function parameters(filter: DeadLetterFilter): unknown[] {
  return [filter.tenantId, filter.integrationId, filter.status, filter.code];
}

/** The newest first; `after` is the last id of the page before. */
export async function listDeadLetters(pool: Pool, filter: DeadLetterFilter, page: { readonly limit: number; readonly after: string | null }): Promise<readonly StoredDeadLetter[]> {
  const { rows } = await pool.query<Row>(
    `select ${COLUMNS} from dead_letters
     where ${MATCHES}
       and ($6::text is null or (dead_at, dead_letter_id) < (select a.dead_at, a.dead_letter_id from dead_letters a where a.dead_letter_id = $6))
     order by dead_at desc, dead_letter_id desc limit $5`,
    [...parameters(filter), page.limit, page.after],
  );
  return rows.map(toLetter);
}

export async function countDeadLetters(pool: Pool, filter: DeadLetterFilter): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(`select count(*) as count from dead_letters where ${MATCHES}`, parameters(filter));
  return Number(rows[0]?.count ?? 0);
}

export async function readDeadLetter(pool: Pool, deadLetterId: string): Promise<WholeDeadLetter | null> {
  const { rows } = await pool.query<WholeRow>(`select ${COLUMNS}, record_key, bytes from dead_letters where dead_letter_id = $1`, [deadLetterId]);
  return rows[0] ? { ...toLetter(rows[0]), key: rows[0].record_key, bytes: rows[0].bytes } : null;
}

/** Open letters in the order of their offsets, so that a replay keeps the order of each partition. */
export async function openDeadLetterIds(pool: Pool, filter: Omit<DeadLetterFilter, 'status'>, limit: number): Promise<readonly string[]> {
  const { rows } = await pool.query<{ dead_letter_id: string }>(
    `select dead_letter_id from dead_letters where ${MATCHES} order by topic, partition, record_offset limit $5`,
    [...parameters({ ...filter, status: 'open' }), limit]);
  return rows.map((row) => row.dead_letter_id);
}

export type ReplayOutcome = { readonly kind: 'REPLAYED'; readonly letter: WholeDeadLetter } | { readonly kind: 'NOT_OPEN'; readonly status: DeadLetterStatus } | { readonly kind: 'NOT_FOUND' };

/**
 * Publishes a letter while its row is locked, then marks it. A crash in between publishes it once more, which state
 * makes a no-op (I7); two operators at once replay it once.
 */
export async function replayOnce(transaction: Transaction, deadLetterId: string, publish: (letter: WholeDeadLetter) => Promise<void>): Promise<ReplayOutcome> {
  const { rows } = await transaction.query<WholeRow>({ text: `select ${COLUMNS}, record_key, bytes from dead_letters where dead_letter_id = $1 for update`, values: [deadLetterId] });
  const row = rows[0];
  if (!row) return { kind: 'NOT_FOUND' };
  if (row.status !== 'open') return { kind: 'NOT_OPEN', status: row.status };
  const letter: WholeDeadLetter = { ...toLetter(row), key: row.record_key, bytes: row.bytes };
  await publish(letter);
  transaction.send({ text: "update dead_letters set status = 'replayed' where dead_letter_id = $1", values: [deadLetterId] });
  return { kind: 'REPLAYED', letter };
}
