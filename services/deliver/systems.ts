/** Connectors, limiters and circuits of the integrations that are delivered to, built once per configuration. */
import { ConsecutiveBreaker, ExponentialBackoff, circuitBreaker, handleWhen, CircuitState, isBrokenCircuitError } from 'cockatiel';
import type { CircuitBreakerPolicy } from 'cockatiel';
import type { Connector, ConnectorContext, RateLimit } from '../../connectors/connector.ts';
import { bevatelConnector, bevatelLimits, externalConnector, externalRateLimits, resolveSecrets } from '../../connectors/registry.ts';
import type { Deps } from '../../runtime/deps.ts';
import { createLimiter } from '../../runtime/rate-limit.ts';
import type { QuotaLimiter } from '../../runtime/rate-limit.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import type { Side } from '../../schemas/value.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import type { Caller } from './calls.ts';

/** Consecutive failures that open a circuit, and how its pauses grow. */
const BREAKS_AFTER = 5;
const PAUSE = { initialDelay: 1_000, maxDelay: 60_000 };

interface System {
  readonly connector: Connector;
  readonly limiter: QuotaLimiter;
  readonly kinds: readonly string[];
  readonly circuit: CircuitBreakerPolicy;
}

export class Systems {
  readonly #deps: Deps;
  readonly #callMs: number;
  readonly #built = new Map<string, { readonly appliedAt: number; readonly systems: Readonly<Record<Side, System>> }>();

  constructor(deps: Deps, callMs: number) {
    this.#deps = deps;
    this.#callMs = callMs;
  }

  /** Throws SyncError `configuration_missing` when a secret is not set. */
  caller(known: KnownIntegration, side: Side): Caller {
    const { connector, circuit } = this.#of(known)[side];
    return { connector, fields: known.context.mapping.fields[side], deadline: () => AbortSignal.timeout(this.#callMs), clock: this.#deps.clock, guarded: (call) => guarded(circuit, call) };
  }

  /** How long nothing should be leased: a circuit is open, or a system told us to wait (ms). */
  pauseMs(known: KnownIntegration): number {
    const systems = Object.values(this.#of(known));
    const isOpen = systems.some(({ circuit }) => circuit.state === CircuitState.Open);
    return Math.max(isOpen ? PAUSE.initialDelay : 0, ...systems.flatMap(({ limiter, kinds }) => kinds.map((kind) => limiter.waitMs(kind))));
  }

  /** The page on which a person sees the external record. */
  recordUrl(known: KnownIntegration, externalId: string): string | null {
    return this.#of(known).external.connector.recordUrl(externalId);
  }

  #of(known: KnownIntegration): Readonly<Record<Side, System>> {
    const key = `${known.tenantId}/${known.integrationId}`;
    const built = this.#built.get(key);
    if (built?.appliedAt === known.appliedAt) return built.systems;
    const systems = this.#build(known, key);
    this.#built.set(key, { appliedAt: known.appliedAt, systems });
    return systems;
  }

  #build(known: KnownIntegration, key: string): Readonly<Record<Side, System>> {
    const { integration } = known;
    const secrets = resolveSecrets(integration, this.#deps.env);
    const make = (side: Side, limits: readonly RateLimit[], open: (limiter: QuotaLimiter) => Connector): System => {
      const limiter = createLimiter({ redis: this.#deps.redis, name: `${this.#deps.config.topicPrefix}${key}/${side}`, limits, clock: this.#deps.clock });
      return { connector: open(limiter), limiter, kinds: limits.map((limit) => limit.kind), circuit: newCircuit() };
    };
    const context = (limiter: QuotaLimiter): ConnectorContext => ({ tenantId: known.tenantId, integrationId: known.integrationId, limiter, clock: this.#deps.clock, onCall: () => undefined });
    return {
      external: make('external', externalRateLimits(integration), (limiter) => externalConnector(integration, secrets, context(limiter))),
      bevatel: make('bevatel', bevatelLimits(), (limiter) => bevatelConnector(integration, secrets, context(limiter))),
    };
  }
}

function newCircuit(): CircuitBreakerPolicy {
  const counts = (error: unknown): boolean => isSyncError(error) && (error.class === 'retry' || error.class === 'unknown_outcome') && error.code !== 'rate_limited';
  return circuitBreaker(handleWhen(counts), { halfOpenAfter: new ExponentialBackoff(PAUSE), breaker: new ConsecutiveBreaker(BREAKS_AFTER) });
}

async function guarded<T>(circuit: CircuitBreakerPolicy, call: () => Promise<T>): Promise<T> {
  try {
    return await circuit.execute(call);
  } catch (error) {
    if (isBrokenCircuitError(error)) throw new SyncError('circuit_open', 'the system failed repeatedly; calls pause', { retryAfterMs: PAUSE.initialDelay, cause: error });
    throw error;
  }
}

