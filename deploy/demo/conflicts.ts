/**
 * Real conflicts: the same field of the same person edited on both sides before either side could know of the other.
 * HubSpot's half comes without its webhook, so that Bevatel's half meets it at the moment of writing.
 *
 * | kind | Bevatel's edit | what must come of it |
 * |---|---|---|
 * | `bevatel_later`  | clearly after HubSpot's | `latest_wins`: Bevatel's value on both sides |
 * | `hubspot_later`  | made an hour ago without a network, arrives now | `latest_wins`: HubSpot's value on both sides |
 * | `company`        | at the same time | `external_wins` for this field: HubSpot's value |
 * | `same_moment`    | within the tolerance | order unknown: held for a person |
 * | `email`          | at any time | `manual` for this field: held for a person |
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pair } from './compare.ts';
import { editBySql, editInBevatel, editInHubSpot, withoutWebhooks } from './doors.ts';
import type { BurstDeps } from './burst.ts';
import { POLL_EVERY_MS } from './sync.ts';

export const CONFLICTS = { bevatel_later: 4, hubspot_later: 4, company: 4, same_moment: 6, email: 3 } as const;
export const CONFLICT_CONTACTS = Object.values(CONFLICTS).reduce((sum, count) => sum + count, 0);
/** Beyond the integration's tolerance of 2 s. */
const CLEARLY_LATER_MS = 2_300;
const AN_HOUR_MS = 3_600_000;
const MAKING_TAKES_MS = CLEARLY_LATER_MS + 2_500;

/** The pairs must not be edited by anything else, and have an e-mail address each. */
export async function makeConflicts(deps: BurstDeps, pairs: readonly Pair[]): Promise<void> {
  let from = 0;
  const take = (count: number): readonly Pair[] => pairs.slice(from, from += count);
  const [bevatelLater, hubSpotLater, company, sameMoment, email] = [CONFLICTS.bevatel_later, CONFLICTS.hubspot_later, CONFLICTS.company, CONFLICTS.same_moment, CONFLICTS.email].map(take);
  await betweenPolls(deps);
  await withoutWebhooks(deps.sides, async () => {
    await each(bevatelLater, (pair, index) => hubSpotHalf(deps, pair, { jobtitle: `HubSpot first ${index}` }));
    await each(hubSpotLater, (pair, index) => bothHalves(deps, pair, { jobtitle: `HubSpot last ${index}` }, () => editBySql(deps.sides, pair.bevatel.id, 'job_title', `Offline note ${index}`, deps.clock() - AN_HOUR_MS)));
    await each(company, (pair, index) => bothHalves(deps, pair, { company: `HubSpot Holding ${index}` }, () => editInBevatel(deps.sides, pair.bevatel.id, { company_name: `Bevatel Trading ${index}` })));
    await each(sameMoment, (pair, index) => bothHalves(deps, pair, { lastname: `HubSpot ${index}` }, () => editInBevatel(deps.sides, pair.bevatel.id, { contact_last_name: `Bevatel ${index}` })));
    await each(email, (pair, index) => bothHalves(deps, pair, { email: `hubspot.side${index}@example.com` }, () => editInBevatel(deps.sides, pair.bevatel.id, { email: `bevatel.side${index}@example.com` })));
    await sleep(CLEARLY_LATER_MS);
    await each(bevatelLater, (pair, index) => bevatelHalf(deps, pair, `Bevatel last ${index}`));
  });
  for (const [index, pair] of (hubSpotLater ?? []).entries()) deps.watch.expect({ side: 'bevatel', id: pair.bevatel.id, field: 'job_title', value: `HubSpot last ${index}`, editedAt: deps.clock(), isAnnounced: false });
  for (const [index, pair] of (company ?? []).entries()) deps.watch.expect({ side: 'bevatel', id: pair.bevatel.id, field: 'company_name', value: `HubSpot Holding ${index}`, editedAt: deps.clock(), isAnnounced: false });
}

async function each(pairs: readonly Pair[] | undefined, work: (pair: Pair, index: number) => Promise<void>): Promise<void> {
  for (const [index, pair] of (pairs ?? []).entries()) await work(pair, index);
}

async function hubSpotHalf({ sides, onEdit }: BurstDeps, pair: Pair, properties: Readonly<Record<string, string>>): Promise<void> {
  await editInHubSpot(sides, pair.hubspot.id, properties);
  onEdit();
}

async function bothHalves(deps: BurstDeps, pair: Pair, properties: Readonly<Record<string, string>>, inBevatel: () => Promise<void>): Promise<void> {
  await hubSpotHalf(deps, pair, properties);
  await inBevatel();
  deps.onEdit();
}

async function bevatelHalf(deps: BurstDeps, pair: Pair, value: string): Promise<void> {
  const editedAt = deps.clock();
  await editInBevatel(deps.sides, pair.bevatel.id, { custom: { job_title: value } });
  deps.watch.expect({ side: 'hubspot', id: pair.hubspot.id, field: 'jobtitle', value, editedAt, isAnnounced: false });
  deps.onEdit();
}

/** Between two polls nobody looks at HubSpot unasked: the conflicts are made where there is room before the next one. */
async function betweenPolls({ clock, polls }: BurstDeps): Promise<void> {
  const until = clock() + 2 * POLL_EVERY_MS;
  while (!polls.hasRoom(MAKING_TAKES_MS) && clock() < until) await sleep(50);
}
