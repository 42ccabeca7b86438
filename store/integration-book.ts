/**
 * The integrations as a running role knows them: read from their rows, with the core's context built once per
 * configuration, refreshed on a timer and on demand.
 */
import type { Pool } from 'pg';
import { buildContext } from '../domain/context.ts';
import type { LinkContext } from '../domain/context.ts';
import type { ContactChange } from '../schemas/change.ts';
import type { Integration } from '../schemas/integration.ts';

export interface KnownIntegration {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly integration: Integration;
  readonly context: LinkContext;
  readonly isPaused: boolean;
  /** Both first listings are stored: missing partners may be created. */
  readonly isMatched: boolean;
  readonly appliedAt: number;
}

interface Row {
  tenant_id: string;
  integration_id: string;
  config: Integration;
  paused: boolean;
  matched_at: string | null;
  applied_at: string;
}

export class IntegrationBook {
  readonly #pool: Pool;
  #known = new Map<string, KnownIntegration>();
  #byTenant = new Map<string, readonly KnownIntegration[]>();
  #refreshing: Promise<void> | null = null;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  all(): readonly KnownIntegration[] {
    return [...this.#known.values()];
  }

  /** The integrations that a change concerns: its own, or every one of its tenant on side bevatel. */
  concernedBy(change: ContactChange): readonly KnownIntegration[] {
    if (change.integrationId === null) return this.#byTenant.get(change.tenantId) ?? [];
    const one = this.#known.get(`${change.tenantId}|${change.integrationId}`);
    return one ? [one] : [];
  }

  /** Reads the rows; a context is kept while its configuration stays the same. Calls at the same time share one read. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    const { rows } = await this.#pool.query<Row>('select tenant_id, integration_id, config, paused, matched_at, applied_at from integrations');
    const known = new Map<string, KnownIntegration>();
    for (const row of rows) {
      const key = `${row.tenant_id}|${row.integration_id}`;
      const before = this.#known.get(key);
      const isSame = before?.appliedAt === Number(row.applied_at);
      known.set(key, {
        tenantId: row.tenant_id, integrationId: row.integration_id,
        integration: isSame ? before.integration : row.config,
        context: isSame ? before.context : buildContext(row.config),
        isPaused: row.paused, isMatched: row.matched_at !== null, appliedAt: Number(row.applied_at),
      });
    }
    this.#known = known;
    this.#byTenant = Map.groupBy(known.values(), (one) => one.tenantId);
  }
}
