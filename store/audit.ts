/** The audit: every action of an operator, written in the transaction of its effect (design §7). */
import type { Pool, QueryConfig } from 'pg';

export interface AuditEntry {
  readonly tenantId: string;
  readonly auditId: string;
  /** Who, as the operator's tool says; never a credential. */
  readonly actor: string;
  /** `conflict.resolve`, `dead-letter.replay`, `integration.pause`, … */
  readonly action: string;
  /** Ids and codes only (I11). */
  readonly target: string;
  readonly doneAt: number;
}

export async function insertAudit(database: { query(statement: QueryConfig): Promise<unknown> }, entry: AuditEntry): Promise<void> {
  await database.query({
    text: 'insert into audit (tenant_id, audit_id, actor, action, target, done_at) values ($1, $2, $3, $4, $5, $6)',
    values: [entry.tenantId, entry.auditId, entry.actor, entry.action, entry.target, entry.doneAt],
  });
}

/** The newest first. */
export async function listAudit(pool: Pool, tenantId: string, limit: number): Promise<readonly AuditEntry[]> {
  const { rows } = await pool.query<{ tenant_id: string; audit_id: string; actor: string; action: string; target: string; done_at: string }>(
    'select * from audit where tenant_id = $1 order by done_at desc, audit_id desc limit $2', [tenantId, limit]);
  return rows.map((row) => ({ tenantId: row.tenant_id, auditId: row.audit_id, actor: row.actor, action: row.action, target: row.target, doneAt: Number(row.done_at) }));
}
