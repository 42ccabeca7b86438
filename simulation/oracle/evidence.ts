/** All that the oracle judges by: what truly happened, and what the product says of it in its tables. */
import type { Effect, Fact, SystemName } from '../journal.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { Image, Value } from '../../schemas/value.ts';

/** A record as it stands in the end. */
export interface FinalRecord {
  readonly system: SystemName;
  readonly id: string;
  readonly person: string;
  readonly isLive: boolean;
  readonly fields: Image;
  readonly references: Readonly<Record<string, string>>;
}

/** A group that is held, in the values of its fields. */
export interface HeldGroup {
  readonly type: string;
  readonly bevatel: readonly Value[];
  readonly external: readonly Value[];
  readonly overwritten?: readonly Value[];
}

/** The product's row of a pair, as it is stored. */
export interface LinkRow {
  readonly integration_id: string;
  readonly link_id: string;
  readonly bevatel_id: string | null;
  readonly external_id: string | null;
  readonly erased: boolean;
  readonly state: {
    readonly groups: Readonly<Record<string, unknown>>;
    readonly hold?: { readonly kind: string };
    readonly gone?: Readonly<Record<string, { readonly how: string }>>;
    /** It has no partner, and gets none. */
    readonly alone?: { readonly reason: string };
    /** Waits for an approval. */
    readonly guarded?: unknown;
  };
}

/** The product's word on one group. */
export interface GroupWord {
  readonly group: string;
  readonly verdict: string;
  readonly rule: string;
  readonly conflict?: string;
  readonly bevatel?: readonly Value[];
  readonly external?: readonly Value[];
  readonly base?: readonly [readonly Value[], readonly Value[]];
  readonly writeTo?: 'bevatel' | 'external';
  readonly write?: readonly Value[];
}

export interface DecisionRow {
  readonly decision_id: string;
  readonly integration_id: string;
  readonly link_id: string;
  readonly bevatel_id: string | null;
  readonly external_id: string | null;
  /** Epoch ms, as text. */
  readonly decided_at: string;
  readonly cause: string;
  readonly cause_id: string;
  readonly verdict: string;
  readonly groups: readonly GroupWord[];
  readonly source: string | null;
  readonly source_offset: string | null;
}

export interface Evidence {
  readonly schedule: Pick<Schedule, 'dials'>;
  readonly journal: readonly Fact[];
  readonly records: readonly FinalRecord[];
  readonly links: readonly LinkRow[];
  readonly decisions: readonly DecisionRow[];
  /** Records whose changes wait in quarantine: `system/id`. */
  readonly quarantined: ReadonlySet<string>;
  /** Ids of the decisions that reached their topic. */
  readonly published: ReadonlySet<string>;
  readonly unrest: readonly string[];
  readonly idleWrites: number;
  /** Writes that were made when all was at rest, and both sides were listed and read once more. */
  readonly lateWrites: readonly Effect[];
  readonly unforeseen: readonly string[];
  /** How many faults took effect. */
  readonly faultsMet: number;
}

/** `lost`: I2. `diverged`: I1. `duplicate`: I4. `loop`: I3. `unexplained`: everything else that a promise forbids. */
export type FaultClass = 'lost' | 'diverged' | 'duplicate' | 'loop' | 'unexplained';

/** A promise that was broken. */
export interface Finding {
  readonly invariant: `I${number}`;
  readonly class: FaultClass;
  /** A sentence. */
  readonly what: string;
  /** Whose story it is; null for the service as a whole. */
  readonly person: string | null;
}
