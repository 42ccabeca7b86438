/**
 * Integrations as rows: what was applied, whether it is paused, and how it fares. The files are validated before they
 * come here; they are parsed again on the way out, so that a row of another version is told from a good one.
 */
import type { Pool, QueryConfig } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import { SyncError } from '../schemas/errors.ts';
import type { ErrorCode } from '../schemas/errors.ts';
import { zIntegration } from '../schemas/integration.ts';
import type { Integration } from '../schemas/integration.ts';

export interface IntegrationKey {
  readonly tenantId: string;
  readonly integrationId: string;
}

export interface LastError {
  readonly code: ErrorCode;
  /** Of our own making, without secrets or personal data (I11). */
  readonly message: string;
  readonly at: number;
}

export interface StoredIntegration extends IntegrationKey {
  readonly config: Integration;
  readonly paused: boolean;
  /** When the first listings of both sides stood in links; null before. */
  readonly matchedAt: number | null;
  readonly appliedAt: number;
  readonly lastSuccessAt: number | null;
  readonly lastError: LastError | null;
}

interface Row {
  tenant_id: string; integration_id: string; config: unknown; paused: boolean; matched_at: string | null;
  applied_at: string; last_success_at: string | null; last_error: LastError | null;
}

const COLUMNS = 'tenant_id, integration_id, config, paused, matched_at, applied_at, last_success_at, last_error';

function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}

/** The stored configuration, with defaults for what it did not know when it was stored. Throws SyncError `configuration_invalid`. */
export function parseStoredConfig(row: Pick<Row, 'tenant_id' | 'integration_id' | 'config'>): Integration {
  const parsed = zIntegration.safeParse(row.config);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new SyncError('configuration_invalid', `the stored integration ${row.tenant_id}/${row.integration_id} does not fit this version; apply its file again`, { faults });
}

function toStored(row: Row): StoredIntegration {
  return {
    tenantId: row.tenant_id, integrationId: row.integration_id, config: parseStoredConfig(row), paused: row.paused, matchedAt: numberOrNull(row.matched_at),
    appliedAt: Number(row.applied_at), lastSuccessAt: numberOrNull(row.last_success_at), lastError: row.last_error,
  };
}

/** All integrations, by tenant and id. One that does not fit this version throws SyncError `configuration_invalid`. */
export async function listIntegrations(pool: Pool): Promise<readonly StoredIntegration[]> {
  const { rows } = await pool.query<Row>({ name: 'list-integrations', text: `select ${COLUMNS} from integrations order by tenant_id, integration_id` });
  return rows.map(toStored);
}

export async function readIntegration(pool: Pool, key: IntegrationKey): Promise<StoredIntegration | null> {
  const { rows } = await pool.query<Row>(`select ${COLUMNS} from integrations where tenant_id = $1 and integration_id = $2`, [key.tenantId, key.integrationId]);
  return rows[0] ? toStored(rows[0]) : null;
}

export type UpsertOutcome = 'ADDED' | 'CHANGED' | 'UNCHANGED';

/** Applies an integration. A second application of the same file changes nothing, `applied_at` included. */
export async function upsertIntegration(pool: Pool, integration: Integration, appliedAt: number): Promise<UpsertOutcome> {
  const { rows } = await pool.query<{ added: boolean }>(
    `insert into integrations as i (tenant_id, integration_id, config, applied_at, decided_for) values ($1, $2, $3, $4, $4)
     on conflict (tenant_id, integration_id) do update set config = excluded.config, applied_at = excluded.applied_at, decided_through = null
       where i.config is distinct from excluded.config
     returning (xmax = 0) as added`,
    [integration.tenant, integration.integration, JSON.stringify(integration), appliedAt],
  );
  const row = rows[0];
  if (!row) return 'UNCHANGED';
  return row.added ? 'ADDED' : 'CHANGED';
}

/** False when there is no such integration. */
export async function setPaused(database: { query(statement: QueryConfig): Promise<{ readonly rowCount: number | null }> }, key: IntegrationKey, paused: boolean): Promise<boolean> {
  const { rowCount } = await database.query({ text: 'update integrations set paused = $3 where tenant_id = $1 and integration_id = $2', values: [key.tenantId, key.integrationId, paused] });
  return rowCount === 1;
}

/** Pauses an integration because of what was found, in the transaction that found it. */
export function haltIntegration(transaction: Transaction, key: IntegrationKey, error: LastError): void {
  transaction.send({ text: 'update integrations set paused = true, last_error = $3 where tenant_id = $1 and integration_id = $2', values: [key.tenantId, key.integrationId, JSON.stringify(error)] });
}

/** Opens the creation of missing partners; a no-op when it is open. */
export async function markMatched(pool: Pool, key: IntegrationKey, at: number): Promise<void> {
  await pool.query('update integrations set matched_at = $3 where tenant_id = $1 and integration_id = $2 and matched_at is null', [key.tenantId, key.integrationId, at]);
}

/** The newest success; an error before it stands for the operator to read until the next one. */
export async function recordSuccess(pool: Pool, key: IntegrationKey, at: number): Promise<void> {
  await pool.query(
    'update integrations set last_success_at = greatest(last_success_at, $3) where tenant_id = $1 and integration_id = $2',
    [key.tenantId, key.integrationId, at],
  );
}

export async function recordError(pool: Pool, key: IntegrationKey, error: LastError): Promise<void> {
  await pool.query('update integrations set last_error = $3 where tenant_id = $1 and integration_id = $2', [key.tenantId, key.integrationId, JSON.stringify(error)]);
}
