/**
 * Follows the integrations: a role learns within a second what was applied, changed, paused or removed, by whatever
 * process. Reading again is cheap and needs no connection of its own; a database that is away changes nothing.
 */
import type { Pool } from 'pg';
import { listIntegrations } from './integrations.ts';
import type { IntegrationKey, StoredIntegration } from './integrations.ts';

export interface IntegrationWatcher {
  readonly onAdded?: (integration: StoredIntegration) => void;
  /** The file was applied again with other content. */
  readonly onChanged?: (integration: StoredIntegration, before: StoredIntegration) => void;
  readonly onRemoved?: (integration: StoredIntegration) => void;
  /** Paused or resumed: `integration.paused` says which. */
  readonly onPaused?: (integration: StoredIntegration) => void;
  /** The rows could not be read; what was read last stays. */
  readonly onError?: (error: unknown) => void;
}

export interface WatchOptions extends IntegrationWatcher {
  readonly pool: Pool;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Default 1,000. */
  readonly everyMs?: number;
}

export interface IntegrationWatch {
  /** As they were read last; the same array until they are read again. */
  all(): readonly StoredIntegration[];
  get(key: IntegrationKey): StoredIntegration | undefined;
  /** Reads at once and calls back for what differs. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

export function integrationKeyOf({ tenantId, integrationId }: IntegrationKey): string {
  return `${tenantId}/${integrationId}`;
}

/** Resolves after the first reading, whose integrations are all `added`; rejects when that fails. */
export async function watchIntegrations(options: WatchOptions): Promise<IntegrationWatch> {
  const { pool, sleep, everyMs = 1_000 } = options;
  const stopping = new AbortController();
  let known = new Map<string, StoredIntegration>();
  let rows: readonly StoredIntegration[] = [];
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    rows = await listIntegrations(pool);
    const before = known;
    known = new Map(rows.map((row) => [integrationKeyOf(row), row]));
    tell(options, before, known);
  }
  function refresh(): Promise<void> {
    reading ??= read().finally(() => { reading = undefined; });
    return reading;
  }
  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(everyMs, stopping.signal);
      if (!stopping.signal.aborted) await refresh().catch((error: unknown) => options.onError?.(error));
    }
  }
  await refresh();
  const following = follow();
  return {
    all: () => rows,
    get: (key) => known.get(integrationKeyOf(key)),
    refresh,
    stop: async () => {
      stopping.abort();
      await following;
    },
  };
}

function tell(watcher: IntegrationWatcher, before: ReadonlyMap<string, StoredIntegration>, now: ReadonlyMap<string, StoredIntegration>): void {
  for (const [key, one] of before) if (!now.has(key)) watcher.onRemoved?.(one);
  for (const [key, one] of now) {
    const old = before.get(key);
    if (!old) watcher.onAdded?.(one);
    else {
      if (old.appliedAt !== one.appliedAt) watcher.onChanged?.(one, old);
      if (old.paused !== one.paused) watcher.onPaused?.(one);
    }
  }
}
