/** How capture tells that work for an integration failed or succeeded: log, metric, and the row that operators read. */
import type { Pool } from 'pg';
import { describeError } from '../../runtime/logger.ts';
import type { Logger } from '../../runtime/logger.ts';
import { isSyncError } from '../../schemas/errors.ts';
import { recordError, recordSuccess } from '../../store/integrations.ts';
import type { IntegrationKey } from '../../store/integrations.ts';
import { integrationKeyOf } from '../../store/watch-integrations.ts';
import type { CaptureMetrics } from './metrics.ts';

export interface ReportOptions {
  readonly pool: Pool;
  readonly logger: Logger;
  readonly metrics: CaptureMetrics;
  readonly clock: () => number;
}

export interface Report {
  failed(part: string, integration: IntegrationKey | null, error: unknown, waitMs?: number): void;
  /** Written at most once a second per integration. */
  succeeded(integration: IntegrationKey): void;
}

const SUCCESS_EVERY_MS = 1_000;

/** A row that cannot be written now is written by the next success or failure. */
export function createReport({ pool, logger, metrics, clock }: ReportOptions): Report {
  const successAt = new Map<string, number>();
  return {
    failed: (part, integration, error, waitMs) => {
      metrics.errors.inc({ part, code: isSyncError(error) ? error.code : 'internal' });
      const { tenantId, integrationId } = integration ?? {};
      logger.warn({ part, tenantId, integrationId, waitMs, err: describeError(error) }, 'capture could not go on yet');
      if (integration && isSyncError(error)) recordError(pool, integration, { code: error.code, message: error.message, at: clock() }).catch(() => undefined);
    },
    succeeded: (integration) => {
      const now = clock();
      const key = integrationKeyOf(integration);
      if (now - (successAt.get(key) ?? 0) < SUCCESS_EVERY_MS) return;
      successAt.set(key, now);
      recordSuccess(pool, integration, now).catch(() => undefined);
    },
  };
}
