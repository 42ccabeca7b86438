/**
 * The burst: edits on both sides through the systems' own front doors, among them rapid ones of a single contact,
 * edits whose webhook is lost, and new contacts. Each edit has a contact and a value of its own, so that its
 * arrival on the other side can be told from everything else.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pair } from './compare.ts';
import { createInBevatel, createInHubSpot, editBySql, editInBevatel, editInHubSpot, withoutWebhooks } from './doors.ts';
import type { LagWatch } from './lag.ts';
import type { PollWatch } from './polls.ts';
import type { Sides } from './sides.ts';

/** Fewer than the 190 calls in ten seconds that HubSpot gives the app of the people who edit there. */
export const BURST = { perDoor: 110, lost: 40, rapidContacts: 3, rapidEdits: 10, newPerSide: 5 } as const;
/** Contacts that the burst edits, from the start of the pairs it is given. */
export const BURST_CONTACTS = 3 * BURST.perDoor + BURST.lost + 2 * BURST.rapidContacts;
/** Between two edits: some 60 in a second, as many as a busy call centre makes in an hour. */
const PACE_MS = 15;

const COLUMNS = { contact_last_name: 'lastname', company_name: 'company', job_title: 'jobtitle' } as const;
type Column = keyof typeof COLUMNS;
const COLUMN_NAMES = Object.keys(COLUMNS) as Column[];

export interface BurstDeps {
  readonly sides: Sides;
  readonly watch: LagWatch;
  readonly polls: PollWatch;
  readonly clock: () => number;
  /** Told of each edit that was made. */
  readonly onEdit: () => void;
}

/** The pairs must not be edited by anything else meanwhile. */
export async function runBurst(deps: BurstDeps, pairs: readonly Pair[]): Promise<void> {
  const [ordinary, lost, rapid] = [3 * BURST.perDoor, BURST.lost, 2 * BURST.rapidContacts];
  await withoutWebhooks(deps.sides, () => lostEdits(deps, pairs.slice(ordinary + rapid, ordinary + rapid + lost)));
  await ordinaryEdits(deps, pairs.slice(0, ordinary));
  await Promise.all(pairs.slice(ordinary, ordinary + rapid).map((pair, index) => rapidEdits(deps, pair, index)));
  await newContacts(deps);
}

async function ordinaryEdits(deps: BurstDeps, pairs: readonly Pair[]): Promise<void> {
  for (const [index, pair] of pairs.entries()) {
    const column = COLUMN_NAMES[Math.floor(index / 3) % COLUMN_NAMES.length] ?? 'job_title';
    const value = `${label(column, index)} ${index}`;
    if (index % 3 === 0) await viaApi(deps, pair, column, value);
    else if (index % 3 === 1) await viaSql(deps, pair, column, value);
    else await viaHubSpot(deps, pair, column, value, true);
    await sleep(PACE_MS);
  }
}

/** Text of both directions, with what people put in. */
function label(column: Column, index: number): string {
  if (column === 'contact_last_name') return index % 2 === 0 ? 'القحطاني' : 'Al-Qahtani';
  return column === 'company_name' ? (index % 2 === 0 ? 'شركة النور 🌙' : 'Gulf Logistics LLC') : index % 2 === 0 ? 'مدير المبيعات' : 'Key Account Manager';
}

async function rapidEdits(deps: BurstDeps, pair: Pair, index: number): Promise<void> {
  for (let edit = 1; edit <= BURST.rapidEdits; edit += 1) {
    const value = `Draft ${edit} of ${BURST.rapidEdits}`;
    if (index % 2 === 0) await viaApi(deps, pair, 'job_title', value);
    else await viaHubSpot(deps, pair, 'job_title', value, true);
  }
}

async function lostEdits(deps: BurstDeps, pairs: readonly Pair[]): Promise<void> {
  for (const [index, pair] of pairs.entries()) await viaHubSpot(deps, pair, 'job_title', `Unannounced ${index}`, false);
}

async function newContacts({ sides, onEdit }: BurstDeps): Promise<void> {
  for (let index = 0; index < BURST.newPerSide; index += 1) {
    await createInBevatel(sides, `demo-new-${index}`, { contact_first_name: 'جديد', contact_last_name: `عميل ${index}`, phone_number: `+96658000000${index}` });
    await createInHubSpot(sides, { firstname: 'New', lastname: `Lead ${index}`, email: `New.Lead${index}@example.com` });
    onEdit();
    onEdit();
  }
}

async function viaApi(deps: BurstDeps, { bevatel, hubspot }: Pair, column: Column, value: string): Promise<void> {
  await edited(deps, { side: 'hubspot', id: hubspot.id, field: COLUMNS[column], value, isAnnounced: true },
    () => editInBevatel(deps.sides, bevatel.id, column === 'job_title' ? { custom: { job_title: value } } : { [column]: value }));
}

async function viaSql(deps: BurstDeps, { bevatel, hubspot }: Pair, column: Column, value: string): Promise<void> {
  await edited(deps, { side: 'hubspot', id: hubspot.id, field: COLUMNS[column], value, isAnnounced: true }, () => editBySql(deps.sides, bevatel.id, column, value));
}

async function viaHubSpot(deps: BurstDeps, { bevatel, hubspot }: Pair, column: Column, value: string, isAnnounced: boolean): Promise<void> {
  await edited(deps, { side: 'bevatel', id: bevatel.id, field: column, value, isAnnounced }, () => editInHubSpot(deps.sides, hubspot.id, { [COLUMNS[column]]: value }));
}

type Awaited = Omit<Parameters<LagWatch['expect']>[0], 'editedAt'>;

/** An edit counts from the moment before it is sent; a later one of the same field takes the place of an earlier one. */
async function edited(deps: BurstDeps, awaited: Awaited, edit: () => Promise<void>): Promise<void> {
  const editedAt = deps.clock();
  await edit();
  deps.watch.forget(awaited.side, awaited.id, awaited.field);
  deps.watch.expect({ ...awaited, editedAt });
  deps.onEdit();
}
