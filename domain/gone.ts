/**
 * Records that are not there: what a report of it is worth, and what brings a record back (design §5; I9).
 *
 * - A deletion is a candidate. It is looked at once more after the settle time, by an id read that then began: a merge or
 *   a restore may explain it. Only what the system then calls deleted, or what it had told of its own accord and does not
 *   know any more, is proven; an id that nobody explains is not.
 * - A deletion that a removal of ours was under way for is our own, whoever tells of it first.
 * - A record is back when a revision after its deletion is shown, or a by-id read that began after the report finds it.
 *   What shows it otherwise makes a read due, and so does a report that began before what is seen (I6).
 */
import type { GoneHow } from '../schemas/system.ts';
import { otherSide } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import { eraseForSystem } from './erase.ts';
import type { SideImage } from './fold.ts';
import { PARTED, withId } from './link.ts';
import type { Attempt, Gone, Link, LinkState } from './link.ts';
import { compareRevisions } from './revision.ts';

export interface Absence {
  readonly how: GoneHow;
  /** A by-id read of delivery, the news as capture brought it (read there, or told by the system itself), the refusal of a write, or the answer to a removal. */
  readonly by: 'read' | 'news' | 'told' | 'write' | 'removal';
  /** Our clock at the start and at the end of the read or call, or at the receipt. */
  readonly observedFrom: number;
  readonly observedTo: number;
  /** The revision that the deletion made, where it is told. */
  readonly revision: string | null;
}

/** Records a report that the record is not there. A privacy deletion ends all writes for ever and leaves nothing personal behind (I9, I11). */
export function applyGone(link: Link, side: Side, absence: Absence, context: LinkContext, now: number): Link {
  if (link.erased) return link;
  if (absence.how === 'erased') return eraseForSystem(link, side, absence.observedFrom, now);
  const { state } = link;
  const isOurs = absence.by === 'removal' || state.attempts.some((attempt) => attempt.side === side && attempt.kind === 'remove' && attempt.sentAt <= absence.observedTo);
  const before = state.gone?.[side];
  const isDoubtful = absence.revision === null && (state.seen[side]?.observedFrom ?? 0) > absence.observedFrom;
  if (isDoubtful && !before && !isOurs) return { ...link, state: askedFor(state, side, now) };
  const gone = before ? reportedAgain(before, side, absence, context, now) : reported(absence, isOurs, isOurs && !state.gone?.[otherSide(side)], now);
  const known: LinkState = { ...withoutRead(state, side, absence.observedFrom), attempts: state.attempts.flatMap((attempt) => afterEnd(attempt, side, now) ?? []), gone: { ...state.gone, [side]: gone } };
  return { ...link, state: isDoubtful && !before ? askedFor(known, side, now) : known };
}

function askedFor(state: LinkState, side: Side, now: number): LinkState {
  return { ...state, readDue: { ...state.readDue, [side]: { at: now, blocks: true, ofGone: true } } };
}

/** `isLate`: a removal of ours landed although its reason has gone meanwhile. */
function reported({ how, by, observedFrom, observedTo, revision }: Absence, isOurs: boolean, isLate: boolean, now: number): Gone {
  return {
    how, at: now, observedFrom, observedTo,
    ...(revision === null ? {} : { revision }),
    ...(by === 'told' ? { isTold: true } : {}),
    ...(by === 'write' && !isOurs ? { metWrite: true } : {}),
    ...(isOurs ? { ours: true, settledAt: now } : {}),
    ...(isLate ? { revive: true } : {}),
  };
}

function reportedAgain(before: Gone, side: Side, { how, by, observedFrom, observedTo, revision }: Absence, { deletes, capabilities }: LinkContext, now: number): Gone {
  const isNewer = before.revision === undefined || compareRevisions(capabilities[side].revisions, before.revision, revision) === 'newer';
  const known: Gone = {
    ...before,
    ...(observedFrom > (before.observedFrom ?? before.at) ? { observedFrom, observedTo } : {}),
    ...(revision !== null && isNewer ? { revision } : {}),
    ...(by === 'write' && !before.ours ? { metWrite: true } : {}),
  };
  const isSettling = before.settledAt === undefined && by === 'read' && observedFrom >= before.at + deletes.settleMs;
  if (!isSettling) return known;
  const isIgnored = deletes.policy[otherSide(side)] === 'ignore';
  return { ...known, how: how === 'not_found' && before.isTold ? before.how : how, settledAt: now, ...(isIgnored ? { ignored: true } : {}) };
}

/**
 * What is left of an attempt when its record is gone; null for nothing. Until its deadline its answer may still come. A
 * creation is of another record. A write without a condition may land after all once somebody brings the record back (I2);
 * a condition is not met any more.
 */
function afterEnd(attempt: Attempt, side: Side, now: number): Attempt | null {
  if (attempt.side !== side || isOfCreation(attempt)) return attempt;
  if (attempt.kind === 'remove') return null;
  if (attempt.status === 'outstanding' && now <= attempt.deadline) return attempt;
  return attempt.condition === null ? { ...attempt, status: 'unresolved' } : null;
}

function isOfCreation({ kind, ofCreation }: Attempt): boolean {
  return kind === 'create' || ofCreation === true;
}

/** Without the read that was due of the side until then. */
function withoutRead(state: LinkState, side: Side, until = Infinity): LinkState {
  if (!state.readDue?.[side] || state.readDue[side].at > until) return state;
  const { readDue: { [side]: _read, ...readDue }, ...rest } = state;
  return Object.keys(readDue).length > 0 ? { ...rest, readDue } : rest;
}

/** What an image says of a record that was reported gone. */
export function presenceOf(gone: Gone, image: SideImage, context: LinkContext): 'back' | 'gone' | 'ask' {
  if (context.capabilities[image.side].revisions === 'strict' && gone.revision !== undefined) {
    return compareRevisions('strict', gone.revision, image.revision) === 'newer' ? 'back' : 'gone';
  }
  if (!image.readById) return 'ask';
  if (image.observedFrom > (gone.observedTo ?? gone.at)) return 'back';
  return image.observedFrom > (gone.observedFrom ?? gone.at) ? 'ask' : 'gone';
}

/**
 * The record is there again; where its partner is gone as well, that deletion is the older news. Where nobody told the
 * revision of its own deletion and that never settled, it may have been none: that it is there counts like an edit.
 */
export function broughtBack(state: LinkState, side: Side, now: number): LinkState {
  const { gone: before, ...rest } = withoutMerge(state.readDue?.[side]?.ofGone ? withoutRead(state, side) : state, side);
  const partner = before?.[otherSide(side)];
  if (!partner) return withoutFormer(rest, now);
  const isRestored = before?.[side]?.settledAt !== undefined || before?.[side]?.revision !== undefined;
  return { ...rest, gone: { [otherSide(side)]: { ...partner, ...(isRestored ? { revive: true } : { contested: true }) } } };
}

/** It did not go into another record, or came out of it again. */
function withoutMerge(state: LinkState, side: Side): LinkState {
  if (state.absorbed?.side !== side) return state;
  const { absorbed: _absorbed, merge: _merge, ...rest } = state;
  return rest;
}

/**
 * A record comes back whose link has gone on without it. What was parted stays so; where another record has taken its
 * place, the person is there twice, and an operator decides (I4).
 */
function withoutFormer(state: LinkState, now: number): LinkState {
  if (state.formerOf === undefined) return state;
  const { formerOf, forgetAt: _forgetAt, ...rest } = state;
  return rest.apart ? { ...rest, alone: { since: now, reason: 'unlinked' } } : { ...rest, hold: { kind: 'possible_duplicate', since: now, candidates: [formerOf] } };
}

/** Another record takes the place of the one that is gone: what was known of that one does not hold for it. */
export function replaced(link: Link, side: Side, id: string): Link {
  const isSame = (side === 'bevatel' ? link.bevatelId : link.externalId) === id;
  if (isSame && !link.state.gone?.[side]) return link;
  const { gone: before, ...rest } = withoutRead(link.state, side);
  const { [side]: _gone, ...gone } = before ?? {};
  const { [side]: _seen, ...seen } = rest.seen;
  const attempts = rest.attempts.filter((attempt) => attempt.side !== side || isOfCreation(attempt));
  return withId({ ...link, state: { ...rest, seen, attempts, ...(Object.keys(gone).length > 0 ? { gone } : {}) } }, side, id);
}

/** A merge moved the record to another id: the link follows, and the survivor is read before anything is decided. */
export function repoint(link: Link, side: Side, survivor: string, now: number): Link {
  const merged = afterMerge(link.state, side, now);
  const seen = merged.seen[side];
  const state: LinkState = {
    ...merged,
    seen: seen ? { ...merged.seen, [side]: { ...seen, revision: null } } : merged.seen,
    readDue: { ...merged.readDue, [side]: { at: now, blocks: true } },
    merged: now,
  };
  return withId({ ...link, state }, side, survivor);
}

/**
 * The same Bevatel contact under another id, since another integration had it made again: no merge, although the link follows
 * as in one. Who its partner is, where it has none, is found out as of a contact that is new: whoever looked while it was
 * gone found nobody.
 */
export function follow(link: Link, bevatelId: string, now: number): Link {
  const { merged: _merged, ...state } = repoint(link, 'bevatel', bevatelId, now).state;
  return { ...link, bevatelId, state: link.externalId === null ? { ...state, unmatched: true } : state };
}

/** What is gone on the side is being made again, as far as the link knows. */
export function isMadeAgain({ state }: Link, side: Side): boolean {
  return state.gone?.[side] !== undefined && state.attempts.some((attempt) => attempt.side === side && attempt.kind === 'create');
}

/** What one integration knows of the end of a Bevatel contact holds for all. */
export function withEndOf(link: Link, { state: { gone } }: Link): Link {
  return gone?.bevatel ? { ...link, state: { ...link.state, gone: { ...link.state.gone, bevatel: gone.bevatel } } } : link;
}

/**
 * The record goes on under another id, which explains an absence on its side: it is there again. Where only the partner is
 * gone, the survivor is more than that deletion spoke of.
 */
export function afterMerge(state: LinkState, side: Side, now: number): LinkState {
  if (!state.gone) return state;
  if (state.gone[side]) return broughtBack(state, side, now);
  const partner = state.gone[otherSide(side)];
  return partner ? { ...state, gone: { [otherSide(side)]: { ...partner, contested: true } } } : state;
}

/** When a record of the link was found gone, or its deletion parted the pair, the latest; null when all are there, nothing may be shown of them any more, or another link goes on for it. */
export function goneAt({ state, erased }: Link): number | null {
  const unlinked = state.alone?.reason === PARTED ? undefined : state.alone;
  if (erased || state.formerOf !== undefined || (!state.gone && !unlinked)) return null;
  return Math.max(state.gone?.bevatel?.at ?? 0, state.gone?.external?.at ?? 0, unlinked?.since ?? 0);
}
