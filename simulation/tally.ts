/** Adds up what a run of schedules showed. */
import { brokenIn } from './oracle/broken.ts';
import type { Broken } from './oracle/broken.ts';
import { FAULT_KINDS } from './schedule/schedule.ts';
import type { FaultKind } from './schedule/schedule.ts';
import type { Ran } from './worker.ts';

/** What `--json` prints; the classes of broken promises must all be 0. */
export interface Totals extends Broken {
  readonly schedules: number;
  readonly edits: number;
  readonly faults: number;
  /** Edits overwritten where their system leaves nobody a way to tell (I2). */
  readonly blind_window: number;
  readonly faults_by_kind: Readonly<Record<FaultKind, number>>;
  /** Kinds of faults that never came about. */
  readonly faults_missing: readonly FaultKind[];
  readonly failing_seeds: readonly number[];
  /** Of the decision logs of all seeds, in their order. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** From so many schedules on, a kind of fault that never came about makes the run a failure. */
export const ENOUGH_SCHEDULES = 200;

export function tally(runs: readonly Ran[]): Totals {
  const sum = (of: (run: Ran) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const byKind = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, sum(({ faults }) => faults[kind])])) as Record<FaultKind, number>;
  const inOrder = runs.toSorted((a, b) => a.seed - b.seed);
  return {
    schedules: runs.length,
    edits: sum(({ edits }) => edits),
    faults: Object.values(byKind).reduce((total, count) => total + count, 0),
    ...brokenIn(runs.flatMap(({ findings }) => findings)),
    blind_window: sum(({ blindWindows }) => blindWindows),
    faults_by_kind: byKind,
    faults_missing: FAULT_KINDS.filter((kind) => byKind[kind] === 0),
    failing_seeds: inOrder.filter(({ findings }) => findings.length > 0).map(({ seed }) => seed),
    hashes: Object.fromEntries(inOrder.map(({ seed, hash }) => [seed, hash.slice(0, 16)])),
  };
}

/** Whether the run proves anything, and nothing broken. */
export function isGood({ failing_seeds: failing, schedules, faults_missing: missing }: Totals): boolean {
  return failing.length === 0 && (schedules < ENOUGH_SCHEDULES || missing.length === 0);
}
