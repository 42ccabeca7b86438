/**
 * An operator's word on a link that is held for who it is: none of the candidates, or the partners are one person as well.
 * The word on one of the candidates is `joinLinks` (domain/resolve.ts).
 */
import { otherSide, SIDES } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import { idOn } from './link.ts';
import type { Link, Parted } from './link.ts';
import { rearrange } from './rearrange.ts';
import type { Resolved } from './resolve.ts';

export interface IdentityWord {
  readonly by: string;
  readonly now: number;
}

/**
 * The candidates are other people: the link's record is parted from theirs for good, and gets a partner of its own if it
 * matches nobody else. After a merge, the partner that was left without its record does so.
 */
export function keepApart(link: Link, candidates: readonly Link[], { by, now }: IdentityWord): Resolved {
  const { hold } = link.state;
  if (hold?.kind === 'partner_merged') return partnerApart(link, { by, now });
  if (!hold || !('candidates' in hold) || hold.kind === 'merge_merge') return hold ? { kind: 'refused', reason: 'no_candidates' } : { kind: 'not_held' };
  const { hold: _hold, create: _create, ...state } = link.state;
  const others = candidates.flatMap((candidate) => SIDES.flatMap((side): Parted[] => {
    const id = idOn(candidate, side);
    return id === null || id === idOn(link, side) ? [] : [{ side, id, at: now, by }];
  }));
  const apart = [...new Map([...(state.apart ?? []), ...others].map((one) => [`${one.side}/${one.id}`, one])).values()];
  const isAlone = link.bevatelId === null || link.externalId === null;
  return { kind: 'resolved', link: { ...link, state: { ...state, apart, ...(isAlone ? { unmatched: true as const } : {}) } } };
}

function partnerApart(link: Link, { by, now }: IdentityWord): Resolved {
  const { hold: _hold, ...state } = link.state;
  const parted = rearrange([{ ...link, state }], { pairs: [], leftover: 'anew', by, now, newId: () => link.linkId });
  const [left] = parted.kind === 'rearranged' ? parted.links : [];
  if (!left) return { kind: 'refused', reason: parted.kind === 'refused' ? parted.reason : 'gone' };
  return { kind: 'resolved', link: left.link };
}

/** The partners are one person as their records are: they are to be merged, which nobody can undo. */
export function mergePartners(link: Link, context: LinkContext, { by }: Pick<IdentityWord, 'by'>): Resolved {
  const { hold, ...state } = link.state;
  const { absorbed } = state;
  if (!hold) return { kind: 'not_held' };
  if (!absorbed || (hold.kind !== 'partner_merged' && hold.kind !== 'rejected')) return { kind: 'refused', reason: 'no_merge' };
  if (!context.capabilities[otherSide(absorbed.side)].merges) return { kind: 'refused', reason: 'cannot_merge' };
  return { kind: 'resolved', link: { ...link, state: { ...state, absorbed: { ...absorbed, word: { by } } } } };
}

/** Whether the hold can be ended by ending the link: both of its records went on into those of other links. */
export function isSpent({ state: { hold } }: Link): boolean {
  return hold?.kind === 'merge_merge';
}
