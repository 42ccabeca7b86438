/**
 * What stands before every API call: token, call counts, injected faults, rate limits (fact sheet §6).
 * Faults that work before the effect delay or refuse it; those that work after it hide the answer of an applied call.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { ApiFault, faultBody } from './fault.ts';
import type { SandboxJournal } from './journal.ts';
import type { Actor } from './model.ts';

export type Endpoint = string;

export type Fault =
  /** Refuse with a status; for 429 a policy name gives HubSpot's body. */
  | { readonly kind: 'status'; readonly status: number; readonly category?: string; readonly message?: string; readonly policyName?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The effect comes late. */
  | { readonly kind: 'delay_before'; readonly delayMs: number }
  /** The effect comes at once, the answer late. */
  | { readonly kind: 'delay_after'; readonly delayMs: number }
  /** Held until `releaseHeld()`, before or after the effect. */
  | { readonly kind: 'hold_before' | 'hold_after' }
  /** The connection ends without an answer, before or after the effect. */
  | { readonly kind: 'drop_before' | 'drop_after' };

export interface FaultRule {
  /** Name of an endpoint such as `contacts.batchUpdate`; without it any. */
  readonly endpoint?: Endpoint;
  readonly fault: Fault;
  /** How often it strikes before it is used up; without it until `clearFaults()`. */
  readonly times?: number;
  /** Share of matching calls that are struck, default 1. */
  readonly probability?: number;
}

export interface RateLimits {
  /** Calls of one app in a rolling ten seconds, search left out. */
  readonly perTenSeconds?: number;
  readonly perDay?: number;
  readonly searchPerSecond?: number;
  /** Seconds for a Retry-After header; HubSpot documents none, so none by default. */
  readonly retryAfterSeconds?: number;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Set on every API route; routes without it are not guarded. */
    readonly endpoint?: string;
  }
}

export interface GateOptions {
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly random: () => number;
  readonly limits: RateLimits;
  readonly journal?: SandboxJournal | undefined;
}

const TEN_SECONDS_MS = 10_000;
const DAY_MS = 86_400_000;

export class Gate {
  readonly #options: GateOptions;
  readonly #actors = new Map<string, Actor>();
  readonly #counts = new Map<Endpoint, number>();
  readonly #rules: { readonly rule: FaultRule; left: number }[] = [];
  readonly #strikes = new WeakMap<FastifyRequest, Fault>();
  readonly #held = new Set<() => void>();
  /** Per app, as HubSpot limits them: one app's burst leaves the others theirs. */
  readonly #recent = new Map<string, number[]>();
  readonly #recentSearches: number[] = [];
  #limits: RateLimits;
  #day = { startsAtMs: 0, used: 0 };

  constructor(options: GateOptions) {
    this.#options = options;
    this.#limits = options.limits;
  }

  addToken(token: string, actor: Actor): void {
    this.#actors.set(`Bearer ${token}`, actor);
  }

  revokeToken(token: string): void {
    this.#actors.delete(`Bearer ${token}`);
  }

  actorOf(request: FastifyRequest): Actor {
    const actor = this.#actors.get(request.headers.authorization ?? '');
    if (!actor) throw new ApiFault(401, 'INVALID_AUTHENTICATION', 'Authentication credentials not found.');
    return actor;
  }

  setLimits(limits: RateLimits): void {
    this.#limits = limits;
  }

  addFault(rule: FaultRule): void {
    this.#rules.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY });
  }

  clearFaults(): void {
    this.#rules.length = 0;
    this.releaseHeld();
  }

  /** How many calls are held now. */
  get heldCount(): number {
    return this.#held.size;
  }

  releaseHeld(): void {
    for (const release of [...this.#held]) release();
  }

  /** Calls per endpoint since the start or the last reset, refused ones included. */
  counts(): Record<Endpoint, number> {
    return Object.fromEntries(this.#counts);
  }

  resetCounts(): void {
    this.#counts.clear();
  }

  install(app: FastifyInstance): void {
    app.addHook('onRequest', async (request, reply) => this.#enter(request, reply));
    app.addHook('preHandler', async (request, reply) => this.#beforeEffect(request, reply));
    app.addHook('onSend', async (request) => this.#afterEffect(request));
  }

  async #enter(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const endpoint = request.routeOptions.config.endpoint;
    if (endpoint === undefined) return undefined;
    this.#counts.set(endpoint, (this.#counts.get(endpoint) ?? 0) + 1);
    void reply.header('date', new Date(this.#options.now()).toUTCString());
    this.actorOf(request);
    return endpoint === 'contacts.search' ? this.#limitSearch(reply) : this.#limitCalls(reply, this.#recentOf(request));
  }

  async #beforeEffect(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { endpoint } = request.routeOptions.config;
    if (endpoint === undefined) return undefined;
    this.#options.journal?.arrived({ endpoint, atMs: this.#options.now(), body: request.body });
    const fault = this.#strike(endpoint);
    if (!fault) return undefined;
    this.#options.journal?.struck(endpoint, fault.kind);
    this.#strikes.set(request, fault);
    if (fault.kind === 'delay_before') await this.#options.sleep(fault.delayMs);
    if (fault.kind === 'hold_before') await this.#hold();
    if (fault.kind === 'drop_before') return hangUp(request, reply);
    if (fault.kind === 'status') return refuse(reply, fault);
    return undefined;
  }

  async #afterEffect(request: FastifyRequest): Promise<void> {
    const fault = this.#strikes.get(request);
    if (fault?.kind === 'delay_after') await this.#options.sleep(fault.delayMs);
    if (fault?.kind === 'hold_after') await this.#hold();
    if (fault?.kind === 'drop_after') request.raw.socket.destroy();
  }

  #strike(endpoint: Endpoint): Fault | undefined {
    const found = this.#rules.find(({ rule, left }) =>
      left > 0 && (rule.endpoint === undefined || rule.endpoint === endpoint) && this.#options.random() < (rule.probability ?? 1));
    if (found) found.left -= 1;
    return found?.rule.fault;
  }

  #hold(): Promise<void> {
    return new Promise((resolve) => {
      const release = (): void => {
        this.#held.delete(release);
        resolve();
      };
      this.#held.add(release);
    });
  }

  #limitSearch(reply: FastifyReply): unknown {
    const max = this.#limits.searchPerSecond;
    if (max === undefined || admit(this.#recentSearches, max, 1_000, this.#options.now())) return undefined;
    return this.#throttle(reply, 'SECONDLY', 'You have reached your secondly limit.');
  }

  #recentOf(request: FastifyRequest): number[] {
    const app = request.headers.authorization ?? '';
    const recent = this.#recent.get(app) ?? [];
    this.#recent.set(app, recent);
    return recent;
  }

  #limitCalls(reply: FastifyReply, recent: number[]): unknown {
    const { perTenSeconds, perDay } = this.#limits;
    const nowMs = this.#options.now();
    const admitted = perTenSeconds === undefined || admit(recent, perTenSeconds, TEN_SECONDS_MS, nowMs);
    if (nowMs - this.#day.startsAtMs >= DAY_MS) this.#day = { startsAtMs: nowMs - (nowMs % DAY_MS), used: 0 };
    if (admitted) this.#day.used += 1;
    this.#limitHeaders(reply, recent);
    if (!admitted) return this.#throttle(reply, 'TEN_SECONDLY_ROLLING', 'You have reached your ten_secondly_rolling limit.');
    if (perDay !== undefined && this.#day.used > perDay) return this.#throttle(reply, 'DAILY', 'You have reached your daily limit.');
    return undefined;
  }

  #limitHeaders(reply: FastifyReply, recent: readonly number[]): void {
    const { perTenSeconds, perDay } = this.#limits;
    if (perTenSeconds !== undefined) {
      void reply.header('x-hubspot-ratelimit-max', perTenSeconds)
        .header('x-hubspot-ratelimit-remaining', Math.max(0, perTenSeconds - recent.length))
        .header('x-hubspot-ratelimit-interval-milliseconds', TEN_SECONDS_MS);
    }
    if (perDay !== undefined) {
      void reply.header('x-hubspot-ratelimit-daily', perDay)
        .header('x-hubspot-ratelimit-daily-remaining', Math.max(0, perDay - this.#day.used));
    }
  }

  #throttle(reply: FastifyReply, policyName: string, message: string): FastifyReply {
    const seconds = this.#limits.retryAfterSeconds;
    return refuse(reply, { kind: 'status', status: 429, policyName, message, ...(seconds === undefined ? {} : { headers: { 'retry-after': String(seconds) } }) });
  }
}

/** Lets a call into a rolling window of `spanMs`, if it holds fewer than `max`. */
function admit(window: number[], max: number, spanMs: number, nowMs: number): boolean {
  while (window.length > 0 && (window[0] ?? 0) <= nowMs - spanMs) window.shift();
  if (window.length >= max) return false;
  window.push(nowMs);
  return true;
}

function hangUp(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  request.raw.socket.destroy();
  return reply.hijack();
}

function refuse(reply: FastifyReply, fault: Extract<Fault, { kind: 'status' }>): FastifyReply {
  const message = fault.message ?? 'Injected fault';
  const throttled = fault.status === 429;
  const body = throttled
    ? { status: 'error', message, errorType: 'RATE_LIMIT', correlationId: randomUUID(), policyName: fault.policyName ?? 'TEN_SECONDLY_ROLLING', requestId: randomUUID() }
    : faultBody(new ApiFault(fault.status, fault.category ?? 'INTERNAL_ERROR', message));
  return reply.code(fault.status).headers(fault.headers ?? {}).send(body);
}
