/**
 * An operator's word on a deletion that met an edit: the side that has the record stands, and the record is made again on
 * the other, or the deletion stands and goes over. Call it with the link locked; run `decideLink` on the result.
 */
import { otherSide } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { isDeleteHold } from './decide-gone.ts';
import type { Link } from './link.ts';
import type { Resolved } from './resolve.ts';

/** `winner`: the side whose state stands, be it the record or its absence. */
export function resolveDeletion(link: Link, winner: Side, by: string): Resolved {
  const { hold, ...state } = link.state;
  if (!isDeleteHold(hold)) return { kind: 'not_held' };
  const lost = hold.detail;
  const gone = state.gone?.[lost];
  if (!gone) return { kind: 'not_held' };
  const word = { stands: winner === lost ? 'deletion' as const : 'partner' as const, by, revision: state.seen[otherSide(lost)]?.revision ?? null };
  return { kind: 'resolved', link: { ...link, state: { ...state, gone: { ...state.gone, [lost]: { ...gone, word } } } } };
}

/** Has the record looked for once more, as if the settle time had just passed: a merge may be known by now. */
export function probeAgain(link: Link): Resolved {
  const { hold, ...state } = link.state;
  const gone = isDeleteHold(hold) ? state.gone?.[hold.detail] : undefined;
  if (!isDeleteHold(hold) || !gone) return { kind: 'not_held' };
  const { settledAt: _settledAt, word: _word, ...open } = gone;
  return { kind: 'resolved', link: { ...link, state: { ...state, gone: { ...state.gone, [hold.detail]: open } } } };
}
