/** Watermarks: where the poll of one side of an integration goes on. Stored only after what it covers has landed. */
import type { Pool } from 'pg';
import type { Side } from '../schemas/value.ts';
import type { IntegrationKey } from './integrations.ts';

export interface WatermarkKey extends IntegrationKey {
  readonly side: Side;
}

/** The connector's own position; opaque here. */
export type StoredPosition = Readonly<Record<string, string | number | null>>;

export interface Watermark {
  readonly position: StoredPosition;
  readonly polledAt: number;
}

export async function readWatermark(pool: Pool, key: WatermarkKey): Promise<Watermark | null> {
  const { rows } = await pool.query<{ position: StoredPosition; polled_at: string }>(
    'select position, polled_at from watermarks where tenant_id = $1 and integration_id = $2 and side = $3',
    [key.tenantId, key.integrationId, key.side],
  );
  const row = rows[0];
  return row ? { position: row.position, polledAt: Number(row.polled_at) } : null;
}

export type WatermarkOutcome = 'STORED' | 'ANOTHER_POLL_WENT_ON';

/** Moves the watermark from `from` (null: the first one), unless another process has moved it. */
export async function moveWatermark(pool: Pool, key: WatermarkKey, from: StoredPosition | null, to: StoredPosition, polledAt: number): Promise<WatermarkOutcome> {
  const values = [key.tenantId, key.integrationId, key.side, JSON.stringify(to), polledAt];
  const { rowCount } = from === null
    ? await pool.query('insert into watermarks (tenant_id, integration_id, side, position, polled_at) values ($1, $2, $3, $4, $5) on conflict do nothing', values)
    : await pool.query(
      'update watermarks set position = $4, polled_at = $5 where tenant_id = $1 and integration_id = $2 and side = $3 and position = $6::jsonb',
      [...values, JSON.stringify(from)],
    );
  return rowCount === 1 ? 'STORED' : 'ANOTHER_POLL_WENT_ON';
}
