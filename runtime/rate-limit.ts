/**
 * Rate limiting: the documented limits of a system, shared by all processes through Redis, fed by its own headers.
 *
 * Live work goes before repair before backfill. Without Redis each process goes on alone at a quarter of the limit
 * (design §6). The windows are those of rate-limiter-flexible: `points` in each window of `perMs`.
 */
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { CallOptions, Limiter, RateLimit } from '../connectors/connector.ts';
import { SyncError } from '../schemas/errors.ts';
import { LANES } from '../schemas/value.ts';
import { sleep as realSleep } from './sleep.ts';
import type { Sleep } from './sleep.ts';

/** Share of the limit that one process uses while Redis is away. */
const ALONE = 0.25;

export interface LimiterOptions {
  readonly redis: Redis | null;
  /** Names whose quota it is: one integration and system, across processes. */
  readonly name: string;
  readonly limits: readonly RateLimit[];
  readonly clock: () => number;
  readonly sleep?: Sleep;
}

/** A limiter that can also be asked, so that work is leased only when it can be done (many changes while throttled become one write). */
export interface QuotaLimiter extends Limiter {
  /** Milliseconds until a call of this kind may go out, as far as known here; 0 for now. */
  waitMs(kind: string): number;
  /** What the system last told of its daily quota; null when it never did. */
  dailyRemaining(): number | null;
}

interface Waiting {
  readonly lane: number;
  readonly signal: AbortSignal;
  readonly go: () => void;
  readonly give: (error: SyncError) => void;
}

export function createLimiter(options: LimiterOptions): QuotaLimiter {
  const kinds = new Map(options.limits.map((limit) => [limit.kind, new KindLimiter(options, limit)]));
  let daily: number | null = null;
  return {
    take: (kind, call) => kinds.get(kind)?.take(call) ?? Promise.resolve(),
    feedback(kind, told) {
      if (told.dailyRemaining !== undefined) daily = told.dailyRemaining;
      const untilReset = told.remaining === 0 ? (told.resetMs ?? 0) : 0;
      kinds.get(kind)?.pause(Math.max(told.pauseMs ?? 0, untilReset));
    },
    waitMs: (kind) => kinds.get(kind)?.waitMs() ?? 0,
    dailyRemaining: () => daily,
  };
}

class KindLimiter {
  readonly #limiter: RateLimiterRedis | RateLimiterMemory;
  readonly #clock: () => number;
  readonly #sleep: Sleep;
  readonly #name: string;
  readonly #queue: Waiting[] = [];
  #pausedUntil = 0;
  #isPumping = false;

  constructor({ redis, name, clock, sleep = realSleep }: LimiterOptions, { kind, points, perMs }: RateLimit) {
    this.#clock = clock;
    this.#sleep = sleep;
    this.#name = name;
    const duration = perMs / 1_000;
    const alone = new RateLimiterMemory({ keyPrefix: `limit:${kind}`, points: Math.max(1, Math.floor(points * ALONE)), duration });
    this.#limiter = redis
      ? new RateLimiterRedis({ storeClient: redis, keyPrefix: `limit:${kind}`, points, duration, insuranceLimiter: alone, rejectIfRedisNotReady: true })
      : alone;
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock() + ms);
  }

  waitMs(): number {
    return Math.max(0, this.#pausedUntil - this.#clock());
  }

  take({ signal, lane }: CallOptions): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (signal.aborted) {
        reject(tooLate());
        return;
      }
      const waiting: Waiting = { lane: LANES.indexOf(lane), signal, go: resolve, give: reject };
      const at = this.#queue.findIndex((other) => other.lane > waiting.lane);
      this.#queue.splice(at < 0 ? this.#queue.length : at, 0, waiting);
      signal.addEventListener('abort', () => this.#leave(waiting), { once: true });
      void this.#pump();
    });
  }

  #leave(waiting: Waiting): void {
    const at = this.#queue.indexOf(waiting);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    waiting.give(tooLate());
  }

  /** Takes one place after the other and gives each to whoever is first then. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#queue.length > 0) {
        const waitMs = this.waitMs() || (await this.#consume());
        if (waitMs > 0) await this.#sleep(Math.min(waitMs, STEP_MS));
        else this.#queue.shift()?.go();
      }
    } finally {
      this.#isPumping = false;
    }
  }

  /** 0 when a place was taken, else how long until there may be one (ms). */
  async #consume(): Promise<number> {
    try {
      await this.#limiter.consume(this.#name);
      return 0;
    } catch (rejected) {
      const waitMs = rejected instanceof RateLimiterRes ? Math.max(1, rejected.msBeforeNext) : 1_000;
      this.pause(waitMs);
      return waitMs;
    }
  }
}

function tooLate(): SyncError {
  return new SyncError('rate_limited', 'the deadline ended before the rate limit let the call through');
}
