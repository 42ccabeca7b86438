/**
 * A record that is gone and that its link no longer has, since it was made again under another id, or the pair was parted.
 * Its tombstone is a link of its own, so that what comes late of it, from a listing or in a slower lane, shows nothing,
 * instead of a stranger who is given a partner, or whose old values go over to the former one (I2, I4, I9).
 */
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import { idOn } from './link.ts';
import type { Link, LinkState } from './link.ts';

/** The tombstones of what the link had before and has no longer; none of what it knows no end of. */
export function leftBehind(before: Link, after: Link, newId: () => string, { deletes }: LinkContext): Link[] {
  if (after.erased) return [];
  return SIDES.flatMap((side): Link[] => {
    const id = idOn(before, side);
    const gone = before.state.gone?.[side];
    if (id === null || idOn(after, side) === id || gone?.how !== 'deleted') return [];
    const { revive: _revive, contested: _contested, word: _word, metWrite: _metWrite, ignored: _ignored, ...end } = gone;
    const state: LinkState = {
      seen: {}, groups: {}, attempts: [], ...partedFrom(after, side, end.at),
      gone: { [side]: { ...end, settledAt: end.settledAt ?? end.at } }, formerOf: after.linkId, forgetAt: end.at + deletes.keepMs,
    };
    return [{
      tenantId: before.tenantId, integrationId: before.integrationId, linkId: newId(), erased: false, state,
      bevatelId: side === 'bevatel' ? id : null, externalId: side === 'external' ? id : null,
    }];
  });
}

/** Where nothing took the record's place, its partner was parted from it. */
function partedFrom(after: Link, side: Side, at: number): Pick<LinkState, 'apart'> {
  const partnerId = idOn(after, otherSide(side));
  return idOn(after, side) === null && partnerId !== null ? { apart: [{ side: otherSide(side), id: partnerId, at, by: 'parted' }] } : {};
}
