/** Integrations as the operator sees them. An integration names its secrets and holds none, so it can be shown whole. */
import type { Pool } from 'pg';
import type { z } from 'zod';
import type { zIntegrationDetail, zIntegrationList, zIntegrationSummary } from '../../../schemas/api.ts';
import { listIntegrations } from '../../../store/integrations.ts';
import type { StoredIntegration } from '../../../store/integrations.ts';

export async function integrationSummaries(pool: Pool): Promise<z.output<typeof zIntegrationList>> {
  return { integrations: (await listIntegrations(pool)).map(summaryOf) };
}

export function integrationDetail(stored: StoredIntegration): z.output<typeof zIntegrationDetail> {
  return { ...summaryOf(stored), config: { ...stored.config } };
}

function summaryOf(stored: StoredIntegration): z.output<typeof zIntegrationSummary> {
  return {
    tenant: stored.tenantId, integration: stored.integrationId, system: stored.config.system, paused: stored.paused,
    appliedAt: stored.appliedAt, matchedAt: stored.matchedAt,
  };
}
