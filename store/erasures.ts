/**
 * Erasures: who asked, which links it concerned, the receipts of every store and system, and the keyed hashes that keep the
 * person out (design §5; GDPR Art. 17, PDPL). Ids, counts and times only; nothing personal (I11).
 */
import type { Pool } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import type { PersonHash } from '../runtime/person-hash.ts';
import { SyncError } from '../schemas/errors.ts';
import type { ErasurePlace, ReceiptState } from '../schemas/erasure.ts';
import type { LinkKey } from './links.ts';

/** A link as it was when its person was erased. */
export interface ErasedRecord {
  readonly integrationId: string;
  readonly linkId: string;
  readonly bevatelId: string | null;
  readonly externalId: string | null;
}

export interface Receipt {
  readonly place: ErasurePlace;
  /** Empty where the place belongs to all integrations. */
  readonly integrationId: string;
  readonly state: ReceiptState;
  readonly items: number | null;
  readonly at: number;
  readonly untilAt: number | null;
  /** A code or a reason; never a value. */
  readonly detail: string | null;
}

export interface ErasureHead {
  readonly tenantId: string;
  readonly erasureId: string;
  readonly origin: 'operator' | 'system';
  readonly requestedBy: string;
  readonly requestedAt: number;
  readonly records: readonly ErasedRecord[];
}

export interface NewErasure extends ErasureHead {
  readonly hashes: readonly PersonHash[];
  readonly receipts: readonly Receipt[];
}

/** Written in the transaction that erases the links; the traces elsewhere are cleared after it (`takeToClear`). */
export function insertErasures(transaction: Transaction, erasures: readonly NewErasure[]): void {
  for (const one of erasures) {
    transaction.send({
      text: 'insert into erasures (tenant_id, erasure_id, origin, requested_by, requested_at, records) values ($1, $2, $3, $4, $5, $6)',
      values: [one.tenantId, one.erasureId, one.origin, one.requestedBy, one.requestedAt, JSON.stringify(one.records)],
    });
    insertSuppressions(transaction, one, one.hashes);
    writeReceipts(transaction, one, one.receipts);
  }
}

function insertSuppressions(transaction: Transaction, { tenantId, erasureId }: Pick<ErasureHead, 'tenantId' | 'erasureId'>, hashes: readonly PersonHash[]): void {
  if (hashes.length === 0) return;
  transaction.send({
    text: `insert into suppressions (tenant_id, hash, key_id, erasure_id)
           select $1, n.hash, n.key_id, $2 from unnest($3::bytea[], $4::text[]) as n(hash, key_id) on conflict do nothing`,
    values: [tenantId, erasureId, hashes.map(({ hash }) => hash), hashes.map(({ keyId }) => keyId)],
  });
}

/** A later receipt of the same place replaces the earlier one. */
export function writeReceipts(transaction: Transaction, { tenantId, erasureId }: Pick<ErasureHead, 'tenantId' | 'erasureId'>, receipts: readonly Receipt[]): void {
  if (receipts.length === 0) return;
  const of = <T>(column: (receipt: Receipt) => T): T[] => receipts.map(column);
  transaction.send({
    text: `insert into erasure_receipts (tenant_id, erasure_id, place, integration_id, state, items, at, until_at, detail)
           select $1, $2, n.* from unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[]) as n
           on conflict (tenant_id, erasure_id, place, integration_id) do update
             set state = excluded.state, items = excluded.items, at = excluded.at, until_at = excluded.until_at, detail = excluded.detail`,
    values: [
      tenantId, erasureId, of((one) => one.place), of((one) => one.integrationId), of((one) => one.state), of((one) => one.items),
      of((one) => one.at), of((one) => one.untilAt), of((one) => one.detail),
    ],
  });
}

interface Row {
  tenant_id: string; erasure_id: string; origin: ErasureHead['origin']; requested_by: string; requested_at: string; records: readonly ErasedRecord[];
  cleared_at: string | null; lifted_at: string | null; lifted_by: string | null;
}
interface ReceiptRow {
  erasure_id: string; place: ErasurePlace; integration_id: string; state: ReceiptState; items: string | null; at: string; until_at: string | null; detail: string | null;
}

export interface StoredErasure extends ErasureHead {
  readonly clearedAt: number | null;
  readonly liftedAt: number | null;
  readonly liftedBy: string | null;
  /** By place, then integration. */
  readonly receipts: readonly Receipt[];
}

function toHead(row: Row): ErasureHead {
  return { tenantId: row.tenant_id, erasureId: row.erasure_id, origin: row.origin, requestedBy: row.requested_by, requestedAt: Number(row.requested_at), records: row.records };
}

function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}

/** Takes erasures whose traces are to be cleared, the oldest first; another sweep passes them over meanwhile. */
export async function takeToClear(transaction: Transaction, limit: number): Promise<readonly ErasureHead[]> {
  const { rows } = await transaction.query<Row>({
    text: 'select * from erasures where cleared_at is null order by requested_at, tenant_id, erasure_id limit $1 for update skip locked', values: [limit],
  });
  return rows.map(toHead);
}

export function markCleared(transaction: Transaction, { tenantId, erasureId }: ErasureHead, at: number): void {
  transaction.send({ text: 'update erasures set cleared_at = $3 where tenant_id = $1 and erasure_id = $2', values: [tenantId, erasureId, at] });
}

export interface ErasureFilter {
  readonly tenantId: string | null;
  readonly erasureId: string | null;
}

/** The newest first; `before` is the time of the last one of the page before. */
export async function listErasures(pool: Pool, filter: ErasureFilter, page: { readonly limit: number; readonly before: number | null }): Promise<readonly StoredErasure[]> {
  const { rows } = await pool.query<Row>(
    `select * from erasures where ($1::text is null or tenant_id = $1) and ($2::text is null or erasure_id = $2) and ($3::bigint is null or requested_at < $3)
     order by requested_at desc, tenant_id, erasure_id limit $4`, [filter.tenantId, filter.erasureId, page.before, page.limit]);
  const { rows: receipts } = await pool.query<ReceiptRow>(
    `select r.* from erasure_receipts r join unnest($1::text[], $2::text[]) as n(tenant_id, erasure_id) using (tenant_id, erasure_id)
     order by r.place, r.integration_id`, [rows.map((row) => row.tenant_id), rows.map((row) => row.erasure_id)]);
  return rows.map((row) => ({
    ...toHead(row), clearedAt: numberOrNull(row.cleared_at), liftedAt: numberOrNull(row.lifted_at), liftedBy: row.lifted_by,
    receipts: receipts.filter((one) => one.erasure_id === row.erasure_id).map((one) => ({
      place: one.place, integrationId: one.integration_id, state: one.state, items: numberOrNull(one.items), at: Number(one.at), untilAt: numberOrNull(one.until_at), detail: one.detail,
    })),
  }));
}

export type LiftOutcome =
  | { readonly kind: 'LIFTED'; readonly hashes: number; readonly links: readonly (LinkKey & ErasedRecord)[] }
  | { readonly kind: 'NOT_FOUND' } | { readonly kind: 'LIFTED_BEFORE' } | { readonly kind: 'UNDER_WAY' };

/**
 * Lets the person in again: the hashes go, and so do the links that keep their records out. What was erased does not come
 * back by this. Refused while traces are being cleared or a system has not answered.
 */
export async function liftErasure(transaction: Transaction, tenantId: string, erasureId: string, by: string, now: number): Promise<LiftOutcome> {
  const { rows } = await transaction.query<Row & { is_asked: boolean }>({
    text: `select e.*, exists (select from erasure_receipts r where r.tenant_id = e.tenant_id and r.erasure_id = e.erasure_id and r.state = 'asked') as is_asked
           from erasures e where e.tenant_id = $1 and e.erasure_id = $2 for update`, values: [tenantId, erasureId],
  });
  const [row] = rows;
  if (!row) return { kind: 'NOT_FOUND' };
  if (row.lifted_at !== null) return { kind: 'LIFTED_BEFORE' };
  if (row.cleared_at === null || row.is_asked) return { kind: 'UNDER_WAY' };
  const hashes = await transaction.query<{ hash: Buffer }>({ text: 'delete from suppressions where tenant_id = $1 and erasure_id = $2 returning hash', values: [tenantId, erasureId] });
  const links = await transaction.query<{ tenant_id: string; integration_id: string; link_id: string; bevatel_id: string | null; external_id: string | null }>({
    text: `delete from links l where l.tenant_id = $1 and l.erased and l.state ->> 'erasure' = $2
           returning l.tenant_id, l.integration_id, l.link_id, l.bevatel_id, l.external_id`, values: [tenantId, erasureId],
  });
  transaction.send({ text: 'update erasures set lifted_at = $3, lifted_by = $4 where tenant_id = $1 and erasure_id = $2', values: [tenantId, erasureId, now, by] });
  return {
    kind: 'LIFTED', hashes: hashes.rows.length,
    links: links.rows.map((one) => ({ tenantId: one.tenant_id, integrationId: one.integration_id, linkId: one.link_id, bevatelId: one.bevatel_id, externalId: one.external_id })),
  };
}

export interface PersonHashOf extends PersonHash {
  readonly tenantId: string;
}

/**
 * Of these hashes, those of erased persons: hash (hex) → erasure. A hash that was made under a key that is not known here
 * could be anybody's: SyncError `configuration_missing`, and nothing is imported until the key is set.
 */
export async function findSuppressed(transaction: Transaction, tenantIds: readonly string[], hashes: readonly PersonHashOf[], keyIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { rows } = await transaction.query<{ tenant_id: string; hash: Buffer; erasure_id: string | null; key_id: string }>({
    name: 'find-suppressed',
    text: `select s.tenant_id, s.hash, s.erasure_id, s.key_id from suppressions s join unnest($1::text[], $2::bytea[]) as n(tenant_id, hash) using (tenant_id, hash)
           union all
           (select s.tenant_id, s.hash, null, s.key_id from suppressions s where s.tenant_id = any($4) and not s.key_id = any($3) limit 1)`,
    values: [hashes.map(({ tenantId }) => tenantId), hashes.map(({ hash }) => hash), keyIds, tenantIds],
  });
  const unknown = rows.find(({ erasure_id: erasure }) => erasure === null);
  if (unknown) throw missingKey(unknown.key_id);
  return new Map(rows.map((row) => [suppressedName(row.tenant_id, row.hash), row.erasure_id ?? '']));
}

export function suppressedName(tenantId: string, hash: Buffer): string {
  return `${tenantId}|${hash.toString('hex')}`;
}

/** Throws SyncError `configuration_missing` when hashes are stored whose key is not set. */
export async function checkHashKeys(pool: Pool, keyIds: readonly string[]): Promise<void> {
  const { rows } = await pool.query<{ key_id: string }>('select key_id from suppressions where not key_id = any($1) order by key_id limit 1', [keyIds]);
  if (rows[0]) throw missingKey(rows[0].key_id);
}

function missingKey(keyId: string): SyncError {
  return new SyncError('configuration_missing', `ERASURE_HASH_KEYS lacks the key ${keyId}, by which erased persons are kept out`);
}
