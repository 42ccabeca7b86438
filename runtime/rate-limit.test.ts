import { describe, expect, it } from 'vitest';
import { createLimiter } from './rate-limit.ts';
import type { LimiterOptions } from './rate-limit.ts';

/** A clock that moves only by sleeping. */
function fakeTime() {
  let now = 1_000_000;
  const slept: number[] = [];
  return {
    clock: () => now,
    slept,
    sleep: async (ms: number) => {
      slept.push(ms);
      now += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
function limiterOf(time: ReturnType<typeof fakeTime>, more: Partial<LimiterOptions> = {}) {
  return createLimiter({ redis: null, name: 't/i', limits: [{ kind: 'calls', points: 400, perMs: 10_000 }], clock: time.clock, sleep: time.sleep, ...more });
}
const never = new AbortController().signal;

describe('createLimiter', () => {
  it('I10: without Redis goes on at a quarter of the limit, then says how long to wait', async () => {
    const time = fakeTime();
    const limiter = limiterOf(time, { limits: [{ kind: 'calls', points: 8, perMs: 600_000 }] });
    await limiter.take('calls', { signal: never, lane: 'live' });
    await limiter.take('calls', { signal: never, lane: 'live' });
    expect(limiter.waitMs('calls')).toBe(0);
    const aborted = new AbortController();
    const third = limiter.take('calls', { signal: aborted.signal, lane: 'live' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(limiter.waitMs('calls')).toBeGreaterThan(500_000);
    aborted.abort();
    await expect(third).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('lets live calls go before repair before backfill, each lane in order', async () => {
    const time = fakeTime();
    const limiter = limiterOf(time);
    limiter.feedback('calls', { pauseMs: 5_000 });
    const order: string[] = [];
    const wait = (name: string, lane: 'live' | 'repair' | 'backfill') => limiter.take('calls', { signal: never, lane }).then(() => order.push(name));
    await Promise.all([wait('b1', 'backfill'), wait('r1', 'repair'), wait('b2', 'backfill'), wait('l1', 'live'), wait('l2', 'live')]);
    expect(order).toEqual(['l1', 'l2', 'r1', 'b1', 'b2']);
  });

  it('I10: holds all calls of a kind as long as the system asked for', async () => {
    const time = fakeTime();
    const limiter = limiterOf(time);
    limiter.feedback('calls', { pauseMs: 2_500 });
    expect(limiter.waitMs('calls')).toBe(2_500);
    await limiter.take('calls', { signal: never, lane: 'live' });
    expect(time.slept.slice(0, 3)).toEqual([1_000, 1_000, 500]);
  });

  it('waits for the reset when nothing remains, not when something does', () => {
    const limiter = limiterOf(fakeTime());
    limiter.feedback('calls', { remaining: 3, resetMs: 9_000, dailyRemaining: 77 });
    expect(limiter.waitMs('calls')).toBe(0);
    expect(limiter.dailyRemaining()).toBe(77);
    limiter.feedback('calls', { remaining: 0, resetMs: 9_000 });
    expect(limiter.waitMs('calls')).toBe(9_000);
  });

  it('refuses a call whose signal has ended, and one whose signal ends while it waits', async () => {
    const limiter = limiterOf(fakeTime(), { sleep: () => new Promise((resolve) => setTimeout(resolve, 5)) });
    await expect(limiter.take('calls', { signal: AbortSignal.abort(), lane: 'live' })).rejects.toMatchObject({ code: 'rate_limited' });
    limiter.feedback('calls', { pauseMs: 60_000 });
    const ending = new AbortController();
    const waiting = limiter.take('calls', { signal: ending.signal, lane: 'live' });
    ending.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('does not hold back a kind that has no limit', async () => {
    await limiterOf(fakeTime()).take('other', { signal: never, lane: 'backfill' });
  });
});
