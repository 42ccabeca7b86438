/**
 * Rounds of work, torment, healing and judgement on the real stack. Many rounds happen to the same people, on the same
 * site; a finding, or so many rounds, end it, and the next one begins on a new one.
 */
import type { StackUrls } from '../../deploy/local/stack.ts';
import { randomOf } from '../engine/random.ts';
import type { Evidence, FaultClass, Finding } from '../oracle/evidence.ts';
import { judge } from '../oracle/oracle.ts';
import type { Judgement } from '../oracle/oracle.ts';
import { storyOf } from '../story.ts';
import { collect } from './evidence.ts';
import { People } from './people.ts';
import { Published } from './published.ts';
import { isFollowed, untilAtRest, writesAtRest } from './rest.ts';
import type { RoleName } from './roles.ts';
import { openSite } from './site.ts';
import type { Site } from './site.ts';
import { Torment } from './torment.ts';
import { until } from './until.ts';

export interface CampaignOptions {
  readonly urls: StackUrls;
  readonly rounds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
  /** Told of each site, so that whoever is interrupted can close it. */
  readonly onSite: (site: Site) => void;
}

export interface Totals {
  readonly seed: number;
  readonly rounds: number;
  readonly kills: number;
  readonly edits: number;
  readonly faults: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly loops: number;
  readonly diverged: number;
  readonly unexplained: number;
  /** Edits overwritten where their system leaves nobody a way to tell (I2). */
  readonly blind_window: number;
  readonly kills_by_role: Readonly<Record<RoleName, number>>;
  readonly faults_by_kind: Readonly<Record<string, number>>;
}

const ROUNDS_PER_SITE = 20;
const PEOPLE = 6;
const WORK_MS = 2_500;
const PATIENCE_MS = 120_000;
/** What looks broken at rest is looked at again until this time is up: a page of the evidence may be older than the next. */
const SECOND_THOUGHTS_MS = 10_000;

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
  const site = await openSite(options.urls, 'chaos', randomOf(options.seed, `site ${number}`));
  options.onSite(site);
  const stay = new Stay(site, options, number);
  try {
    await stay.begin();
    return stay;
  } catch (error) {
    await stay.close();
    throw error;
  }
}

interface Round {
  readonly findings: readonly Finding[];
}

/** A number of rounds on one site. */
class Stay {
  readonly people: People;
  readonly torment: Torment;
  readonly site: Site;
  isBroken = false;
  blindWindows = 0;
  readonly #options: CampaignOptions;
  readonly #published: Published;

  constructor(site: Site, options: CampaignOptions, number: number) {
    this.site = site;
    this.#options = options;
    this.#published = new Published(site);
    this.people = new People(site, randomOf(options.seed, `people ${number}`));
    this.torment = new Torment(site, randomOf(options.seed, `torment ${number}`));
  }

  async begin(): Promise<void> {
    await this.#published.start();
    await this.people.populate(PEOPLE);
    await Promise.all(Object.values(this.site.roles).map((role) => role.start()));
    await until('Bevatel is followed', () => isFollowed(this.site), PATIENCE_MS);
  }

  /** `isLast`: waits longer, to see that nothing is written any more. */
  async round(number: number, isLast: boolean): Promise<Round> {
    const begun = Date.now();
    const before = { done: this.people.done, kills: sum(this.torment.kills) };
    await Promise.all([this.people.work(WORK_MS), this.torment.during(WORK_MS)]);
    const workedMs = Date.now() - begun;
    const unrest = await untilAtRest(this.site, PATIENCE_MS);
    const idleWrites = isLast && unrest.length === 0 ? await writesAtRest(this.site, PATIENCE_MS) : 0;
    const { judgement, evidence } = await this.#judged(unrest, idleWrites);
    this.isBroken = judgement.findings.length > 0;
    this.blindWindows = judgement.blindWindows;
    const { say } = this.#options;
    say(`round ${number}: ${this.people.done - before.done} edits, ${sum(this.torment.kills) - before.kills} kills, at rest ${seconds(Date.now() - begun)} s after its begin (${seconds(workedMs)} s of torment), ${judgement.findings.length} findings`);
    this.#tell(judgement, evidence);
    return judgement;
  }

  async #judged(unrest: readonly string[], idleWrites: number): Promise<{ judgement: Judgement; evidence: Evidence }> {
    for (const end = Date.now() + SECOND_THOUGHTS_MS; ;) {
      await this.#published.toTheEnd(PATIENCE_MS);
      const evidence = await collect(this.site, this.#published, { unrest, idleWrites, unforeseen: [...this.torment.ended, ...this.#ended()] });
      const judgement = judge(evidence);
      if (judgement.findings.length === 0 || unrest.length > 0 || idleWrites > 0 || Date.now() > end) return { judgement, evidence };
      await untilAtRest(this.site, PATIENCE_MS);
    }
  }

  #ended(): string[] {
    return Object.values(this.site.roles).filter((role) => !role.isRunning).map((role) => `${role.name} ended by itself: ${role.log}`);
  }

  #tell({ findings }: Judgement, evidence: Evidence): void {
    const { say, seed } = this.#options;
    for (const { invariant, class: kind, what, person } of findings) {
      say(`→ ${invariant} (${kind}): ${what}`);
      for (const line of storyOf(evidence, person, { startAt: this.site.diary.startedAt, withReads: true })) say(line);
    }
    if (findings.length > 0) say(`  the same chances again: npm run chaos -- --seed ${seed}`);
  }

  async close(): Promise<void> {
    await this.#published.close();
    await this.site.close();
  }
}

class Tally {
  rounds = 0;
  readonly #seed: number;
  readonly #findings: Finding[] = [];
  readonly #kills: Record<string, number> = {};
  readonly #faults: Record<string, number> = {};
  #edits = 0;
  #blindWindows = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  add({ findings }: Round): void {
    this.rounds += 1;
    this.#findings.push(...findings);
  }

  leave({ people, torment, site, blindWindows }: Stay): void {
    this.#edits += people.done;
    this.#blindWindows += blindWindows;
    addAll(this.#kills, torment.kills);
    const { start: _start, kill: _kill, ...faults } = site.diary.troubles;
    const { lost, doubled } = site.hubspot.control.webhookCounts();
    addAll(this.#faults, { ...faults, webhook_dropped: lost, webhook_doubled: doubled });
  }

  get totals(): Totals {
    const found = (kind: FaultClass): number => this.#findings.filter((finding) => finding.class === kind).length;
    return {
      seed: this.#seed, rounds: this.rounds, kills: sum(this.#kills), edits: this.#edits, faults: sum(this.#faults),
      lost: found('lost'), duplicates: found('duplicate'), loops: found('loop'), diverged: found('diverged'), unexplained: found('unexplained'),
      blind_window: this.#blindWindows,
      kills_by_role: { capture: 0, reconcile: 0, deliver: 0, ...this.#kills }, faults_by_kind: this.#faults,
    };
  }
}

function addAll(to: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) to[name] = (to[name] ?? 0) + count;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

/** Whether nothing was broken. */
export function isGood({ lost, duplicates, loops, diverged, unexplained }: Totals): boolean {
  return lost + duplicates + loops + diverged + unexplained === 0;
}
