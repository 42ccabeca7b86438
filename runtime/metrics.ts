/** A registry of metrics per process, with what Node itself tells; there is no global one. Labels are ids and codes only (I11). */
import { Registry, collectDefaultMetrics } from 'prom-client';

export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry, prefix: 'bevatel_sync_' });
  return registry;
}
