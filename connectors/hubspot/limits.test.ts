import { describe, expect, it } from 'vitest';
import { hubSpotRateLimits, pauseOfPolicy } from './limits.ts';

describe('limits', () => {
  it('are the documented ones unless the integration has its own', () => {
    expect(hubSpotRateLimits({})).toEqual([{ kind: 'calls', points: 100, perMs: 10_000 }, { kind: 'search', points: 5, perMs: 1_000 }]);
    expect(hubSpotRateLimits({ callsPerTenSeconds: 190, searchesPerSecond: 2 }).map(({ points }) => points)).toEqual([190, 2]);
  });

  it('a used-up day ends at midnight in the account\'s time zone', () => {
    const nowMs = Date.parse('2026-01-01T20:30:00Z');
    expect(pauseOfPolicy('DAILY', { nowMs, timeZone: 'Asia/Riyadh', kind: 'calls' })).toBe(30 * 60_000);
    expect(pauseOfPolicy('DAILY', { nowMs, timeZone: 'UTC', kind: 'calls' })).toBe(3.5 * 3_600_000);
  });

  it('a search waits a second, another call ten', () => {
    const pause = (kind: 'calls' | 'search'): number => pauseOfPolicy(undefined, { nowMs: 0, timeZone: undefined, kind });
    expect([pause('search'), pause('calls')]).toEqual([1_000, 10_000]);
  });
});
