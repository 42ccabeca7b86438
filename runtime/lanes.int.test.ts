/** Lanes between limiters, as roles and processes have them: they share a quota through Redis, and live work goes first. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Lane } from '../schemas/value.ts';
import { isolatedStack } from '../tests/stack/fixture.ts';
import { createBackgroundLimiter } from './background-limit.ts';
import { createLogger } from './logger.ts';
import { createLimiter } from './rate-limit.ts';
import type { LimiterOptions, QuotaLimiter } from './rate-limit.ts';
import { connectRedis } from './redis.ts';

const stack = await isolatedStack('lanes');
const ending = new AbortController();
const redises = await Promise.all([0, 1].map(() => connectRedis({ url: stack.redisUrl, logger: createLogger({ service: 'test', level: 'silent' }) })));
afterAll(() => {
  ending.abort();
  for (const redis of redises) redis.disconnect();
});

/** Two processes on one quota; `order` says in which lane each call was let through. */
function twoProcesses(name: string, limit: { readonly points: number; readonly perMs: number }, background: (options: LimiterOptions) => QuotaLimiter) {
  const order: Lane[] = [];
  const options = (index: number): LimiterOptions => ({ redis: redises[index] ?? null, name: `${stack.topicPrefix}${name}`, limits: [{ kind: 'calls', ...limit }], clock: Date.now });
  const limiters = { repair: background(options(0)), live: createLimiter(options(1)) };
  return {
    order,
    take: async (lane: 'live' | 'repair') => {
      await limiters[lane].take('calls', { signal: ending.signal, lane });
      order.push(lane);
    },
  };
}

describe('lanes', () => {
  it('work in the background leaves half of each window to live calls, however much of it there is', async () => {
    const { order, take } = twoProcesses('share', { points: 4, perMs: 60_000 }, createBackgroundLimiter);
    const first = take('repair');
    for (let count = 0; count < 10; count += 1) take('repair').catch(() => undefined);
    await first;
    await Promise.all([take('live'), take('live')]);
    expect(order.filter((lane) => lane === 'live')).toHaveLength(2);
    expect(order.filter((lane) => lane === 'repair').length).toBeLessThanOrEqual(2);
  });

  it('where a live call did not get a place, other processes leave it the next places', async () => {
    const { order, take } = twoProcesses('yield', { points: 2, perMs: 1_000 }, createLimiter);
    await Promise.all([take('repair'), take('repair')]);
    for (let count = 0; count < 20; count += 1) take('repair').catch(() => undefined);
    for (let count = 0; count < 3; count += 1) await take('live');
    expect(order.slice(0, 5)).toEqual(['repair', 'repair', 'live', 'live', 'live']);
  });
});
