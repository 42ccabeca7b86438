import { describe, expect, it } from 'vitest';
import { isStalled, recentLooks } from './stall.ts';
import type { Look } from './stall.ts';

function looks(...rows: readonly (readonly [at: number, position: number, end: number, busy?: boolean])[]): Look[] {
  return rows.map(([at, position, end, busy = false]) => ({ at, position: BigInt(position), end: BigInt(end), busy }));
}

describe('isStalled', () => {
  it.each([
    ['lag and no progress over the window', looks([0, 5, 9], [50, 5, 9], [100, 5, 12]), true],
    ['the window is not over yet', looks([0, 5, 9], [50, 5, 9]), false],
    ['slow but moving', looks([0, 5, 900], [50, 5, 900], [100, 6, 900]), false],
    ['up to date at some time in the window', looks([0, 5, 9], [50, 9, 9], [100, 9, 12]), false],
    ['a slow topic: no lag, nothing to do', looks([0, 9, 9], [50, 9, 9], [100, 9, 9]), false],
    ['a batch is at work or waits on purpose', looks([0, 5, 9], [50, 5, 9, true], [100, 5, 9]), false],
    ['nothing seen', [], false],
  ])('%s', (_name, seen, expected) => {
    expect(isStalled(seen, 100)).toBe(expected);
  });

  it('needs no more than the window', () => {
    const kept = recentLooks(looks([0, 1, 9], [40, 1, 9], [100, 1, 9], [150, 1, 9]), 100);
    expect(kept.map((look) => look.at)).toEqual([40, 100, 150]);
    expect(isStalled(kept, 100)).toBe(true);
  });
});
