/**
 * Polling by search (fact sheet §3). A window fixes `lastmodifieddate >= fromMs` and pages by `hs_object_id > lastId`:
 * HubSpot's own jobs stamp more contacts with one instant than a query may return, so that a cursor on the date alone
 * would never end. The next window starts at the server's time at which this one started, less an overlap.
 *
 * The index lags behind writes without a bound. An ordinary window overlaps by SHORT_OVERLAP_MS; once per `indexLagMs` a
 * deep window overlaps by all of `indexLagMs`, so that a record indexed late is found without reading the last minutes
 * at every poll.
 */
import { z } from 'zod';
import type { CallOptions, PollPage, PollPosition } from '../connector.ts';
import { SyncError } from '../../schemas/errors.ts';
import type { HubSpotAnswer, HubSpotClient } from './client.ts';
import { SEARCH_PAGE } from './limits.ts';
import { CONTACTS_PATH } from './paths.ts';
import { parseAnswer, revisionOf, zRecord } from './record.ts';

export const SHORT_OVERLAP_MS = 15_000;

const zPosition = z.object({
  fromMs: z.number(),
  /** '0' before the first page of a window. */
  lastId: z.string(),
  /** Server's time at the start of this window; null before its first page. */
  startedMs: z.number().nullable(),
  deepStartedMs: z.number(),
  deep: z.number(),
});
type Position = z.infer<typeof zPosition>;

const zSearchPage = z.object({ results: z.array(zRecord.pick({ id: true, updatedAt: true })) });

export async function pollContacts(parts: { readonly client: HubSpotClient; readonly indexLagMs: number }, stored: PollPosition | null, options: CallOptions): Promise<PollPage> {
  if (stored === null) {
    const { serverTimeMs } = await search(parts.client, null, options);
    return { changed: [], next: { fromMs: serverTimeMs, lastId: '0', startedMs: null, deepStartedMs: serverTimeMs, deep: 0 }, more: false };
  }
  const position = parsePosition(stored);
  const answer = await search(parts.client, position, options);
  const { results } = parseAnswer(zSearchPage, answer.body, 'search_changed');
  const changed = results.map((record) => ({ id: record.id, revision: revisionOf(record), modifiedAt: record.updatedAt }));
  const startedMs = position.startedMs ?? answer.serverTimeMs;
  const lastId = lastOf(results.map(({ id }) => id), position.lastId);
  if (results.length === SEARCH_PAGE) return { changed, next: { ...position, startedMs, lastId }, more: true };
  return { changed, next: nextWindow({ ...position, startedMs }, parts.indexLagMs), more: false };
}

function parsePosition(stored: PollPosition): Position {
  const parsed = zPosition.safeParse(stored);
  if (parsed.success) return parsed.data;
  throw new SyncError('unexpected_answer', 'The stored poll position is not one of HubSpot', { operation: 'search_changed' });
}

/** The window after one that is finished. */
export function nextWindow(finished: { readonly startedMs: number; readonly deepStartedMs: number; readonly deep: number }, indexLagMs: number): Position {
  const deepStartedMs = finished.deep === 1 ? finished.startedMs : finished.deepStartedMs;
  const isDeepDue = finished.startedMs - deepStartedMs >= indexLagMs;
  const fromMs = isDeepDue ? deepStartedMs - indexLagMs : finished.startedMs - Math.min(SHORT_OVERLAP_MS, indexLagMs);
  return { fromMs, lastId: '0', startedMs: null, deepStartedMs, deep: isDeepDue ? 1 : 0 };
}

/** The greatest id of a page; a page that does not ascend from `floor` would loop for ever. */
function lastOf(ids: readonly string[], floor: string): string {
  let last = BigInt(floor);
  for (const id of ids) {
    const next = BigInt(id);
    if (next <= last) throw new SyncError('unexpected_answer', 'A search page made no progress: its ids do not ascend', { operation: 'search_changed' });
    last = next;
  }
  return String(last);
}

function search(client: HubSpotClient, position: Position | null, options: CallOptions): Promise<HubSpotAnswer> {
  const filters = position === null ? [] : [
    { propertyName: 'lastmodifieddate', operator: 'GTE', value: String(position.fromMs) },
    { propertyName: 'hs_object_id', operator: 'GT', value: position.lastId },
  ];
  const body = {
    filterGroups: filters.length > 0 ? [{ filters }] : [],
    sorts: [{ propertyName: 'hs_object_id', direction: 'ASCENDING' }],
    properties: ['lastmodifieddate'],
    limit: position === null ? 1 : SEARCH_PAGE,
  };
  return client.call({ operation: 'search_changed', method: 'POST', path: `${CONTACTS_PATH}/search`, body, kind: 'search', isWrite: false }, options);
}
