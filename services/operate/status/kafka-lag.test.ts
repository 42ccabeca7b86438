import { describe, expect, it } from 'vitest';
import { lagSeconds } from './kafka-lag.ts';

describe('lagSeconds', () => {
  const notes = [{ at: 1_000, end: 10 }, { at: 2_000, end: 20 }, { at: 3_000, end: 30 }];
  it.each<[string, number, number | null]>([
    ['all is read', 30, 0],
    ['the last records came within the last second but one', 25, 7],
    ['the oldest unread record was there at the second note', 10, 8],
    ['it was there before anything was watched', 3, 9],
  ])('%s', (_what, position, expected) => {
    expect(lagSeconds(notes, position, 10_000)).toBe(expected);
  });
  it('nothing was watched yet', () => {
    expect(lagSeconds([], 3, 10_000)).toBeNull();
  });
});
