/** What change data capture yields: one committed change of one row. */

/** A row of Bevatel's table `contacts`, as `pg` decodes it. A column that Postgres did not send is undefined. */
export interface CdcRow {
  readonly tenant_id: string;
  readonly id: string;
  /** int8, as text. */
  readonly version: string | undefined;
  readonly external_references: unknown;
  readonly updated_at: Date | null | undefined;
  readonly updated_by: string | null | undefined;
  readonly deleted_at: Date | null | undefined;
  readonly merged_into: string | null | undefined;
  readonly erased: boolean | null | undefined;
  readonly [column: string]: unknown;
}

export interface RowEvent {
  readonly op: 'insert' | 'update' | 'delete' | 'snapshot';
  /** Commit position of the transaction, as Postgres writes it; for `snapshot` the log's end when the page was read. */
  readonly lsn: string;
  /** Postgres' clock at the commit, epoch ms; null for `snapshot`. */
  readonly commitTime: number | null;
  /** Our clock (epoch ms): start and end of the page read, or twice the receipt. */
  readonly observedFrom: number;
  readonly observedTo: number;
  /** The row before; null for `insert`, `snapshot`, and where the table's replica identity did not give it. */
  readonly old: CdcRow | null;
  /** The row after; null for `delete`. */
  readonly new: CdcRow | null;
}
