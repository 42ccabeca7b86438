/** What Redis gives, and what becomes of it when Redis is gone. */
import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isolatedStack } from '../tests/stack/fixture.ts';
import { createLogger } from './logger.ts';
import { createLimiter } from './rate-limit.ts';
import { connectRedis } from './redis.ts';
import { createWake } from './wake.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const stack = await isolatedStack('redis');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function redisAt(url: string) {
  const redis = await connectRedis({ url, logger });
  cleanups.push(() => redis.disconnect());
  return redis;
}

/** A way to Redis that can be cut and mended. */
async function breakableRedis() {
  const target = new URL(stack.redisUrl);
  const sockets = new Set<Socket>();
  let cut = false;
  const server = createServer((inbound) => {
    if (cut) return inbound.destroy();
    const outbound = connect(Number(target.port), target.hostname);
    for (const socket of [inbound, outbound]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => { sockets.delete(socket); inbound.destroy(); outbound.destroy(); });
    }
    inbound.pipe(outbound).pipe(inbound);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => { for (const socket of sockets) socket.destroy(); server.close(resolve); }));
  const redis = await redisAt(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    redis,
    cut: async () => {
      cut = true;
      for (const socket of sockets) socket.destroy();
      await vi.waitFor(() => expect(redis.status).not.toBe('ready'));
    },
    mend: async () => {
      cut = false;
      await vi.waitFor(() => expect(redis.status).toBe('ready'), 10_000);
    },
  };
}

describe('connectRedis', () => {
  it('I10: resolves without Redis, and commands fail at once instead of waiting', async () => {
    const redis = await redisAt('redis://127.0.0.1:1');
    await expect(redis.get('x')).rejects.toThrow();
  });
});

describe('createLimiter on Redis', () => {
  const never = new AbortController().signal;
  const limits = [{ kind: 'calls', points: 4, perMs: 60_000 }];

  it('shares one limit between processes, and a pause too', async () => {
    const name = `${stack.topicPrefix}shared`;
    const [one, two] = await Promise.all([0, 1].map(async () => createLimiter({ redis: await redisAt(stack.redisUrl), name, limits, clock: Date.now })));
    if (!one || !two) throw new Error('two limiters are needed');
    const call = { signal: never, lane: 'live' } as const;
    await Promise.all([one.take('calls', call), one.take('calls', call), two.take('calls', call), two.take('calls', call)]);
    await expect(two.take('calls', { signal: AbortSignal.timeout(50), lane: 'live' })).rejects.toMatchObject({ code: 'rate_limited' });
    expect(two.waitMs('calls')).toBeGreaterThan(1_000);
    expect(one.waitMs('calls')).toBe(0);
  });

  it('tells other processes of the pause that the system asked for', async () => {
    const name = `${stack.topicPrefix}paused`;
    const one = createLimiter({ redis: await redisAt(stack.redisUrl), name, limits, clock: Date.now });
    const two = createLimiter({ redis: await redisAt(stack.redisUrl), name, limits, clock: Date.now });
    one.feedback('calls', { pauseMs: 30_000 });
    await vi.waitFor(async () => {
      await two.take('calls', { signal: AbortSignal.timeout(20), lane: 'live' }).catch(() => undefined);
      expect(two.waitMs('calls')).toBeGreaterThan(1_000);
    });
  });

  it('I10: goes on at the share of one process while Redis is gone', async () => {
    const { redis, cut } = await breakableRedis();
    const limiter = createLimiter({ redis, name: `${stack.topicPrefix}gone`, limits, clock: Date.now });
    await cut();
    await limiter.take('calls', { signal: never, lane: 'live' });
    await expect(limiter.take('calls', { signal: AbortSignal.timeout(50), lane: 'live' })).rejects.toMatchObject({ code: 'rate_limited' });
  });
});

describe('createWake', () => {
  async function wakeOf(processId: string, redis: Awaited<ReturnType<typeof redisAt>> | null) {
    const wake = createWake({ redis, prefix: stack.topicPrefix, processId, logger });
    cleanups.push(() => wake.close());
    const heard: string[] = [];
    const unlisten = wake.listen((tenantId, integrationId) => heard.push(`${tenantId}/${integrationId}`));
    return { wake, heard, unlisten };
  }

  it('is heard once in this process and once in the others, together when it comes in a burst', async () => {
    const one = await wakeOf('one', await redisAt(stack.redisUrl));
    const two = await wakeOf('two', await redisAt(stack.redisUrl));
    await vi.waitFor(() => {
      one.wake.notify('t', 'ready');
      expect(two.heard).toContain('t/ready');
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    one.heard.length = 0;
    two.heard.length = 0;
    for (let times = 0; times < 100; times += 1) one.wake.notify('t', 'a');
    one.wake.notify('t', 'b');
    await vi.waitFor(() => expect(two.heard).toEqual(['t/a', 't/b']));
    expect(one.heard).toEqual(['t/a', 't/b']);
  });

  it('goes on in this process while Redis is gone, and in the others when it is back', async () => {
    const { redis, cut, mend } = await breakableRedis();
    const one = await wakeOf('three', redis);
    const two = await wakeOf('four', await redisAt(stack.redisUrl));
    await cut();
    one.wake.notify('t', 'a');
    await vi.waitFor(() => expect(one.heard).toEqual(['t/a']));
    expect(two.heard).toEqual([]);
    await mend();
    await vi.waitFor(() => {
      two.wake.notify('t', 'b');
      one.wake.notify('t', 'c');
      expect(two.heard).toContain('t/c');
      expect(one.heard).toContain('t/b');
    }, 10_000);
  });

  it('is not heard by one that stopped listening, and survives a listener that throws', async () => {
    const { wake, heard, unlisten } = await wakeOf('alone', null);
    wake.listen(() => { throw new Error('a fault'); });
    const others: string[] = [];
    wake.listen((_tenant, integration) => others.push(integration));
    unlisten();
    wake.notify('t', 'a');
    await vi.waitFor(() => expect(others).toEqual(['a']));
    expect(heard).toEqual([]);
  });
});
