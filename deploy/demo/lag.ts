/**
 * Watches, from outside, how long edits take to be seen on the other side: looks at the target systems until each
 * expected value stands there, and takes the target's own time of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TENANT } from './sides.ts';
import type { Sides } from './sides.ts';

/** One edit whose value must turn up elsewhere. */
export interface Expected {
  readonly side: 'bevatel' | 'hubspot';
  /** The record on that side. */
  readonly id: string;
  /** A column of Bevatel's table, or a HubSpot property. */
  readonly field: string;
  readonly value: string;
  /** Epoch ms. */
  readonly editedAt: number;
  /** False when the edit was made while webhooks were lost. */
  readonly isAnnounced: boolean;
}

export interface Seen extends Expected {
  readonly lagMs: number;
}

const LOOK_EVERY_MS = 20;

export class LagWatch {
  readonly #sides: Sides;
  readonly #waiting = new Set<Expected>();
  readonly #seen: Seen[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;

  constructor(sides: Sides) {
    this.#sides = sides;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  expect(expected: Expected): void {
    this.#waiting.add(expected);
  }

  /** The value will not come: a later edit of the same field went over it. */
  forget(side: Expected['side'], id: string, field: string): void {
    for (const expected of this.#waiting) if (expected.side === side && expected.id === id && expected.field === field) this.#waiting.delete(expected);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get seen(): readonly Seen[] {
    return this.#seen;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#lookAtHubSpot();
      await this.#lookAtBevatel();
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  #lookAtHubSpot(): void {
    for (const expected of this.#on('hubspot')) {
      const [entry] = this.#sides.hubspot.control.contact(expected.id)?.history[expected.field] ?? [];
      if (entry?.value === expected.value) this.#note(expected, entry.timestampMs);
    }
  }

  async #lookAtBevatel(): Promise<void> {
    const waiting = this.#on('bevatel');
    if (waiting.length === 0) return;
    const rows = await this.#sides.bevatel.control.sql<Readonly<Record<string, unknown>> & { id: string; updated_at: Date }>(
      `SELECT *, custom->>'job_title' AS job_title FROM contacts WHERE tenant_id = $1 AND id = any($2)`, [TENANT, [...new Set(waiting.map(({ id }) => id))]]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (const expected of waiting) {
      const row = byId.get(expected.id);
      if (row?.[expected.field] === expected.value) this.#note(expected, row.updated_at.getTime());
    }
  }

  #on(side: Expected['side']): Expected[] {
    return [...this.#waiting].filter((expected) => expected.side === side);
  }

  #note(expected: Expected, at: number): void {
    this.#waiting.delete(expected);
    this.#seen.push({ ...expected, lagMs: Math.max(0, at - expected.editedAt) });
  }
}

/** The smallest value that at least the share `p` of the values does not exceed; 0 without values. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? 0;
}
