/**
 * Restore: an operator wants a record that was deleted made again, on every side where it is gone, from its last image. The
 * order is remembered with the link; what is to be made is derived from it like everything else (domain/decide-gone.ts).
 */
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Image, Side } from '../schemas/value.ts';
import { idOn, PARTED, withId } from './link.ts';
import type { Gone, Link, LinkState, Parted, Seen } from './link.ts';

export interface MadeAgain {
  readonly side: Side;
  /** The id that it had; it gets another. */
  readonly formerId: string;
  readonly image: Image;
}

export type Restoration =
  | { readonly kind: 'restoring'; readonly link: Link; readonly sides: readonly MadeAgain[] }
  | { readonly kind: 'refused'; readonly reason: RestoreRefusal };

/** `not_gone`: nothing is missing. `no_image`: nothing is known of it any more. `no_partner`: it never had one, so nothing ties a new record to it. */
export type RestoreRefusal = 'not_gone' | 'no_image' | 'no_partner' | 'erased' | 'in_flight' | 'under_way' | 'direction';

/** `mayWrite`: the sides that the integration's direction lets be written. Call it with the link locked; run `decideLink` on the result. */
export function restore(link: Link, mayWrite: Readonly<Record<Side, boolean>>, by: string, now: number): Restoration {
  if (link.erased) return refused('erased');
  if (link.state.restoring) return refused('under_way');
  if (link.state.attempts.some((attempt) => attempt.status === 'outstanding')) return refused('in_flight');
  const rejoined = link.bevatelId === null || link.externalId === null ? rejoin(link) : link;
  if (!rejoined) return refused(link.state.gone ? 'no_partner' : 'not_gone');
  const sides = SIDES.filter((side) => rejoined.state.gone?.[side] !== undefined);
  if (sides.length === 0) return refused('not_gone');
  if (sides.some((side) => !mayWrite[side])) return refused('direction');
  const { seen } = rejoined.state;
  if (!sides.every((side) => seen[side] ?? (sides.length === 1 && seen[otherSide(side)]))) return refused('no_image');
  const { hold: _hold, ...state } = rejoined.state;
  return {
    kind: 'restoring', link: { ...rejoined, state: { ...state, restoring: { by, at: now } } },
    sides: sides.map((side) => ({ side, formerId: idOn(rejoined, side) ?? '', image: seen[side]?.values ?? {} })),
  };
}

function refused(reason: RestoreRefusal): Restoration {
  return { kind: 'refused', reason };
}

/** A pair that was dissolved is one again, with the record gone from which the other was parted last; null when there is none. */
function rejoin(link: Link): Link | null {
  const missing: Side = link.bevatelId === null ? 'bevatel' : 'external';
  const parted = link.state.apart?.findLast((one) => one.side === missing);
  if (!parted || !link.state.alone || link.state.alone.reason === PARTED) return null;
  const { alone: _alone, forgetAt: _forgetAt, apart, ...rest } = link.state;
  const others = apart?.filter((one) => one !== parted) ?? [];
  const gone: Gone = { how: 'deleted', at: parted.at, settledAt: parted.at };
  const seen = imageSeen(parted, idOn(link, otherSide(missing)));
  const state: LinkState = {
    ...rest, ...(others.length > 0 ? { apart: others } : {}), gone: { ...rest.gone, [missing]: gone }, seen: seen ? { ...rest.seen, [missing]: seen } : rest.seen,
  };
  return withId({ ...link, state }, missing, parted.id);
}

function imageSeen({ image, at }: Parted, reference: string | null): Seen | null {
  return image ? { revision: null, values: image, times: {}, observedFrom: at, recordedAt: at, modifiedAt: null, reference } : null;
}
