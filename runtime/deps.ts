/**
 * What every role is started with: one set of connections per process, made by `services/all.ts` or by a role's
 * `main.ts`, used by all roles in it and closed once. `startCapture(deps)`, `startReconcile(deps)`,
 * `startDeliver(deps)` and `startOperate(deps)` each return a `Role`.
 *
 * Clock, ids and randomness come in here too, so that a role can be run with others (I12).
 */
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import type { Registry } from 'prom-client';
import type { Codecs } from './codec.ts';
import type { Kafka } from './kafka.ts';
import type { Logger } from './logger.ts';

/** Says that links of an integration may be due (design §6, Wake-up); polling finds them anyway. */
export interface Wake {
  /** After the commit, never inside the transaction. Returns at once and never throws. */
  notify(tenantId: string, integrationId: string): void;
  /** Hears of notifications of this process and, by Redis, of others, coalesced. Returns how to stop listening. */
  listen(onWake: (tenantId: string, integrationId: string) => void): () => void;
}

/** Settings that several roles need; `runtime/config.ts` parses them. */
export interface DepsConfig {
  /** Begins the names of topics, groups and subjects; empty in production. */
  readonly topicPrefix: string;
  /** Where the roles' HTTP servers listen; loopback unless said otherwise. 0 chooses a free port. */
  readonly host: string;
  readonly ports: { readonly capture: number; readonly reconcile: number; readonly deliver: number; readonly operate: number };
  /** The Bearer key of the operator's API and of the publish API; without one they are not opened. */
  readonly apiKey: string | null;
}

export interface Deps {
  readonly config: DepsConfig;
  readonly pool: Pool;
  readonly kafka: Kafka;
  readonly codec: Codecs;
  /** Null when Redis is not configured; work goes on with local rate limits. */
  readonly redis: Redis | null;
  readonly wake: Wake;
  readonly logger: Logger;
  /** The process's registry of metrics; label values are ids and codes only (I11). */
  readonly metrics: Registry;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** Time-ordered unique ids (UUID version 7). */
  readonly newId: () => string;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
  /** The process's environment, for the secrets that an integration names by variable; read nothing else from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A role that runs. */
export interface Role {
  /** Where its HTTP server listens, with the port that was chosen; null for a role without one. */
  readonly url: string | null;
  /** Lets what is at work finish, takes nothing new, and resolves; may be called twice. */
  stop(): Promise<void>;
}
