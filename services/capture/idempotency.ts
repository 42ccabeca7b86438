/**
 * Answers remembered by Idempotency-Key for a day, in Redis. A help, not a promise: without Redis a repeated request is
 * published again under the same change ids, and the reconciler recognises each change by its revision (I7).
 */
import { createHash } from 'node:crypto';
import { v5 as uuidOf } from 'uuid';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export type Remembered = { readonly kind: 'new' } | { readonly kind: 'repeated'; readonly answer: Answer } | { readonly kind: 'other_body' };

/** The part of Redis that is used. */
export interface KeyValue {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: 'PX', ms: number): Promise<unknown>;
}

export interface Idempotency {
  recall(tenantId: string, key: string, body: unknown): Promise<Remembered>;
  remember(tenantId: string, key: string, body: unknown, answer: Answer): Promise<void>;
}

const DAY_MS = 86_400_000;
const NAMESPACE = '6c8f9a52-2d0b-5c1e-9d0e-5f4c3c7f1a10';

export function createIdempotency(redis: KeyValue | null, prefix: string): Idempotency {
  const nameOf = (tenantId: string, key: string): string => `${prefix}idempotency:${tenantId}:${hashOf(key)}`;
  return {
    recall: async (tenantId, key, body) => {
      const stored = await redis?.get(nameOf(tenantId, key)).catch(() => null);
      if (!stored) return { kind: 'new' };
      const { hash, answer } = JSON.parse(stored) as { hash: string; answer: Answer };
      return hash === hashOf(JSON.stringify(body)) ? { kind: 'repeated', answer } : { kind: 'other_body' };
    },
    remember: async (tenantId, key, body, answer) => {
      await redis?.set(nameOf(tenantId, key), JSON.stringify({ hash: hashOf(JSON.stringify(body)), answer }), 'PX', DAY_MS).catch(() => undefined);
    },
  };
}

/** The same change id for each repetition of a request's item. */
export function repeatableId(tenantId: string, key: string, index: number): string {
  return uuidOf(`${tenantId}\n${key}\n${index}`, NAMESPACE);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
