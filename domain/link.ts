/**
 * A link: one pair (Bevatel contact, external record) of one integration, with all that is known of both (design §2).
 *
 * The state is stored as one JSON document. `seen`, `base` and `attempts` are facts; `wanted` and `held` are derived
 * from them by `decideLink` and never edited by hand.
 */
import type { ConflictType } from '../schemas/decision.ts';
import type { GoneHow, RemovalWay } from '../schemas/system.ts';
import type { Image, Side, Value } from '../schemas/value.ts';
import type { Values } from './lens.ts';

/** When a value was edited: an interval of epoch milliseconds, null where unbounded; both null is *unknown* (I5). */
export interface EditTime {
  readonly from: number | null;
  readonly to: number | null;
  readonly actor: string | null;
  /** Set on a value that we wrote: its system's own time of our write, at or before which that system's time of the field is ours (I5). */
  readonly applied?: number;
}
export const UNKNOWN_TIME: EditTime = { from: null, to: null, actor: null };

/** The newest image known of one side, in the system's own values. */
export interface Seen {
  readonly revision: string | null;
  readonly values: Image;
  /** Only of fields whose edit time is bounded at all. */
  readonly times: Readonly<Record<string, EditTime>>;
  /** Our clock at the start of the read behind the image, and when it was folded. */
  readonly observedFrom: number;
  readonly recordedAt: number;
  /** The system's own time of the record's last modification in this image; what its history holds after it is newer. */
  readonly modifiedAt: number | null;
  /** The partner's id as this record carries it, for the integration of this link. */
  readonly reference: string | null;
  /** Set when the image is the answer to a write of ours; the same image coming in again is its echo. */
  readonly ours?: true;
  /** Set when that answer left fields out: what they show may be older than the revision. */
  readonly partial?: true;
}

/** [Bevatel's values, the external system's values] at the last agreement. */
export type Base = readonly [Values, Values];

export interface Wanted {
  readonly side: Side;
  readonly values: Values;
  /** A step towards a value that neither side has yet: no agreement, so that the base stays as it is. */
  readonly isStep?: true;
}

/** A conflict that waits for an operator; it holds its own group only. */
export interface Held {
  readonly type: ConflictType;
  readonly since: number;
  readonly bevatel: Values;
  readonly external: Values;
  readonly bevatelTime: EditTime;
  readonly externalTime: EditTime;
  /** For `overwritten_in_flight`: what the external system held before our write came on top. */
  readonly overwritten?: Values;
  /** Error code or actor names; never a value. */
  readonly detail?: string;
  /** `oscillation`: the side that should own the field, because something there keeps setting it. */
  readonly owner?: Side;
}

/** An operator's word on a pair of values; void as soon as either side moved. */
export interface Resolution {
  readonly winner: Side;
  readonly bevatel: Values;
  readonly external: Values;
  readonly by: string;
}

/** A value that an operator puts back over the pair as it was shown; void as soon as either side moved (I2). */
export interface Restore extends Wanted {
  readonly over: Readonly<Record<Side, Values>>;
  /** It takes a write of ours back: the pair that results is agreed, and nothing follows on the other side (domain/undo.ts). */
  readonly undo?: { readonly at: number; readonly by: string; /** What is then taken back on the other side. */ readonly next?: Wanted };
}

/**
 * Agreements to differ: what stands in `skipped` while both sides stand at a base of two values, because an operator took
 * a write back or rejected it, or it was given up (F7).
 */
export const UNDONE = 'undone';
export const CHANGE_SET_REJECTED = 'change_set_rejected';
export const GIVEN_UP = 'unavailable';

/** Why a record stands alone that an operator parted from its partner. */
export const PARTED = 'parted';

export interface GroupState {
  readonly base?: Base;
  readonly wanted?: Wanted;
  readonly held?: Held;
  readonly resolution?: Resolution;
  /** A value to be put back on a side (an operator chose what was overwritten in flight); leaves the base alone. */
  readonly restore?: Restore;
  /** Recent propagations `[at, fingerprint]`, for the oscillation breaker (I3). */
  readonly trail?: readonly (readonly [number, string])[];
  /** Why the sides may differ without anything wanted or held: the rule of the last `skipped`. */
  readonly skipped?: string;
  /** The change-set that must be approved before what is wanted is written (domain/guards.ts). */
  readonly guarded?: string;
}

export interface AttemptGroup {
  readonly sent: Values;
  readonly source: Values;
  readonly before: Values | null;
  readonly time: EditTime;
  /** Written without an agreement (a restore, a step): the base stays as it is. */
  readonly keepsBase?: true;
  /** Takes a write of ours back: the pair that results is agreed. */
  readonly undo?: true;
}

/** A write of one link towards one side, recorded before the call (design §6). */
export interface Attempt {
  readonly id: string;
  readonly side: Side;
  readonly kind: 'create' | 'update' | 'remove' | 'merge';
  /** None of a removal or a merge. */
  readonly groups: Readonly<Record<string, AttemptGroup>>;
  /** The partner's id, when this write stores it. */
  readonly reference: string | null;
  /** The partner's id that is stored there is removed by this write. */
  readonly forgets?: true;
  /** Of a merge: the record that it is merged into. */
  readonly into?: string;
  /** The revision on which the write is conditional. */
  readonly condition: string | null;
  /** Newest history entry per field at the guard read (epoch ms, the system's clock); entries after it are checked. */
  readonly guard: Readonly<Record<string, number>> | null;
  readonly sentAt: number;
  readonly deadline: number;
  /** Set on a creation that nobody found and that may still land, over the record that the next one made or makes. */
  readonly ofCreation?: true;
  /** The one revision that it could have made was shown, and does not tell whose it is. It may not be shown a second time. */
  readonly isUntold?: true;
  /** `unresolved`: closed without proof of what became of it. */
  readonly status: 'outstanding' | 'unresolved';
}

export interface ReadDue {
  /** Not before (our clock). */
  readonly at: number;
  /** Nothing is decided for the link until the read is folded. */
  readonly blocks: boolean;
  /** Only to find out whether the record is gone. */
  readonly ofGone?: true;
}

/** A record that its system says is not there: a candidate until a read after the settle time finds it gone as well (I9). */
export interface Gone {
  readonly how: GoneHow;
  /** When this was learnt (our clock). */
  readonly at: number;
  /** Between these (our clock) the record was certainly gone at some time: what was read before shows nothing, what was read after brings it back. */
  readonly observedFrom?: number;
  readonly observedTo?: number;
  /** The revision that the deletion made, where the system told. */
  readonly revision?: string;
  /** The system told it of its own accord; else a read found nothing. */
  readonly isTold?: true;
  /** It was found out by a write of ours. */
  readonly metWrite?: true;
  /** We removed the record, because its partner had been deleted. */
  readonly ours?: true;
  /** Its partner was restored since: it is to be made again. */
  readonly revive?: true;
  /** Since the deletion its partner was merged with another record, which is more than the deletion spoke of. */
  readonly contested?: true;
  /** When it was found gone once more, after the settle time. */
  readonly settledAt?: number;
  /** The policy was `ignore` then; one that is set later does not reach back. */
  readonly ignored?: true;
  /** An operator's word on whether the deletion or its partner stands; void when the partner has moved since. */
  readonly word?: { readonly stands: 'deletion' | 'partner'; readonly by: string; readonly revision: string | null };
}

/**
 * A record from which this one was parted: the two are never matched again unless an operator says so. One of its own side
 * is another person with the same number or address.
 */
export interface Parted {
  readonly side: Side;
  readonly id: string;
  readonly at: number;
  /** The rule or the operator that parted them. */
  readonly by: string;
  /** It is there: its id is removed from the record that is left, lest anybody take the two for a pair. */
  readonly forgets?: true;
  /** Its last image, where it was deleted; for a restore. */
  readonly image?: Image;
}

export const DELETE_CONFLICTS = ['delete_recently_updated', 'update_recently_deleted', 'update_missing'] as const;
export type DeleteConflict = (typeof DELETE_CONFLICTS)[number];

/** A record that went on into another one whose link has a partner of its own: the two partners are two, the records are one. */
export interface Absorbed {
  readonly side: Side;
  /** The survivor, the link that has it, and that link's record on the other side. */
  readonly record: string;
  readonly by: string;
  readonly partner: string;
  readonly at: number;
  /** An operator wants the partners merged as well. */
  readonly word?: { readonly by: string };
}

export type LinkHold =
  | {
    readonly kind: 'multi_match' | 'possible_duplicate'; readonly since: number;
    /** Other links, the likeliest first; `scores` are the likenesses of the names, where both are known. */
    readonly candidates: readonly string[]; readonly scores?: readonly (number | null)[];
    readonly rule?: string;
    /** Held by match keys (domain/match-hold.ts): it ends by itself when the keys do not say so any more. */
    readonly byKeys?: true;
  }
  /** The record of the side `detail` was merged into that of the one candidate; what is to become of the partner is not said. */
  | { readonly kind: 'partner_merged'; readonly since: number; readonly detail: Side; readonly candidates: readonly string[] }
  /** Both records were merged, but into records of different links. */
  | { readonly kind: 'merge_merge'; readonly since: number; readonly candidates: readonly string[] }
  | { readonly kind: 'unique_violation' | 'rejected' | 'required_missing'; readonly since: number; readonly detail: string }
  /** A deletion on the side `detail` met an edit of the partner, whose revision was this. */
  | { readonly kind: DeleteConflict; readonly since: number; readonly detail: Side; readonly revision: string | null };

export interface LinkState {
  readonly seen: { readonly [S in Side]?: Seen };
  readonly groups: Readonly<Record<string, GroupState>>;
  readonly attempts: readonly Attempt[];
  readonly readDue?: { readonly [S in Side]?: ReadDue };
  /** The side on which the partner must be created. */
  readonly create?: Side;
  /** The partner's id must be stored on these sides. */
  readonly referenceDue?: readonly Side[];
  /** The record of this side must be removed, since its partner was deleted. */
  readonly remove?: { readonly side: Side; readonly way: RemovalWay };
  readonly gone?: { readonly [S in Side]?: Gone };
  readonly absorbed?: Absorbed;
  /** The record of this side must be merged into another, since their partners were. */
  readonly merge?: { readonly side: Side; readonly into: string };
  /** An operator wants what is gone made again. */
  readonly restoring?: { readonly by: string; readonly at: number };
  readonly apart?: readonly Parted[];
  /** No partner is created for the record, and why. */
  readonly alone?: { readonly since: number; readonly reason: string };
  /** Of a tombstone: the link that went on without the record (domain/left-behind.ts). */
  readonly formerOf?: string;
  /** When the last images of what was deleted are to be forgotten. */
  readonly forgetAt?: number;
  /** Of an erased link: the erasure's id, and the sides whose record is still to be erased in its system. */
  readonly erasure?: string;
  readonly erasing?: readonly Side[];
  readonly hold?: LinkHold;
  /** Whether the other side has a record of this person is still to be found out (services/reconcile/match-round.ts); until then none is made. */
  readonly unmatched?: true;
  /** When the record of a side went on into another one; until the pair has come to rest again. */
  readonly merged?: number;
  /** Edits of the record that went on, which nobody had been told of yet; until the survivor is read, which may not have them. */
  readonly mergedEdits?: { readonly side: Side; readonly groups: Readonly<Record<string, Values>> };
  /** The change-set that must be approved before anything is written for this link as a whole. */
  readonly guarded?: string;
  /** After a failed write: not before, and how often it failed in a row. */
  readonly retry?: { readonly at: number; readonly count: number };
}

export const EMPTY_STATE: LinkState = { seen: {}, groups: {}, attempts: [] };

export interface Link {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly linkId: string;
  readonly bevatelId: string | null;
  readonly externalId: string | null;
  readonly state: LinkState;
  /** True once a privacy deletion ended all writes (I9). */
  readonly erased: boolean;
}

/** The record's id on a side. */
export function idOn(link: Link, side: Side): string | null {
  return side === 'bevatel' ? link.bevatelId : link.externalId;
}

export function withId(link: Link, side: Side, id: string | null): Link {
  return side === 'bevatel' ? { ...link, bevatelId: id } : { ...link, externalId: id };
}

/** The values of fields in an image, in their order; null when one of them is absent (unknown). */
export function pick(image: Image, fields: readonly string[]): Values | null {
  const values: Value[] = [];
  for (const field of fields) {
    const value = image[field];
    if (value === undefined) return null;
    values.push(value);
  }
  return values;
}
