/** How many calls the initial sync made, as the two systems counted them, and how few could have done it. */
import { BATCH_LIMIT, PAGE_LIMIT } from '../../connectors/bevatel/contact-api.ts';
import { BATCH_SIZE, LIST_PAGE } from '../../connectors/hubspot/limits.ts';
import type { BothSides } from './compare.ts';
import { SYNC_APP_ID } from './sides.ts';
import type { Sides } from './sides.ts';

export interface Calls {
  readonly made: number;
  readonly least: number;
  /** By endpoint, the most called first; for the report. */
  readonly byEndpoint: readonly (readonly [endpoint: string, calls: number])[];
}

/**
 * `before` is what was loaded, `after` what the initial sync made of it. The least is one listing of each side in full
 * pages, and each record that our app touched written once in full batches; answers serve as read-back.
 */
export function countCalls(sides: Sides, before: BothSides, after: BothSides): Calls {
  const bevatel = Object.entries(sides.bevatel.control.counters()).map(([name, { calls }]) => [`Bevatel ${name}`, calls] as const);
  const hubspot = Object.entries(sides.hubspot.control.counts()).map(([name, calls]) => [`HubSpot ${name}`, calls] as const);
  const byEndpoint = [...bevatel, ...hubspot].filter(([, calls]) => calls > 0).toSorted((a, b) => b[1] - a[1]);
  const listing = pages(before.bevatel.length, PAGE_LIMIT) + pages(before.hubspot.length, LIST_PAGE);
  const writing = pages(after.bevatel.length - before.bevatel.length, BATCH_LIMIT) + pages(touchedInBevatel(before, after), BATCH_LIMIT)
    + pages(after.hubspot.length - before.hubspot.length, BATCH_SIZE) + pages(touchedInHubSpot(sides, before), BATCH_SIZE);
  return { made: byEndpoint.reduce((sum, [, calls]) => sum + calls, 0), least: listing + writing, byEndpoint };
}

function pages(records: number, size: number): number {
  return Math.ceil(records / size);
}

function touchedInBevatel(before: BothSides, after: BothSides): number {
  const versions = new Map(after.bevatel.map(({ id, version }) => [id, version]));
  return before.bevatel.filter(({ id, version }) => versions.get(id) !== version).length;
}

function touchedInHubSpot({ hubspot }: Sides, before: BothSides): number {
  return before.hubspot.filter(({ id }) => Object.values(hubspot.control.contact(id)?.history ?? {}).some(([newest]) => newest?.actor.sourceId === String(SYNC_APP_ID))).length;
}
