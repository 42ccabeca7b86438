/** All records of a side, page by page, patiently: for plan and lint, which read both sides and write nothing. */
import type { RecordImage } from '../../../schemas/record.ts';
import { patiently } from './patiently.ts';
import type { Patience } from './patiently.ts';
import type { SideReader } from './side-reader.ts';

export interface Paging extends Patience {
  readonly fields: readonly string[];
  /** How many records were read of this side so far. */
  readonly onProgress: (records: number) => void;
}

export async function* pagesOf(reader: SideReader, paging: Paging): AsyncGenerator<readonly RecordImage[]> {
  let cursor: string | null = null;
  let records = 0;
  do {
    paging.signal.throwIfAborted();
    const at: string | null = cursor;
    const page: Awaited<ReturnType<SideReader['list']>> = await patiently(paging, () => reader.list({ cursor: at, fields: paging.fields }, { signal: paging.signal, lane: 'backfill' }));
    records += page.records.length;
    paging.onProgress(records);
    yield page.records;
    cursor = page.next;
  } while (cursor !== null);
}
