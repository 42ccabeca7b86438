/**
 * What the sandbox does wrong on purpose, and what it counts. Faults are consumed in the order they were added.
 *
 * - `delay`: waits, then applies and answers (a call that lands late).
 * - `hang`: never applies and never answers, until removed or the sandbox stops; then the connection is cut.
 * - `cut`: cuts the connection before anything is applied.
 * - `dropAnswer`: applies, then cuts the connection instead of answering (an outcome unknown to the caller).
 * - `delayAnswer`: applies at once, answers late.
 * - `status`: refuses with 429 or 5xx, with `Retry-After` in seconds if given; nothing is applied.
 */
export const ENDPOINTS = ['list', 'get', 'create', 'update', 'delete', 'merge', 'batchRead', 'batchWrite'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export type FaultKind =
  | { kind: 'delay' | 'delayAnswer'; ms: number }
  | { kind: 'hang' | 'cut' | 'dropAnswer' }
  | { kind: 'status'; status: 429 | 500 | 502 | 503 | 504; retryAfterSeconds?: number };

/** `endpoint` default: every one. `times` default 1; `Infinity` until removed. */
export type Fault = FaultKind & { endpoint?: Endpoint; times?: number };

export interface EndpointCounters {
  /** Requests that reached the endpoint with a valid key, refused and hung ones included. */
  calls: number;
  /** Contacts or ids in those requests' bodies. */
  items: number;
  /** Answers by status. */
  statuses: Record<number, number>;
}
export type Counters = Record<Endpoint, EndpointCounters>;

export class FaultPlan {
  #faults: { fault: Fault; left: number; release: () => void; released: Promise<void> }[] = [];

  /** Adds a fault; the function returned removes it and lets requests that it holds go. */
  add(fault: Fault): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry = { fault, left: fault.times ?? 1, release: resolve, released: promise };
    this.#faults.push(entry);
    return () => {
      entry.left = 0;
      entry.release();
    };
  }

  clear(): void {
    for (const entry of this.#faults) entry.release();
    this.#faults = [];
  }

  /** The fault for this request, if one is planned; `released` ends a hang. */
  take(endpoint: Endpoint): { fault: Fault; released: Promise<void> } | undefined {
    const entry = this.#faults.find(({ fault, left }) => left > 0 && (fault.endpoint ?? endpoint) === endpoint);
    if (entry === undefined) return undefined;
    entry.left -= 1;
    if (entry.left <= 0 && entry.fault.kind !== 'hang') this.#faults = this.#faults.filter((other) => other !== entry);
    return entry;
  }
}

export function newCounters(): Counters {
  const none = (): EndpointCounters => ({ calls: 0, items: 0, statuses: {} });
  return Object.fromEntries(ENDPOINTS.map((endpoint) => [endpoint, none()])) as Counters;
}
