/** What delivery counts. Labels are integration ids, sides, kinds and codes only (I11). */
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { LagKey, LagRecorder } from '../../store/lag.ts';

export interface DeliverMetrics {
  /** One link written; `lagMs` from the source's edit to the answer, null where the edit has no time. */
  written(key: LagKey, lagMs: number | null): void;
  failedCycle(integrationId: string, code: string): void;
}

export function deliverMetrics(registry: Registry, recorder: Pick<LagRecorder, 'record'>): DeliverMetrics {
  const registers = [registry];
  const writes = new Counter({ name: 'sync_deliver_links_written_total', help: 'Links written, one per attempt that was applied.', labelNames: ['integration', 'side'], registers });
  const lag = new Histogram({
    name: 'sync_lag_seconds', help: 'From the source edit to its write on the other side.', labelNames: ['integration', 'side'], registers,
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600],
  });
  const failures = new Counter({ name: 'sync_deliver_failed_cycles_total', help: 'Cycles that ended in an error.', labelNames: ['integration', 'code'], registers });
  return {
    written(key, lagMs) {
      const labels = { integration: key.integrationId, side: key.side };
      writes.inc(labels);
      if (lagMs === null) return;
      lag.observe(labels, lagMs / 1_000);
      recorder.record(key, lagMs);
    },
    failedCycle: (integration, code) => failures.inc({ integration, code }),
  };
}
