/** Capture's numbers. Labels are ids, codes and names of our own parts, never personal data (I11). */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

export interface CaptureMetrics {
  readonly hintsReceived: Counter<'origin'>;
  /** What became of hints: read, parked, dead, or dropped for a reason. */
  readonly hints: Counter<'outcome'>;
  readonly webhooksRefused: Counter<'system' | 'reason'>;
  readonly publishRefused: Counter<'reason'>;
  readonly changesPublished: Counter<'lane' | 'side' | 'capture'>;
  readonly readSeconds: Histogram<'system'>;
  readonly calls: Counter<'system' | 'operation' | 'outcome'>;
  readonly pollAge: Gauge<'tenant' | 'integration'>;
  readonly hintsWaiting: Gauge<'tenant' | 'integration'>;
  readonly listingRecords: Gauge<'tenant' | 'integration' | 'side'>;
  readonly slotLagBytes: Gauge;
  readonly slotLagSeconds: Gauge;
  readonly errors: Counter<'part' | 'code'>;
}

export function createCaptureMetrics(registry: Registry): CaptureMetrics {
  const registers = [registry];
  return {
    hintsReceived: new Counter({ name: 'capture_hints_received_total', help: 'Hints taken from contact.hints', labelNames: ['origin'], registers }),
    hints: new Counter({ name: 'capture_hints_total', help: 'Hints by what became of them', labelNames: ['outcome'], registers }),
    webhooksRefused: new Counter({ name: 'capture_webhooks_refused_total', help: 'Webhook calls and events that were refused', labelNames: ['system', 'reason'], registers }),
    publishRefused: new Counter({ name: 'capture_publish_refused_total', help: 'Published changes that were refused', labelNames: ['reason'], registers }),
    changesPublished: new Counter({ name: 'capture_changes_published_total', help: 'Changes on contact.changes.*', labelNames: ['lane', 'side', 'capture'], registers }),
    readSeconds: new Histogram({ name: 'capture_read_seconds', help: 'Duration of by-id reads', labelNames: ['system'], buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], registers }),
    calls: new Counter({ name: 'capture_calls_total', help: 'HTTP calls to systems', labelNames: ['system', 'operation', 'outcome'], registers }),
    pollAge: new Gauge({ name: 'capture_poll_age_seconds', help: 'Time since the last finished poll', labelNames: ['tenant', 'integration'], registers }),
    hintsWaiting: new Gauge({ name: 'capture_hints_waiting', help: 'Hints whose system is away, throttled or paused', labelNames: ['tenant', 'integration'], registers }),
    listingRecords: new Gauge({ name: 'capture_listing_records', help: 'Records of the listing that have landed', labelNames: ['tenant', 'integration', 'side'], registers }),
    slotLagBytes: new Gauge({ name: 'capture_slot_lag_bytes', help: 'Log that Bevatel\'s Postgres keeps for us', registers }),
    slotLagSeconds: new Gauge({ name: 'capture_slot_lag_seconds', help: 'For how long log has not been confirmed', registers }),
    errors: new Counter({ name: 'capture_errors_total', help: 'Failures by part and code', labelNames: ['part', 'code'], registers }),
  };
}
