/** Gauges of operate, read from the store when they are asked for. Labels are ids, kinds and codes only (I11). */
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { INTEGRATION_STATES } from '../../../schemas/api.ts';
import type { Status } from '../../../schemas/api.ts';
import { DRIFT_KINDS } from '../../../schemas/drift.ts';

/** `read` is called once per gauge and request for the metrics: pace it. Without an answer the gauges keep their last numbers. */
export function registerOperateMetrics(registry: Registry, read: () => Promise<Status>): void {
  function gauge<L extends string>(name: string, help: string, labelNames: readonly L[], fill: (status: Status, set: (labels: Record<L, string>, value: number) => void) => void): void {
    const one: Gauge<L> = new Gauge<L>({
      name, help, labelNames: [...labelNames], registers: [registry],
      collect: async () => {
        const status = await read().catch(() => null);
        if (!status) return;
        one.reset();
        fill(status, (labels, value) => one.set(labels as Partial<Record<L, string | number>>, value));
      },
    });
  }
  const of = (one: { readonly tenant: string; readonly integration: string }): { integration: string } => ({ integration: `${one.tenant}/${one.integration}` });
  gauge('sync_integration_state', '1 for the state that the integration is in.', ['integration', 'state'], ({ integrations }, set) => {
    for (const one of integrations) for (const state of INTEGRATION_STATES) set({ ...of(one), state }, one.state === state ? 1 : 0);
  });
  gauge('sync_lag_window_seconds', 'From a change at its source to the value written on the other side, over the last minutes.', ['integration', 'side', 'quantile'], ({ integrations }, set) => {
    for (const one of integrations) {
      for (const side of ['bevatel', 'external'] as const) {
        const lag = one.lag[side];
        if (lag) for (const [quantile, ms] of [['0.5', lag.p50Ms], ['0.95', lag.p95Ms], ['0.99', lag.p99Ms]] as const) set({ ...of(one), side, quantile }, ms / 1_000);
      }
    }
  });
  gauge('sync_oldest_seconds', 'Age of the longest waiting change; 0 when nothing waits.', ['integration'], ({ integrations }, set) => {
    for (const one of integrations) set(of(one), (one.oldestMs ?? 0) / 1_000);
  });
  gauge('sync_queue', 'Links on which something is to be done.', ['integration', 'kind', 'lane', 'state'], ({ integrations }, set) => {
    for (const one of integrations) {
      for (const { kind, lane, due, waiting } of one.queue) {
        set({ ...of(one), kind, lane, state: 'due' }, due);
        set({ ...of(one), kind, lane, state: 'waiting' }, waiting);
      }
    }
  });
  gauge('sync_holds', 'Conflicts and holds that wait for an operator.', ['integration'], ({ integrations }, set) => {
    for (const one of integrations) set(of(one), one.conflicts.holds);
  });
  gauge('sync_sweep_progress', 'Share of the links that the round of the sweep under way has looked at, 0 to 1.', ['integration'], ({ integrations }, set) => {
    for (const one of integrations) if (one.sweep.round) set(of(one), one.sweep.round.examined / Math.max(1, one.sweep.round.total, one.sweep.round.examined));
  });
  gauge('sync_sweep_last_round_timestamp_seconds', 'When the last full round of the sweep ended.', ['integration'], ({ integrations }, set) => {
    for (const one of integrations) if (one.sweep.lastRound) set(of(one), one.sweep.lastRound.finishedAt / 1_000);
  });
  gauge('sync_drift', 'Drift that the last full round of the sweep found, by kind; `unexplained` is what was left at its end.', ['integration', 'kind'], ({ integrations }, set) => {
    for (const one of integrations) {
      if (!one.sweep.lastRound) continue;
      for (const kind of DRIFT_KINDS) set({ ...of(one), kind }, one.sweep.lastRound.drift[kind]);
      set({ ...of(one), kind: 'unexplained' }, one.sweep.lastRound.unexplained);
    }
  });
  gauge('sync_dead_letters_open', 'Dead letters that are neither replayed nor superseded.', ['code'], ({ deadLetters }, set) => {
    for (const [code, open] of Object.entries(deadLetters.byCode)) set({ code }, open);
  });
  gauge('sync_consumer_lag_records', 'Records that a consumer has not read yet.', ['group', 'topic'], ({ kafka }, set) => {
    for (const { group, topic, records } of kafka.consumers) set({ group, topic }, records);
  });
  gauge('sync_consumer_lag_seconds', 'Age of the oldest unread record, as far as was watched.', ['group', 'topic'], ({ kafka }, set) => {
    for (const { group, topic, seconds } of kafka.consumers) if (seconds !== null) set({ group, topic }, seconds);
  });
}
