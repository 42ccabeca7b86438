/**
 * Rounds of work, torment, healing and judgement on the real stack. Many rounds happen to the same people, on the same
 * site; a finding, or so many rounds, end it, and the next one begins on a new one.
 */
import type { StackUrls } from '../../deploy/local/stack.ts';
import { randomOf } from '../engine/random.ts';
import type { Judgement } from '../oracle/oracle.ts';
import { judgedAtRest, storiesOf } from './judgement.ts';
import { People } from './people.ts';
import { isFollowed } from './rest.ts';
import { openSite } from './site.ts';
import type { Site } from './site.ts';
import { Tally } from './tally.ts';
import type { Totals } from './tally.ts';
import { Torment } from './torment.ts';
import { until } from './until.ts';

export interface CampaignOptions {
  readonly urls: StackUrls;
  readonly rounds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
  /** Told of each site before it is open, so that whoever is interrupted can close it. */
  readonly onSite: (opening: Promise<Site>) => void;
  /** No further site is opened once it is aborted. */
  readonly signal?: AbortSignal;
}

const ROUNDS_PER_SITE = 20;
const PEOPLE = 6;
const WORK_MS = 2_500;
const PATIENCE_MS = 120_000;

export async function campaign(options: CampaignOptions): Promise<Totals> {
  const tally = new Tally(options.seed);
  for (let site = 0; tally.rounds < options.rounds; site += 1) {
    const stay = await openStay(options, site);
    try {
      const last = Math.min(options.rounds, tally.rounds + ROUNDS_PER_SITE);
      while (tally.rounds < last && !stay.isBroken) tally.add(await stay.round(tally.rounds + 1, tally.rounds + 1 === last));
      tally.leave(stay);
    } finally {
      await stay.close();
    }
  }
  return tally.totals;
}

async function openStay(options: CampaignOptions, number: number): Promise<Stay> {
  options.signal?.throwIfAborted();
  const opening = openSite(options.urls, 'chaos', randomOf(options.seed, `site ${number}`));
  options.onSite(opening);
  const stay = new Stay(await opening, options, number);
  try {
    await stay.begin();
    return stay;
  } catch (error) {
    await stay.close();
    throw error;
  }
}

/** A number of rounds on one site. */
class Stay {
  readonly people: People;
  readonly torment: Torment;
  readonly site: Site;
  isBroken = false;
  blindWindows = 0;
  waiting = 0;
  readonly #options: CampaignOptions;

  constructor(site: Site, options: CampaignOptions, number: number) {
    this.site = site;
    this.#options = options;
    this.people = new People(site, randomOf(options.seed, `people ${number}`));
    this.torment = new Torment(site, randomOf(options.seed, `torment ${number}`));
  }

  async begin(): Promise<void> {
    await this.people.populate(PEOPLE);
    await Promise.all(Object.values(this.site.roles).map((role) => role.start()));
    await until('Bevatel is followed', () => isFollowed(this.site), PATIENCE_MS);
  }

  /** `isLast`: waits longer, to see that nothing is written any more. */
  async round(number: number, isLast: boolean): Promise<Judgement> {
    const begun = Date.now();
    const before = { done: this.people.done, kills: this.#kills };
    await Promise.all([this.people.work(WORK_MS), this.torment.during(WORK_MS)]);
    const workedMs = Date.now() - begun;
    const judged = await judgedAtRest(this.site, { patienceMs: PATIENCE_MS, ended: this.torment.ended, untilQuiet: isLast });
    const { judgement: { findings, blindWindows } } = judged;
    this.isBroken = findings.length > 0;
    this.blindWindows = blindWindows;
    this.waiting = judged.waiting.size;
    const { say, seed } = this.#options;
    say(`round ${number}: ${this.people.done - before.done} edits, ${this.#kills - before.kills} kills, at rest ${seconds(Date.now() - begun)} s after its begin (${seconds(workedMs)} s of torment), ${findings.length} findings${this.waiting > 0 ? `, ${this.waiting} pairs wait for a write` : ''}`);
    for (const line of storiesOf(this.site, judged)) say(line);
    if (this.isBroken) say(`  the same chances again: npm run chaos -- --seed ${seed}`);
    return judged.judgement;
  }

  get #kills(): number {
    return Object.values(this.torment.kills).reduce((sum, kills) => sum + kills, 0);
  }

  close(): Promise<void> {
    return this.site.close();
  }
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
