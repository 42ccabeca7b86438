/**
 * Apply a change to a link: fold, prove, decide. The one entry point of the core for whatever a side shows.
 *
 * `applyChange(link, change, …) → link' + verdicts` is pure; nothing is lost by calling it again (I7, I12).
 */
import type { ContactChange } from '../schemas/change.ts';
import type { GroupVerdict, Verdict } from '../schemas/decision.ts';
import { WHOLE_RECORD } from '../schemas/decision.ts';
import type { Side } from '../schemas/value.ts';
import type { LinkContext, OwnTimes } from './context.ts';
import { decideLink } from './decide-link.ts';
import { foldImage, sideImage } from './fold.ts';
import type { FoldOutcome, SideImage } from './fold.ts';
import type { Link, LinkState } from './link.ts';
import { removalsProven } from './landing.ts';
import { applyGone, broughtBack, presenceOf, repoint } from './gone.ts';
import { awaitsHistories, proveAttempts } from './proof.ts';
import { compareRevisions } from './revision.ts';

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
    case 'erased': return applyAbsence(link, change, change.kind, context, now);
    case 'listingEnded': return { link, verdict: 'unchanged', groups: [] };
    default: return change.kind satisfies never;
  }
}

export function applyImage(link: Link, image: SideImage, context: LinkContext, ownTimes: OwnTimes, now: number): Applied {
  if (link.erased) return { link, verdict: 'gone', groups: [] };
  const { side } = image;
  const before = link.state.seen[side];
  const gone = link.state.gone?.[side];
  const presence = gone ? presenceOf(gone, image, context) : null;
  const fold = foldImage(before, image, context.capabilities[side], ownTimes, now);
  const isEcho = fold.outcome === 'duplicate' && before?.ours === true && before.revision === image.revision;
  const seenState: LinkState = fold.seen && fold.seen !== before ? { ...link.state, seen: { ...link.state.seen, [side]: fold.seen } } : link.state;
  const { state: proved, landings } = proveAttempts(seenState, image, fold.outcome === 'folded', context, now);
  const isProof = proved.groups !== seenState.groups;
  const isUntold = fold.outcome === 'folded' && awaitsHistories(proved, image, context);
  const present = presence === 'back' ? broughtBack(proved, side) : proved;
  const settled = settleReads(present, image, fold.outcome, isUntold, presence === 'ask', now);
  if (settled === link.state) return { link, verdict: isEcho ? 'echo' : fold.outcome === 'folded' ? 'unchanged' : fold.outcome, groups: [] };
  const decided = decideLink({ ...link, state: settled }, context, now);
  const groups = landings.length === 0 ? decided.groups : [...landings, ...decided.groups];
  if (presence === 'back') return { link: decided.link, verdict: 'restored', groups: [restored(side), ...groups] };
  return { link: decided.link, groups, verdict: verdictOn(fold.outcome, isEcho || isProof, decided.groups, decided.verdict) };
}

function restored(side: Side): GroupVerdict {
  return { group: WHOLE_RECORD, verdict: 'restored', rule: `shown_by:${side}`, conflict: 'restore' };
}

/**
 * A by-id read begun when it was due or later settles it, unless its order is unproven again: then what was blocked
 * stays blocked (trace 7). An image of unproven order makes a read due that begins after it; one without the histories that
 * an unresolved write needs blocks until they are read (trace 6). So does one that may be older than the record's deletion.
 */
function settleReads(state: LinkState, image: SideImage, outcome: FoldOutcome, isUntold: boolean, isDoubtful: boolean, now: number): LinkState {
  const due = state.readDue?.[image.side];
  const isAsked = outcome === 'read_again' || isUntold || isDoubtful;
  const isSettled = due !== undefined && image.readById && image.observedFrom >= due.at && outcome !== 'read_again';
  if (!isAsked && !isSettled) return state;
  const { readDue: before, ...rest } = state;
  const readDue = { ...before };
  if (isSettled) delete readDue[image.side];
  if (isAsked) readDue[image.side] = { at: isDoubtful ? now : Math.max(now, due?.at ?? 0), blocks: isUntold || isDoubtful || (due?.blocks ?? false), ...(isDoubtful && (!due || due.ofGone) ? { ofGone: true } : {}) };
  return { ...rest, ...(Object.keys(readDue).length > 0 ? { readDue } : {}) };
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

function applyAbsence(link: Link, change: ContactChange, how: 'deleted' | 'erased', context: LinkContext, now: number): Applied {
  const { side, observedFrom, observedTo, revision } = change;
  if (how === 'deleted' && isOlderThanSeen(link, side, revision, context)) return { link, verdict: 'stale', groups: [] };
  const gone = applyGone(link, side, { how, by: change.readById ? 'news' : 'told', observedFrom, observedTo, revision }, context, now);
  const decided = decideLink(gone, context, now);
  return { link: decided.link, verdict: gone.state.gone?.[side]?.ours ? 'echo' : 'gone', groups: [...removalsProven(side, link.state, gone.state), ...decided.groups] };
}

/** The record was seen in a revision after its deletion: it was brought back since (I6). */
function isOlderThanSeen({ state }: Link, side: Side, revision: string | null, { capabilities }: LinkContext): boolean {
  const seen = state.seen[side]?.revision ?? null;
  return capabilities[side].revisions === 'strict' && compareRevisions('strict', seen, revision) === 'older';
}

/** A merge re-points the link to the survivor, which is read before anything is decided. */
function applyMerged(link: Link, change: ContactChange, context: LinkContext, now: number): Applied {
  if (change.mergedInto === null) return applyAbsence(link, change, 'deleted', context, now);
  const decided = decideLink(repoint(link, change.side, change.mergedInto, now), context, now);
  return { link: decided.link, verdict: 'linked', groups: [] };
}
