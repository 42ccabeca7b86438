/** Tombstones end: after the time for which they are kept, the last images of what was deleted are forgotten. */
import { SIDES } from '../schemas/value.ts';
import { idOn } from './link.ts';
import type { Link } from './link.ts';

/** The link without what it kept for a restore; null when no record of it is left, so that the link itself goes. */
export function forget(link: Link): Link | null {
  const { forgetAt: _forgetAt, apart, ...state } = link.state;
  if (SIDES.every((side) => idOn(link, side) === null || state.gone?.[side] !== undefined)) return null;
  const pairs = apart?.map(({ image: _image, ...pair }) => pair);
  return { ...link, state: { ...state, ...(pairs ? { apart: pairs } : {}) } };
}
