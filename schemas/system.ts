/** What a system promises about its records, as the core needs to know it. */

/** What a system can and cannot do; declared, never guessed at run time. */
export interface Capabilities {
  /** `strict`: each edit makes a greater revision. `approximate`: edits close in time may share one. */
  readonly revisions: 'strict' | 'approximate' | 'none';
  /** Writes can be made conditional on the revision (If-Match). */
  readonly conditionalWrites: boolean;
  /** `read` can return each field's history. */
  readonly history: boolean;
  /** How long a by-id read may still show the value before an acknowledged write (ms). */
  readonly stalenessWindowMs: number;
  /** How far an index-backed listing may lag behind (ms); overlap of the polling watermark. */
  readonly indexLagMs: number;
  /** Largest number of records in one call. */
  readonly batch: { readonly list: number; readonly read: number; readonly create: number; readonly update: number };
  /** How `write` can be rid of records, and the largest number in one call. */
  readonly removals: { readonly ways: readonly RemovalWay[]; readonly batch: number };
  /** Two records can be made one, which cannot be undone. */
  readonly merges: boolean;
  /** Hint events reach us by webhook or CDC. */
  readonly push: boolean;
  /** A unique property (or external reference) carries the partner's id, so that an unknown create can be looked up. */
  readonly uniqueReference: boolean;
}

/** `archive` can be undone in the system by a person, `delete` cannot; `erase` is for privacy and for ever. */
export const REMOVAL_WAYS = ['archive', 'delete', 'erase'] as const;
export type RemovalWay = (typeof REMOVAL_WAYS)[number];

/** How a record that is asked for is not there. */
export type GoneHow = 'not_found' | 'deleted' | 'erased' | 'merged';
