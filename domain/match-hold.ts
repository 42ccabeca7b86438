/** Holds that matching puts on links, and takes away again when the keys do not say so any more. */
import type { GroupVerdict } from '../schemas/decision.ts';
import { WHOLE_RECORD } from '../schemas/decision.ts';
import { otherSide } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import { standingOf } from './filter.ts';
import type { Link, LinkHold } from './link.ts';
import { keyChange } from './match.ts';
import type { Standing } from './pairing.ts';

type MatchHold = Extract<LinkHold, { kind: 'multi_match' | 'possible_duplicate' }>;

export function isMatchHold(hold: LinkHold | undefined): hold is MatchHold {
  return hold !== undefined && (hold.kind === 'multi_match' || (hold.kind === 'possible_duplicate' && hold.byKeys === true));
}

/** The link as its standing has it; one that stands as before keeps its hold, and with it the time since when. */
export function withStanding(link: Link, standing: Exclude<Standing, { kind: 'paired' }>, now: number): { readonly link: Link; readonly groups: readonly GroupVerdict[] } {
  const { hold: before, unmatched: _unmatched, ...state } = link.state;
  if (standing.kind === 'free') return { link: { ...link, state: { ...state, ...(before && !isMatchHold(before) ? { hold: before } : {}) } }, groups: [] };
  const { kind, rule } = standing;
  const candidates = standing.candidates.map(({ linkId }) => linkId);
  const scores = standing.candidates.map(({ score }) => score);
  const isSame = isMatchHold(before) && before.kind === kind && before.candidates.join() === candidates.join();
  const hold: MatchHold = { kind, since: isSame ? before.since : now, candidates, scores, rule, byKeys: true };
  return { link: { ...link, state: { ...state, hold } }, groups: isSame ? [] : [{ group: WHOLE_RECORD, verdict: 'conflict_held', rule, conflict: kind }] };
}

/** Whether a partner would be made for the link's one record. */
export function claimsPartner(link: Pick<Link, 'bevatelId' | 'state'>, context: LinkContext): boolean {
  const present = link.bevatelId === null ? 'external' : 'bevatel';
  const seen = link.state.seen[present];
  return context.creates[otherSide(present)] && link.state.alone === undefined && seen !== undefined && standingOf(present, seen.values, context.mapping) === 'inside';
}

/** Whether a record without a partner may stand otherwise for what it shows now: other keys, another partner named, or a partner to be made for it. */
export function isMatchedAnew(before: Link, after: Link, context: LinkContext): boolean {
  const side: Side = before.bevatelId === null ? 'external' : 'bevatel';
  return keyChange(context.mapping, before, after) !== null
    || before.state.seen[side]?.reference !== after.state.seen[side]?.reference
    || (claimsPartner(after, context) && !claimsPartner(before, context));
}
