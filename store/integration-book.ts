/**
 * The integrations as a running role knows them: read from their rows, with the core's context built once per
 * configuration, refreshed on a timer and on demand.
 */
import type { Pool } from 'pg';
import { buildContext } from '../domain/context.ts';
import type { LinkContext } from '../domain/context.ts';
import type { ContactChange } from '../schemas/change.ts';
import type { Integration } from '../schemas/integration.ts';
import { parseStoredConfig } from './integrations.ts';

export interface KnownIntegration {
  readonly tenantId: string;
  readonly integrationId: string;
  /** The tenant's other integrations: they share its Bevatel (hub and spoke). */
  readonly others: readonly string[];
  readonly integration: Integration;
  readonly context: LinkContext;
  readonly isPaused: boolean;
  /** Both first listings are stored: missing partners may be created. */
  readonly isMatched: boolean;
  readonly appliedAt: number;
  /** The `appliedAt` for which an operator let everything go on after the canary; null before. */
  readonly canaryFor: number | null;
}

/** SQL that marks the integrations as they are; it differs after every apply and every removal. */
export const INTEGRATIONS_MARK = "select count(*) || ':' || coalesce(max(applied_at), 0) from integrations";

/** The book at one moment; a batch is decided with one. */
export interface BookSnapshot {
  readonly mark: string;
  /** The integrations that a change concerns: its own, or every one of its tenant on side bevatel. */
  concernedBy(change: ContactChange): readonly KnownIntegration[];
  find(tenantId: string, integrationId: string): KnownIntegration | undefined;
}

interface Row {
  tenant_id: string;
  integration_id: string;
  config: unknown;
  paused: boolean;
  matched_at: string | null;
  applied_at: string;
  canary_for: string | null;
}

export class IntegrationBook {
  readonly #pool: Pool;
  readonly #contextOf: (integration: Integration) => LinkContext;
  #known = new Map<string, KnownIntegration>();
  #snapshot: BookSnapshot = { mark: '0:0', concernedBy: () => [], find: () => undefined };
  #refreshing: Promise<void> | null = null;

  /** `contextOf` builds what the core must know of an integration. */
  constructor(pool: Pool, contextOf: (integration: Integration) => LinkContext = (integration) => buildContext(integration)) {
    this.#pool = pool;
    this.#contextOf = contextOf;
  }

  all(): readonly KnownIntegration[] {
    return [...this.#known.values()];
  }

  snapshot(): BookSnapshot {
    return this.#snapshot;
  }

  /** Reads the rows; a context is kept while its configuration stays the same. Calls at the same time share one read. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    const { rows } = await this.#pool.query<Row>('select tenant_id, integration_id, config, paused, matched_at, applied_at, canary_for from integrations order by tenant_id, integration_id');
    const byTenant = Map.groupBy(rows, (row) => row.tenant_id);
    const known = new Map<string, KnownIntegration>();
    for (const row of rows) {
      const key = `${row.tenant_id}|${row.integration_id}`;
      const before = this.#known.get(key);
      const isSame = before?.appliedAt === Number(row.applied_at);
      const integration = isSame ? before.integration : parseStoredConfig(row);
      known.set(key, {
        tenantId: row.tenant_id, integrationId: row.integration_id,
        others: (byTenant.get(row.tenant_id) ?? []).flatMap(({ integration_id: other }) => (other === row.integration_id ? [] : [other])),
        integration,
        context: isSame ? before.context : this.#contextOf(integration),
        isPaused: row.paused, isMatched: row.matched_at !== null, appliedAt: Number(row.applied_at), canaryFor: row.canary_for === null ? null : Number(row.canary_for),
      });
    }
    this.#known = known;
    this.#snapshot = snapshotOf(known);
  }
}

function snapshotOf(known: ReadonlyMap<string, KnownIntegration>): BookSnapshot {
  const byTenant = Map.groupBy(known.values(), (one) => one.tenantId);
  return {
    mark: `${known.size}:${Math.max(0, ...[...known.values()].map((one) => one.appliedAt))}`,
    concernedBy(change) {
      if (change.integrationId === null) return byTenant.get(change.tenantId) ?? [];
      const one = known.get(`${change.tenantId}|${change.integrationId}`);
      return one ? [one] : [];
    },
    find: (tenantId, integrationId) => known.get(`${tenantId}|${integrationId}`),
  };
}
