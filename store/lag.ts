/**
 * Sync lag: how long a change took from its source to the value written on the other side, kept as counts per minute
 * in logarithmic buckets (each 10 % wider than the one before), so that percentiles of any window of any number of
 * processes are one query away. A crash loses at most one second of samples; they are numbers for people, not state.
 */
import type { Pool } from 'pg';
import type { Side } from '../schemas/value.ts';

const GROWTH = 1.1;
const MINUTE_MS = 60_000;
const KEPT_MS = 24 * 3_600_000;
const FLUSH_MS = 1_000;

export interface LagKey {
  readonly tenantId: string;
  readonly integrationId: string;
  /** The side that was written. */
  readonly side: Side;
}

export interface LagRecorder {
  /** Counts one written change; returns at once and never throws. A negative lag (clocks apart) counts as 0. */
  record(key: LagKey, lagMs: number): void;
  /** Writes what was counted; a failure keeps it for the next time. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export interface LagRecorderOptions {
  readonly pool: Pool;
  readonly clock: () => number;
  /** Default 1,000. */
  readonly flushEveryMs?: number;
}

/** The lower bounds of the buckets grow by 10 %: bucket 0 is up to 1 ms. */
export function lagBucket(lagMs: number): number {
  return lagMs <= 1 ? 0 : Math.ceil(Math.log(lagMs) / Math.log(GROWTH));
}

export function bucketMs(bucket: number): number {
  return GROWTH ** bucket;
}

export function createLagRecorder({ pool, clock, flushEveryMs = FLUSH_MS }: LagRecorderOptions): LagRecorder {
  let counts = new Map<string, LagRow>();
  let cleanedAt = 0;

  function add(row: LagRow): void {
    const key = JSON.stringify([row.tenantId, row.integrationId, row.side, row.minute, row.bucket]);
    const before = counts.get(key);
    counts.set(key, before ? { ...before, samples: before.samples + row.samples } : row);
  }
  async function flush(): Promise<void> {
    const now = clock();
    const rows = [...counts.values()];
    counts = new Map();
    try {
      if (rows.length > 0) await addLags(pool, rows);
    } catch {
      for (const row of rows.filter((one) => one.minute >= now - KEPT_MS)) add(row);
      return;
    }
    if (now - cleanedAt < MINUTE_MS * 10) return;
    cleanedAt = now;
    await pool.query('delete from lag_minutes where minute < $1', [now - KEPT_MS]).catch(() => undefined);
  }
  const timer = setInterval(() => void flush(), flushEveryMs);
  timer.unref();
  return {
    record: (key, lagMs) => {
      const ms = Math.max(0, lagMs);
      add({ tenantId: key.tenantId, integrationId: key.integrationId, side: key.side, minute: Math.floor(clock() / MINUTE_MS) * MINUTE_MS, bucket: lagBucket(ms), samples: 1 });
    },
    flush,
    stop: async () => {
      clearInterval(timer);
      await flush();
    },
  };
}

interface LagRow extends LagKey {
  readonly minute: number;
  readonly bucket: number;
  readonly samples: number;
}

/** Rows in the order of their keys, so that two processes cannot deadlock. */
async function addLags(pool: Pool, rows: readonly LagRow[]): Promise<void> {
  await pool.query(
    `insert into lag_minutes as l (tenant_id, integration_id, side, minute, bucket, samples)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::int[]) as n(t, i, s, m, b, c) order by t, i, s, m, b
     on conflict (tenant_id, integration_id, side, minute, bucket) do update set samples = l.samples + excluded.samples`,
    [rows.map((one) => one.tenantId), rows.map((one) => one.integrationId), rows.map((one) => one.side), rows.map((one) => one.minute), rows.map((one) => one.bucket), rows.map((one) => one.samples)],
  );
}

export interface LagPercentiles extends LagKey {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Percentiles since a time, per integration and written side; each is its bucket's upper bound, at most 10 % too high. */
export async function lagPercentiles(pool: Pool, since: number): Promise<readonly LagPercentiles[]> {
  const { rows } = await pool.query<{ tenant_id: string; integration_id: string; side: Side; buckets: [number, number][] }>(
    `select tenant_id, integration_id, side, jsonb_agg(jsonb_build_array(bucket, samples) order by bucket) as buckets
     from (select tenant_id, integration_id, side, bucket, sum(samples) as samples from lag_minutes where minute >= $1 group by 1, 2, 3, 4) as b
     group by 1, 2, 3`, [since]);
  return rows.map((row) => ({
    tenantId: row.tenant_id, integrationId: row.integration_id, side: row.side,
    count: row.buckets.reduce((sum, [, samples]) => sum + samples, 0),
    p50Ms: percentile(row.buckets, 0.5), p95Ms: percentile(row.buckets, 0.95), p99Ms: percentile(row.buckets, 0.99),
  }));
}

/** Of counts in ascending buckets. */
export function percentile(buckets: readonly (readonly [number, number])[], share: number): number {
  const rank = share * buckets.reduce((sum, [, samples]) => sum + samples, 0);
  let below = 0;
  for (const [bucket, samples] of buckets) {
    below += samples;
    if (below >= rank) return Math.round(bucketMs(bucket) * 10) / 10;
  }
  return 0;
}
