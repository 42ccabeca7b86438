/** What reconcile counts. Labels are lanes, verdicts and codes only (I11). */
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Lane } from '../../schemas/value.ts';
import type { BatchOutcome } from './batch.ts';

export interface ReconcileMetrics {
  readonly discarded: Counter<'lane'>;
  readonly expired: Counter<'lane'>;
  count(lane: Lane, outcome: Extract<BatchOutcome, { kind: 'COMMITTED' }>, records: number): void;
}

export function reconcileMetrics(registry: Registry): ReconcileMetrics {
  const registers = [registry];
  const changes = new Counter({ name: 'sync_reconcile_changes_total', help: 'Changes consumed.', labelNames: ['lane'], registers });
  const verdicts = new Counter({ name: 'sync_reconcile_verdicts_total', help: 'Verdicts on records; echo ÷ all is the echo ratio.', labelNames: ['lane', 'verdict'], registers });
  const quarantined = new Counter({ name: 'sync_reconcile_quarantined_total', help: 'Changes put into quarantine.', labelNames: ['lane'], registers });
  return {
    discarded: new Counter({ name: 'sync_reconcile_discarded_batches_total', help: 'Batches discarded because another consumer went on.', labelNames: ['lane'], registers }),
    expired: new Counter({ name: 'sync_reconcile_expired_positions_total', help: 'Positions below the start of the log.', labelNames: ['lane'], registers }),
    count(lane, outcome, records) {
      changes.inc({ lane }, records);
      if (outcome.quarantined > 0) quarantined.inc({ lane }, outcome.quarantined);
      const tally = new Map<string, number>();
      for (const { verdict } of outcome.decisions) tally.set(verdict, (tally.get(verdict) ?? 0) + 1);
      for (const [verdict, count] of tally) verdicts.inc({ lane, verdict }, count);
    },
  };
}
