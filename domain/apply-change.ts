/**
 * Apply a change to a link: fold, prove, decide. The one entry point of the core for whatever a side shows.
 *
 * `applyChange(link, change, …) → link' + verdicts` is pure; nothing is lost by calling it again (I7, I12).
 */
import type { ContactChange } from '../schemas/change.ts';
import type { GroupVerdict, Verdict } from '../schemas/decision.ts';
import type { Side } from '../schemas/value.ts';
import type { LinkContext, OwnTimes } from './context.ts';
import { decideLink } from './decide-link.ts';
import { foldImage, sideImage } from './fold.ts';
import type { FoldOutcome, SideImage } from './fold.ts';
import type { Link, LinkState } from './link.ts';
import { applyGone, repoint } from './outcome.ts';
import { awaitsHistories, proveAttempts } from './proof.ts';

export interface Applied {
  readonly link: Link;
  readonly verdict: Verdict;
  readonly groups: readonly GroupVerdict[];
}

export function applyChange(link: Link, change: ContactChange, context: LinkContext, ownTimes: OwnTimes, now: number): Applied {
  if (link.erased) return { link, verdict: 'gone', groups: [] };
  switch (change.kind) {
    case 'image': return applyImage(link, sideImage(change, link.integrationId), context, ownTimes, now);
    case 'merged': return applyMerged(link, change, context, now);
    case 'deleted':
    case 'erased': return applyAbsence(link, change.side, change.kind, context, now);
    case 'listingEnded': return { link, verdict: 'unchanged', groups: [] };
    default: return change.kind satisfies never;
  }
}

export function applyImage(link: Link, image: SideImage, context: LinkContext, ownTimes: OwnTimes, now: number): Applied {
  if (link.erased) return { link, verdict: 'gone', groups: [] };
  const { side } = image;
  const before = link.state.seen[side];
  const fold = foldImage(before, image, context.capabilities[side], ownTimes, now);
  const isEcho = fold.outcome === 'duplicate' && before?.ours === true && before.revision === image.revision;
  const seenState: LinkState = fold.seen && fold.seen !== before ? { ...link.state, seen: { ...link.state.seen, [side]: fold.seen } } : link.state;
  const { state: proved, landings } = proveAttempts(seenState, image, fold.outcome === 'folded', context, now);
  const isProof = proved.groups !== seenState.groups;
  const isUntold = fold.outcome === 'folded' && awaitsHistories(proved, image, context);
  const settled = settleReads(proved, image, fold.outcome, isUntold, now);
  if (settled === link.state) return { link, verdict: isEcho ? 'echo' : fold.outcome === 'folded' ? 'unchanged' : fold.outcome, groups: [] };
  const decided = decideLink({ ...link, state: settled }, context, now);
  const groups = landings.length === 0 ? decided.groups : [...landings, ...decided.groups];
  return { link: decided.link, groups, verdict: verdictOn(fold.outcome, isEcho || isProof, decided.groups, decided.verdict) };
}

/**
 * A by-id read begun when it was due or later settles it, unless its order is unproven again: then what was blocked
 * stays blocked (trace 7). An image of unproven order makes a read due that begins after it; one without the histories that
 * an unresolved write needs blocks until they are read (trace 6). A folded image means that the record is there.
 */
function settleReads(state: LinkState, image: SideImage, outcome: FoldOutcome, isUntold: boolean, now: number): LinkState {
  if (outcome !== 'folded' && outcome !== 'read_again' && !state.readDue?.[image.side]) return state;
  if (outcome === 'folded' && !isUntold && !state.readDue && !state.gone) return state;
  const { readDue: before, gone, ...rest } = state;
  const readDue = { ...before };
  const due = readDue[image.side];
  if (due && image.readById && image.observedFrom >= due.at && outcome !== 'read_again') delete readDue[image.side];
  if (outcome === 'read_again' || isUntold) readDue[image.side] = { at: Math.max(now, due?.at ?? 0), blocks: isUntold || (due?.blocks ?? false) };
  const stillGone = { ...gone };
  if (outcome === 'folded') delete stillGone[image.side];
  return {
    ...rest,
    ...(Object.keys(readDue).length > 0 ? { readDue } : {}),
    ...(Object.keys(stillGone).length > 0 ? { gone: stillGone } : {}),
  };
}

/** The record's verdict: what its groups say most, else what the fold says. */
function verdictOn(outcome: FoldOutcome, isOwn: boolean, groups: readonly GroupVerdict[], whole: Verdict | null): Verdict {
  if (whole) return whole;
  for (const verdict of ['conflict_held', 'conflict_resolved', 'propagate', 'filled', 'converged', 'skipped'] as const) {
    if (groups.some((group) => group.verdict === verdict)) return verdict;
  }
  if (isOwn) return 'echo';
  if (groups.some((group) => group.verdict === 'in_flight')) return 'in_flight';
  return outcome === 'folded' ? 'unchanged' : outcome;
}

function applyAbsence(link: Link, side: Side, how: 'deleted' | 'erased', context: LinkContext, now: number): Applied {
  const decided = decideLink(applyGone(link, side, how, now), context, now);
  return { link: decided.link, verdict: 'gone', groups: [] };
}

/** A merge re-points the link to the survivor, which is read before anything is decided. */
function applyMerged(link: Link, change: ContactChange, context: LinkContext, now: number): Applied {
  if (change.mergedInto === null) return applyAbsence(link, change.side, 'deleted', context, now);
  const decided = decideLink(repoint(link, change.side, change.mergedInto, now), context, now);
  return { link: decided.link, verdict: 'linked', groups: [] };
}
