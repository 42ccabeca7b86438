/** Numbers that are asked for rather than told: age of the polls, hints that wait, lag of the replication slot. */
import type { Pool } from 'pg';
import type { SlotLag } from '../../connectors/bevatel/cdc/slot.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { IntegrationKey } from '../../store/integrations.ts';
import { countWaiting } from '../../store/waiting-hints.ts';
import type { CaptureMetrics } from './metrics.ts';

export interface GaugesOptions {
  readonly pool: Pool;
  readonly metrics: CaptureMetrics;
  /** When each integration that is polled here was polled last (our clock). */
  readonly polledAt: ReadonlyMap<string, IntegrationKey & { readonly at: number }>;
  /** Null without change data capture. */
  readonly slotLag: (() => Promise<SlotLag | undefined>) | null;
  readonly clock: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

const EVERY_MS = 5_000;

/** Keeps the gauges until the signal ends; what cannot be asked now keeps its last value. */
export async function keepGauges(options: GaugesOptions): Promise<void> {
  while (!options.signal.aborted) {
    readPollAges(options);
    await Promise.allSettled([readWaiting(options), readSlotLag(options)]);
    await options.sleep(EVERY_MS, options.signal);
  }
}

function readPollAges({ polledAt, metrics, clock }: GaugesOptions): void {
  metrics.pollAge.reset();
  for (const { tenantId, integrationId, at } of polledAt.values()) {
    metrics.pollAge.set({ tenant: tenantId, integration: integrationId }, Math.max(0, clock() - at) / 1_000);
  }
}

async function readWaiting({ pool, metrics }: GaugesOptions): Promise<void> {
  const counts = await countWaiting(pool);
  metrics.hintsWaiting.reset();
  for (const { tenantId, integrationId, count } of counts) metrics.hintsWaiting.set({ tenant: tenantId, integration: integrationId }, count);
}

async function readSlotLag({ slotLag, metrics }: GaugesOptions): Promise<void> {
  const lag = await slotLag?.();
  if (!lag) return;
  metrics.slotLagBytes.set(lag.bytes);
  metrics.slotLagSeconds.set(lag.seconds);
}
