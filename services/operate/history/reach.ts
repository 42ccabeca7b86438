/** How far back decisions are kept: a question about the time before is refused, not answered from what is left. */
import type { Pool } from 'pg';
import { SyncError } from '../../../schemas/errors.ts';
import { historySince } from '../../../store/history.ts';
import type { IntegrationKey } from '../../../store/integrations.ts';

/** Throws SyncError `beyond_history` that says how far it goes. */
export async function checkReach(pool: Pool, key: IntegrationKey, since: number): Promise<void> {
  const kept = await historySince(pool, key) ?? 0;
  if (since < kept) throw new SyncError('beyond_history', `the decisions of ${key.tenantId}/${key.integrationId} are kept since ${new Date(kept).toISOString()}`);
}
