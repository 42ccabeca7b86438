import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../runtime/sleep.ts';
import { HintWindow } from './hint-window.ts';

describe('I7: only what is done may be committed', () => {
  it('whatever the order of completion, everything below `low` is done and `low` itself is not', () => {
    fc.assert(fc.property(fc.shuffledSubarray(Array.from({ length: 30 }, (_, index) => BigInt(index + 5))), (completed) => {
      const window = new HintWindow(5n, sleep);
      for (let offset = 5n; offset < 35n; offset += 1n) window.take(offset);
      const done = new Set<bigint>();
      for (const offset of completed) {
        window.done(offset);
        done.add(offset);
        for (let below = 5n; below < window.low; below += 1n) expect(done.has(below)).toBe(true);
        expect(done.has(window.low)).toBe(false);
      }
    }));
  });

  it('covers what it was told about, and not what lies before', () => {
    const window = new HintWindow(5n, sleep);
    window.take(5n);
    window.take(6n);
    window.done(5n);
    expect(window.covers(5n)).toBe(true);
    expect(window.tell()).toBe(6n);
    expect(window.covers(5n)).toBe(false);
    expect(window.covers(6n)).toBe(true);
  });

  it('skips gaps in the log', () => {
    const window = new HintWindow(5n, sleep);
    window.take(9n);
    expect(window.isFresh(8n)).toBe(false);
    window.done(9n);
    expect([window.low, window.idle]).toEqual([10n, true]);
  });

  it('progress ends at once when something was done, and by itself otherwise', async () => {
    const window = new HintWindow(0n, sleep);
    window.take(0n);
    const progress = window.progress(60_000);
    window.done(0n);
    await progress;
    window.take(1n);
    await window.progress(1);
    expect(window.idle).toBe(false);
  });
});
