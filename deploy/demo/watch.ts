/**
 * Shows how far the work is, and waits for conditions of it: a live line on a terminal, plain lines elsewhere.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import logUpdate from 'log-update';
import type { IntegrationStatus, Status } from '../../schemas/api.ts';
import type { Sides } from './sides.ts';
import type { Sync } from './sync.ts';

const PLAIN_EVERY_MS = 2_000;
const LOOK_EVERY_MS = 250;
/** How often in a row everything must look done: between two looks something may be on its way unseen. */
const LOOKS = 4;
/** Kafka's ends are looked at by the service itself at intervals; a wait must outlast one. */
const QUIET_FOR_MS = 1_500;

export interface Terminal {
  readonly isTTY: boolean;
  write(text: string): void;
}

/** What goes on now, in one line. `done` leaves a line that stays. */
export class Progress {
  readonly #isLive: boolean;
  readonly #clock: () => number;
  #printedAt = 0;
  #last = '';

  constructor(isLive: boolean, clock: () => number) {
    this.#isLive = isLive;
    this.#clock = clock;
  }

  show(line: string): void {
    if (line === this.#last) return;
    if (this.#isLive) logUpdate(`  ${line}`);
    else if (this.#clock() - this.#printedAt >= PLAIN_EVERY_MS) this.#print(`  ${line}`);
    else return;
    this.#last = line;
  }

  done(line: string): void {
    if (this.#isLive) logUpdate.clear();
    this.#print(line);
    this.#last = '';
  }

  #print(line: string): void {
    this.#printedAt = this.#clock();
    console.log(line);
  }
}

export interface Wait {
  readonly sync: Sync;
  readonly sides: Sides;
  readonly progress: Progress;
  readonly clock: () => number;
  readonly signal: AbortSignal;
  readonly withinMs: number;
}

/** Both first listings are stored, and nothing is left to do. Gives when that was first so; null when the time was over. */
export async function untilSynced(wait: Wait): Promise<number | null> {
  return untilQuiet(wait, (one) => one.listings.length === 2 && one.listings.every(({ state }) => state === 'stored'), initialLine);
}

/** Nothing is due, on its way or unread, and `isMet` says the rest. */
export async function untilQuiet(wait: Wait, isMet: (status: IntegrationStatus) => boolean, line: (status: Status) => string): Promise<number | null> {
  const until = wait.clock() + wait.withinMs;
  let since: number | null = null;
  let looks = 0;
  let before = '';
  while (wait.clock() < until) {
    wait.signal.throwIfAborted();
    const status = await wait.sync.status();
    wait.progress.show(line(status));
    const now = footprint(status, wait.sides);
    const isDone: boolean = isIdle(status, wait.sides) && status.integrations.every(isMet) && (since === null || now === before);
    before = now;
    since = isDone ? since ?? wait.clock() : null;
    looks = isDone ? looks + 1 : 0;
    if (since !== null && looks >= LOOKS && wait.clock() - since >= QUIET_FOR_MS) return since;
    await sleep(LOOK_EVERY_MS);
  }
  return null;
}

function isIdle(status: Status, { hubspot }: Sides): boolean {
  return status.integrations.length > 0 && hubspot.control.webhooksIdle()
    && status.kafka.consumers.every(({ records }) => records === 0)
    && status.integrations.every(({ queue }) => queue.every(({ due, waiting }) => due + waiting === 0));
}

/** Changes whenever something was written; polls alone leave it. */
function footprint({ integrations }: Status, { bevatel, hubspot }: Sides): string {
  const { batchWrite } = bevatel.control.counters();
  const { 'contacts.batchUpdate': updates, 'contacts.batchUpsert': upserts, 'contacts.batchCreate': creates } = hubspot.control.counts();
  return JSON.stringify([batchWrite.calls, updates, upserts, creates, integrations.map(({ links, conflicts }) => [links, conflicts])]);
}

function initialLine(status: Status): string {
  const [one] = status.integrations;
  if (!one) return 'the integration is being picked up';
  const listed = one.listings.map(({ side, records, total, state }) => `${side === 'external' ? 'HubSpot' : 'Bevatel'} ${state === 'stored' ? 'stored' : `${records}/${total ?? '?'}`}`).join(', ');
  return `listing: ${listed || 'begins'} · pairs ${one.links.paired} · without a partner ${one.links.oneSided} · to do ${todo(one)}`;
}

export function todo({ queue }: IntegrationStatus): number {
  return queue.reduce((sum, { due, waiting }) => sum + due + waiting, 0);
}
