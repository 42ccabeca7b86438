/**
 * Redis never blocks work: a command fails at once when there is no connection, and in a second at most when there is
 * no answer. What Redis gives (shared rate limits, wake-ups) has a fallback in each process. It reconnects for ever.
 */
import { Redis } from 'ioredis';
import type { Logger } from './logger.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 1_000;
const LAST_RETRY_MS = 3_000;

/** One line when the connection is lost and one when it is back, not one per attempt. */
function report(redis: Redis, logger: Logger): void {
  let gone = false;
  redis.on('error', (error: Error) => {
    if (!gone) logger.warn({ err: error }, 'Redis is gone; work goes on with local rate limits');
    gone = true;
  });
  redis.on('ready', () => {
    if (gone) logger.info('Redis is back');
    gone = false;
  });
}

/** Resolves when it is connected, or after two seconds all the same. */
export async function connectRedis(options: { readonly url: string; readonly logger: Logger }): Promise<Redis> {
  const redis = new Redis(options.url, {
    enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: CONNECT_TIMEOUT_MS, commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(LAST_RETRY_MS, 100 * times),
  });
  report(redis, options.logger);
  await firstConnection(redis);
  return redis;
}

/** A connection of its own for subscriptions, which are renewed by themselves after a reconnection. */
export function openSubscriber(redis: Redis, logger: Logger): Redis {
  const subscriber = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null, commandTimeout: undefined });
  subscriber.on('error', (error: Error) => logger.debug({ err: error }, 'the subscription waits for Redis'));
  return subscriber;
}

function firstConnection(redis: Redis): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CONNECT_TIMEOUT_MS);
    redis.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
