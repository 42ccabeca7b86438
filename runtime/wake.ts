/**
 * Wake-ups: "links of this integration may be due". Sent after the commit, to this process and by Redis to the others.
 *
 * The first one goes out at once, those of the next 10 ms together after it (design §6). They may get lost, for
 * instance while Redis is gone: whoever listens polls as well.
 */
import type { Redis } from 'ioredis';
import type { Wake } from './deps.ts';
import type { Logger } from './logger.ts';
import { openSubscriber } from './redis.ts';

export interface WakeOptions {
  readonly redis: Redis | null;
  /** Keeps installations on one Redis apart; the topics' prefix. */
  readonly prefix: string;
  /** Tells our own messages from those of other processes. */
  readonly processId: string;
  readonly logger: Logger;
  readonly coalesceMs?: number;
}

export interface ClosableWake extends Wake {
  close(): Promise<void>;
}

type Listener = (tenantId: string, integrationId: string) => void;
type Pair = readonly [tenantId: string, integrationId: string];
interface Parcel {
  readonly from: string;
  readonly pairs: readonly Pair[];
}

function isParcel(value: unknown): value is Parcel {
  return typeof value === 'object' && value !== null && 'from' in value && 'pairs' in value && Array.isArray(value.pairs)
    && value.pairs.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((id) => typeof id === 'string'));
}

function parse(text: string): Parcel | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isParcel(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function createWake({ redis, prefix, processId, logger, coalesceMs = 10 }: WakeOptions): ClosableWake {
  const channel = `${prefix}wake`;
  const listeners = new Set<Listener>();
  const pending = new Map<string, Pair>();
  let timer: NodeJS.Timeout | undefined;

  function tell(pairs: readonly Pair[]): void {
    for (const [tenantId, integrationId] of pairs) {
      for (const listener of listeners) {
        try {
          listener(tenantId, integrationId);
        } catch (error) {
          logger.error({ err: error }, 'a wake-up was not heard');
        }
      }
    }
  }
  function flush(): void {
    const pairs = [...pending.values()];
    pending.clear();
    timer = undefined;
    if (pairs.length === 0) return;
    timer = setTimeout(flush, coalesceMs);
    if (redis?.status === 'ready') redis.publish(channel, JSON.stringify({ from: processId, pairs } satisfies Parcel)).catch(() => undefined);
    tell(pairs);
  }
  const subscriber = redis && openSubscriber(redis, logger);
  subscriber?.subscribe(channel).catch((error: unknown) => logger.debug({ err: error }, 'wake-ups of other processes are not heard'));
  subscriber?.on('message', (_channel, text) => {
    const parcel = parse(text);
    if (parcel && parcel.from !== processId) tell(parcel.pairs);
  });
  return {
    notify: (tenantId, integrationId) => {
      pending.set(`${tenantId}/${integrationId}`, [tenantId, integrationId]);
      timer ??= setTimeout(flush, 0);
    },
    listen: (onWake) => {
      listeners.add(onWake);
      return () => listeners.delete(onWake);
    },
    close: () => {
      clearTimeout(timer);
      listeners.clear();
      subscriber?.disconnect();
      return Promise.resolve();
    },
  };
}
