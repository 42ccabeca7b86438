/** Rounds over all links of an integration after its file was applied: who is due, how far a round has come, its end. */
import type { Pool } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import type { IntegrationKey } from './integrations.ts';

export interface Round extends IntegrationKey {
  /** The configuration that the links are decided by. */
  readonly appliedAt: number;
  /** The last link that was decided; null at the beginning. */
  readonly through: string | null;
}

/** Integrations of which not every link was decided by the configuration that is applied now. */
export async function dueRounds(pool: Pool): Promise<readonly Round[]> {
  const { rows } = await pool.query<{ tenant_id: string; integration_id: string; applied_at: string; decided_through: string | null }>(
    'select tenant_id, integration_id, applied_at, decided_through from integrations where decided_for is distinct from applied_at order by tenant_id, integration_id');
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, appliedAt: Number(row.applied_at), through: row.decided_through }));
}

/** In the transaction of the links that were decided. */
export function advanceRound(transaction: Transaction, round: Round, through: string): void {
  transaction.send({
    text: 'update integrations set decided_through = $4 where tenant_id = $1 and integration_id = $2 and applied_at = $3',
    values: [round.tenantId, round.integrationId, round.appliedAt, through],
  });
}

/** All links are decided; unless the file was applied once more meanwhile, which begins another round. */
export async function endRound(pool: Pool, round: Round): Promise<void> {
  await pool.query(
    'update integrations set decided_for = $3, decided_through = null where tenant_id = $1 and integration_id = $2 and applied_at = $3',
    [round.tenantId, round.integrationId, round.appliedAt]);
}
