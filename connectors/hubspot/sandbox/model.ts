/** The sandbox's own words: who wrote, what a contact holds, and what happened to it. Instants are epoch milliseconds. */

/** Who wrote a value; the words go out as `sourceType`/`sourceId` of histories and `changeSource`/`sourceId` of webhooks. */
export interface Actor {
  readonly sourceType: string;
  readonly sourceId: string;
  readonly sourceLabel?: string;
  readonly userId?: number;
}

export interface HistoryEntry {
  /** '' when the value was cleared. */
  readonly value: string;
  readonly timestampMs: number;
  readonly actor: Actor;
}

/** A contact. `values` is replaced and never changed in place, so that the search index can keep an older one. */
export interface Contact {
  readonly id: string;
  readonly createdAtMs: number;
  values: Readonly<Record<string, string>>;
  updatedAtMs: number;
  archivedAtMs: number | null;
  /** Newest entry first, per property. */
  readonly history: Record<string, HistoryEntry[]>;
}

interface FactBase {
  readonly id: string;
  readonly actor: Actor;
  readonly atMs: number;
}

/** Something that happened to a contact; webhooks and the search index follow these. */
export type ContactFact =
  | (FactBase & { readonly kind: 'created' | 'deleted' | 'restored' | 'erased' })
  | (FactBase & { readonly kind: 'changed'; readonly property: string; readonly value: string })
  | (FactBase & {
      readonly kind: 'merged';
      readonly primaryId: string;
      readonly mergedIds: readonly string[];
      readonly survivorId: string;
      readonly movedProperties: number;
    });

export type Properties = Readonly<Record<string, string | null>>;

/** Deterministic random numbers in [0, 1) (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
