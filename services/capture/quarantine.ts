/** Keeps a change that cannot travel: its content as JSON, since there are no bytes on a log yet (I8). */
import type { Pool } from 'pg';
import { inTransaction } from '../../runtime/database.ts';
import type { ContactChange } from '../../schemas/change.ts';
import type { SyncError } from '../../schemas/errors.ts';
import { changeKey } from '../../schemas/topics.ts';
import { insertDeadLetters } from '../../store/quarantine.ts';
import type { CaptureMetrics } from './metrics.ts';

export interface QuarantineOptions {
  readonly pool: Pool;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly metrics: CaptureMetrics;
}

export function createQuarantine({ pool, clock, newId, metrics }: QuarantineOptions): (change: ContactChange, topic: string, error: SyncError) => Promise<void> {
  return async (change, topic, error) => {
    const letter = {
      deadLetterId: newId(), tenantId: change.tenantId, integrationId: change.integrationId, side: change.side, recordId: change.recordId, code: error.code,
      detail: error.message, stage: 'capture' as const, topic, partition: -1, offset: '-1', key: Buffer.from(changeKey(change)), bytes: Buffer.from(JSON.stringify(change)), deadAt: clock(),
    };
    await inTransaction(pool, (transaction) => insertDeadLetters(transaction, [letter]));
    metrics.errors.inc({ part: 'publish', code: error.code });
  };
}
