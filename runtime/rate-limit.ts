/**
 * Rate limiting: the documented limits of a system, shared by all processes through Redis, fed by its own headers.
 * It is the `Limiter` of connectors/connector.ts.
 *
 * - Live work goes before repair before backfill: within a limiter by its queue; between the limiters of roles and
 *   processes by a word in Redis. Where live work did not get a place, the other lanes leave it the next window's first
 *   places. The windows are those of rate-limiter-flexible: `points` in each
 *   window, in whole seconds; a long window is spread evenly (see windowOf).
 * - A pause that the system asked for holds here at once and, through Redis, in the other processes.
 * - Without Redis each limiter goes on alone at a quarter of the limit (design §6; I10: throttled is not failed).
 */
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { SyncError } from '../schemas/errors.ts';
import { LANES } from '../schemas/value.ts';
import type { Lane } from '../schemas/value.ts';
import { sleep as realSleep } from './sleep.ts';
import type { Sleep } from './sleep.ts';

/** Share of the limit that a limiter uses while Redis is away. */
const ALONE = 0.25;
/** After the window that live work waits for has begun, the other lanes leave its places to it for so long. */
const FIRST_PICK_MS = 250;
/** Long pauses are slept in steps, so that a line that everybody has left ends soon. */
const STEP_MS = 1_000;

/** A documented limit: `points` calls of one kind in `perMs`. */
export interface LimitOfKind {
  readonly kind: string;
  readonly points: number;
  readonly perMs: number;
}

export interface LimiterOptions {
  readonly redis: Redis | null;
  /** Names whose quota it is: one integration and system, the same in all processes. */
  readonly name: string;
  readonly limits: readonly LimitOfKind[];
  /** Of each window; all of it by default, one place at least. */
  readonly share?: number;
  readonly clock: () => number;
  readonly sleep?: Sleep;
}

/** What a system's headers or a 429 said; times in ms from now. */
export interface Told {
  readonly pauseMs?: number;
  readonly remaining?: number;
  readonly resetMs?: number;
  readonly dailyRemaining?: number;
}

/** A limiter that can also be asked, so that work is leased only when it can be done (many changes while throttled become one write). */
export interface QuotaLimiter {
  /** Waits for a place; rejects with SyncError `rate_limited` when the signal ends first. A kind without a limit waits for nothing. */
  take(kind: string, call: { readonly signal: AbortSignal; readonly lane: Lane }): Promise<void>;
  feedback(kind: string, told: Told): void;
  /** Milliseconds until a call of this kind may go out, as far as known here; 0 for now. */
  waitMs(kind: string): number;
  /** What the system last told of its daily quota; null when it never did. */
  dailyRemaining(): number | null;
}

const LIVE = LANES.indexOf('live');

interface Waiting {
  readonly lane: number;
  readonly admit: () => void;
}

export function createLimiter(options: LimiterOptions): QuotaLimiter {
  const kinds = new Map(options.limits.map((limit) => [limit.kind, new KindLimiter(options, limit)]));
  let daily: number | null = null;
  return {
    take: (kind, call) => kinds.get(kind)?.take(call) ?? Promise.resolve(),
    feedback: (kind, told) => {
      if (told.dailyRemaining !== undefined) daily = told.dailyRemaining;
      const untilReset = told.remaining === 0 ? (told.resetMs ?? 0) : 0;
      kinds.get(kind)?.pauseAll(Math.max(told.pauseMs ?? 0, untilReset));
    },
    waitMs: (kind) => kinds.get(kind)?.waitMs() ?? 0,
    dailyRemaining: () => daily,
  };
}

/** What is left unused where a window is cut: the system's own window begins at another moment than ours. */
const MARGIN = 0.9;
/** Fewer points than this in a second are not cut: a single call may be several. */
const CUT_FROM = 4;

/**
 * The library counts whole seconds: a shorter window becomes one second with as many points as fit into it. A long one is
 * cut into seconds, so that a sprint is not followed by seconds in which nothing goes, neither here nor elsewhere.
 */
function windowOf({ points, perMs }: LimitOfKind): { readonly points: number; readonly duration: number } {
  const duration = Math.max(1, Math.ceil(perMs / 1_000));
  const perSecond = Math.floor((points * MARGIN * 1_000) / perMs);
  if (duration > 1 && perSecond >= CUT_FROM) return { points: perSecond, duration: 1 };
  return { points: Math.max(1, Math.floor((points * duration * 1_000) / perMs)), duration };
}

class KindLimiter {
  readonly #shared: RateLimiterRedis | undefined;
  readonly #counter: RateLimiterRedis | RateLimiterMemory;
  readonly #clock: () => number;
  readonly #sleep: Sleep;
  readonly #name: string;
  readonly #redis: Redis | null;
  /** In Redis while live work waits anywhere. */
  readonly #liveWaits: string;
  readonly #queue: Waiting[] = [];
  #pausedUntil = 0;
  #isPumping = false;
  #yielding: AbortController | undefined;

  constructor({ redis, name, share = 1, clock, sleep = realSleep }: LimiterOptions, limit: LimitOfKind) {
    this.#redis = redis;
    this.#liveWaits = `limit:${limit.kind}:live-waits:${name}`;
    this.#clock = clock;
    this.#sleep = sleep;
    this.#name = name;
    const keyPrefix = `limit:${limit.kind}`;
    const { points: all, duration } = windowOf(limit);
    const points = Math.max(1, Math.floor(all * share));
    const alone = new RateLimiterMemory({ keyPrefix, points: Math.max(1, Math.floor(points * ALONE)), duration });
    if (redis) this.#shared = new RateLimiterRedis({ storeClient: redis, keyPrefix, points, duration, insuranceLimiter: alone, rejectIfRedisNotReady: true });
    this.#counter = this.#shared ?? alone;
  }

  waitMs(): number {
    return Math.max(0, this.#pausedUntil - this.#clock());
  }

  /** Pauses this kind of call here and, to the second, in all other processes. */
  pauseAll(ms: number): void {
    if (ms <= 0) return;
    this.#pause(ms);
    this.#shared?.block(this.#name, Math.ceil(ms / 1_000)).catch(() => undefined);
  }

  take({ signal, lane }: { readonly signal: AbortSignal; readonly lane: Lane }): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(tooLate());
      };
      const admit = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const waiting: Waiting = { lane: LANES.indexOf(lane), admit };
      if (signal.aborted) {
        reject(tooLate());
        return;
      }
      signal.addEventListener('abort', leave, { once: true });
      const at = this.#queue.findIndex((other) => other.lane > waiting.lane);
      this.#queue.splice(at < 0 ? this.#queue.length : at, 0, waiting);
      if (lane === 'live') this.#yielding?.abort();
      void this.#pump();
    });
  }

  #pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock() + ms);
  }

  /** Takes one place after the other and gives each to whoever is first then. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#queue.length > 0) {
      const yieldMs = await this.#yieldMs();
      const waitMs = this.waitMs() || (yieldMs > 0 ? 0 : await this.#consume());
      if (waitMs > 0) await this.#sleep(Math.min(waitMs, STEP_MS));
      else if (yieldMs > 0) await this.#yieldFor(yieldMs);
      else this.#queue.shift()?.admit();
    }
    this.#isPumping = false;
  }

  /** How long the first in the queue lets live work of other limiters go first (ms); live work itself never does. */
  async #yieldMs(): Promise<number> {
    if (this.#queue[0]?.lane === LIVE || this.#redis?.status !== 'ready') return 0;
    const leftMs = await this.#redis.pttl(this.#liveWaits).catch(() => 0);
    return this.#queue[0]?.lane === LIVE ? 0 : Math.max(0, leftMs);
  }

  /** Ends when live work comes to this limiter. */
  async #yieldFor(ms: number): Promise<void> {
    this.#yielding = new AbortController();
    await this.#sleep(Math.min(ms, STEP_MS), this.#yielding.signal);
    this.#yielding = undefined;
  }

  /** 0 when a place was taken, else how long until there may be one (ms). */
  async #consume(): Promise<number> {
    try {
      await this.#counter.consume(this.#name);
      return 0;
    } catch (refused) {
      const waitMs = refused instanceof RateLimiterRes ? Math.max(1, refused.msBeforeNext) : STEP_MS;
      this.#pause(waitMs);
      if (this.#queue[0]?.lane === LIVE && this.#redis?.status === 'ready') this.#redis.set(this.#liveWaits, '1', 'PX', Math.ceil(waitMs) + FIRST_PICK_MS).catch(() => undefined);
      return waitMs;
    }
  }
}

function tooLate(): SyncError {
  return new SyncError('rate_limited', 'the deadline ended before the rate limit let the call through');
}
