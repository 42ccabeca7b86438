/** Adds up what the rounds of a campaign showed. */
import { brokenIn } from '../oracle/broken.ts';
import type { Broken } from '../oracle/broken.ts';
import type { Finding } from '../oracle/evidence.ts';
import type { Judgement } from '../oracle/oracle.ts';
import type { People } from './people.ts';
import type { RoleName } from './roles.ts';
import type { Site } from './site.ts';
import type { Torment } from './torment.ts';

export interface Totals extends Broken {
  readonly seed: number;
  readonly rounds: number;
  readonly kills: number;
  readonly edits: number;
  readonly faults: number;
  /** Edits overwritten where their system leaves nobody a way to tell (I2). */
  readonly blind_window: number;
  /** Pairs that still waited for what became of a write when their site was left, and were not judged. */
  readonly waiting: number;
  readonly kills_by_role: Readonly<Record<RoleName, number>>;
  readonly faults_by_kind: Readonly<Record<string, number>>;
}

interface Left {
  readonly people: People;
  readonly torment: Torment;
  readonly site: Site;
  readonly blindWindows: number;
  readonly waiting: number;
}

export class Tally {
  rounds = 0;
  readonly #seed: number;
  readonly #findings: Finding[] = [];
  readonly #kills: Record<string, number> = {};
  readonly #faults: Record<string, number> = {};
  #edits = 0;
  #blindWindows = 0;
  #waiting = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  add({ findings }: Judgement): void {
    this.rounds += 1;
    this.#findings.push(...findings);
  }

  /** What a site saw, when it is left. */
  leave({ people, torment, site, blindWindows, waiting }: Left): void {
    this.#edits += people.done;
    this.#blindWindows += blindWindows;
    this.#waiting += waiting;
    addAll(this.#kills, torment.kills);
    const { start: _start, kill: _kill, ...faults } = site.diary.troubles;
    const { lost, doubled } = site.hubspot.control.webhookCounts();
    addAll(this.#faults, { ...faults, webhook_dropped: lost, webhook_doubled: doubled });
  }

  get totals(): Totals {
    return {
      seed: this.#seed, rounds: this.rounds, kills: sum(this.#kills), edits: this.#edits, faults: sum(this.#faults),
      ...brokenIn(this.#findings),
      blind_window: this.#blindWindows, waiting: this.#waiting,
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

/** Whether nothing was broken. */
export function isGood({ lost, duplicates, loops, diverged, unexplained }: Totals): boolean {
  return lost + duplicates + loops + diverged + unexplained === 0;
}
