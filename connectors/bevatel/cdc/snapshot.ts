/**
 * The initial snapshot: the table in pages by primary key, each page a statement of its own.
 *
 * No gap to the stream: the slot exists before the first page is read. A transaction that committed before the slot's
 * consistent point is visible to every page read after it; one that commits later is in the stream. A row that is in
 * both comes with its version, and the older or equal one is a stale or duplicate change to the reconciler (I6); so
 * snapshot and stream may run at the same time, no transaction is held open, and an interrupted snapshot is simply
 * begun again.
 */
import type { ClientBase } from 'pg';

import type { CdcTable } from './publication.ts';
import { qualified } from './publication.ts';
import type { CdcRow, RowEvent } from './row-event.ts';

export interface SnapshotOptions {
  readonly table: CdcTable;
  readonly pageRows: number;
  readonly clock: () => number;
  readonly signal: AbortSignal;
  /** The next page is read while this one is with the caller, and handed over after it resolved. */
  readonly onBatch: (events: readonly RowEvent[]) => Promise<void>;
}

export interface SnapshotResult {
  readonly rows: number;
  /** False when the signal ended it early. */
  readonly complete: boolean;
}

export async function readSnapshot(client: ClientBase, options: SnapshotOptions): Promise<SnapshotResult> {
  let rows = 0;
  let page = await readPage(client, options, undefined);
  while (page.length > 0 && !options.signal.aborted) {
    const last = page.at(-1)?.new ?? undefined;
    const [next] = await Promise.all([readPage(client, options, last), options.onBatch(page)]);
    rows += page.length;
    page = next;
  }
  return { rows, complete: page.length === 0 };
}

async function readPage(
  client: ClientBase,
  { table, pageRows, clock }: SnapshotOptions,
  after: CdcRow | undefined,
): Promise<RowEvent[]> {
  const observedFrom = clock();
  const { rows } = await client.query<CdcRow & { snapshot_lsn: string }>(
    `SELECT *, pg_current_wal_lsn()::text AS snapshot_lsn FROM ${qualified(table)}
      WHERE ($1::text IS NULL OR (tenant_id, id) > ($1, $2)) ORDER BY tenant_id, id LIMIT $3`,
    [after?.tenant_id ?? null, after?.id ?? null, pageRows],
  );
  const observedTo = clock();
  return rows.map(({ snapshot_lsn: lsn, ...row }) => ({
    op: 'snapshot', lsn, commitTime: null, observedFrom, observedTo, old: null, new: row as CdcRow,
  }));
}
