import { describe, expect, it } from 'vitest';
import type { Finding } from './oracle/evidence.ts';
import { FAULT_KINDS } from './schedule/schedule.ts';
import type { FaultKind } from './schedule/schedule.ts';
import { ENOUGH_SCHEDULES, isGood, tally } from './tally.ts';
import type { Ran } from './worker.ts';

const FINDING: Finding = { invariant: 'I2', class: 'lost', what: 'the edit 3 is lost', person: 'p1' };

function ran(seed: number, given: Partial<Ran> = {}): Ran {
  return { did: 'run', seed, edits: 10, faults: faults(1), findings: [], blindWindows: 0, hash: `hash of ${seed}`, ms: 1, story: [], ...given };
}

function faults(each: number, but: readonly FaultKind[] = []): Record<FaultKind, number> {
  return Object.fromEntries(FAULT_KINDS.map((kind) => [kind, but.includes(kind) ? 0 : each])) as Record<FaultKind, number>;
}

function many(count: number, given: Partial<Ran> = {}): Ran[] {
  return Array.from({ length: count }, (_, index) => ran(index + 1, given));
}

describe('the word on a run', () => {
  it.each<[string, readonly Ran[], boolean]>([
    ['nothing was broken', many(3), true],
    ['one promise of one seed was broken', [...many(3), ran(4, { findings: [FINDING] })], false],
    ['a long run met every kind of fault', many(ENOUGH_SCHEDULES), true],
    ['a long run never met a kind of fault', many(ENOUGH_SCHEDULES, { faults: faults(1, ['late_landing']) }), false],
    ['a short run never met a kind of fault', many(ENOUGH_SCHEDULES - 1, { faults: faults(1, ['late_landing']) }), true],
  ])('%s', (_, runs, expected) => {
    expect(isGood(tally(runs))).toBe(expected);
  });

  it('adds up, in whatever order the seeds came in', () => {
    const runs = [ran(2, { findings: [FINDING, { ...FINDING, invariant: 'I1', class: 'diverged' }], blindWindows: 2 }), ran(1)];
    expect(tally(runs)).toMatchObject({ schedules: 2, edits: 20, faults: 2 * FAULT_KINDS.length, lost: 1, diverged: 1, duplicates: 0, blind_window: 2, failing_seeds: [2] });
    expect(tally(runs.toReversed()).hashes).toEqual(tally(runs).hashes);
  });
});
