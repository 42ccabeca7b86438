import { describe, expect, it } from 'vitest';
import { momentOf } from './moments.ts';

const NOW = Date.UTC(2026, 3, 16, 12);

describe('momentOf', () => {
  it.each([
    ['30s', NOW - 30_000], ['90m', NOW - 5_400_000], ['24h', NOW - 86_400_000], ['7d', NOW - 7 * 86_400_000],
    ['2026-04-16', Date.UTC(2026, 3, 16)], ['2026-04-16T07:00Z', Date.UTC(2026, 3, 16, 7)], ['2026-04-16T10:00:05.250+03:00', Date.UTC(2026, 3, 16, 7, 0, 5, 250)],
  ])('%s', (text, at) => {
    expect(momentOf(text, NOW)).toBe(at);
  });
  it.each(['', 'yesterday', '7', '-7d', '2026-13-01', '2026-04-16T07:00', '16.04.2026'])('"%s" is no time', (text) => {
    expect(() => momentOf(text, NOW)).toThrow('is no time');
  });
});
