/**
 * Proof: which of our attempts an image or a history shows to have landed, and which it closes (design §5.1).
 *
 * - An image whose value on the target side is the one that an attempt sent, in canonical form, proves that write:
 *   base := (source value sent, value seen), with the source's time and actor, also if the source has moved since
 *   (traces 1, 2, 3, 6). A stale image proves as well; of several own writes the last to land counts.
 * - On a strict side a conditional write makes exactly the revision after its condition: that image proves or refutes.
 * - A history entry after the guard read that is not ours and stands below one of ours was overwritten in flight.
 * - A by-id read begun after an attempt's deadline closes it: without proof it stays *unresolved*.
 */
import type { HistoryEntry } from '../schemas/change.ts';
import type { Side } from '../schemas/value.ts';
import { sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import { LATE_WRITE_MS } from './context.ts';
import type { SideImage } from './fold.ts';
import type { Lens, Values } from './lens.ts';
import { pick } from './link.ts';
import type { Attempt, AttemptGroup, Base, EditTime, GroupState, Held, LinkState, Seen } from './link.ts';
import { isNextRevision } from './revision.ts';
import { UNKNOWN_TIME } from './link.ts';
import { exactly, groupTime } from './time.ts';

/** Base as a pair in Bevatel-first order. */
export function basePair(target: Side, source: Values, stored: Values): Base {
  return target === 'external' ? [source, stored] : [stored, source];
}

/** What is remembered of a group after a write of ours is known to have landed. */
export function landed(group: GroupState, target: Side, written: AttemptGroup, stored: Values): GroupState {
  const { restore: _restore, resolution: _resolution, ...rest } = group;
  return written.restore ? rest : { ...rest, base: basePair(target, written.source, stored) };
}

/** Gives the fields that we wrote the time and actor of their source. */
export function sourceTimes(seen: Seen, lens: Lens, side: Side, written: AttemptGroup, appliedAt: number | null): Seen {
  const times: Record<string, EditTime> = { ...seen.times };
  for (const field of lens.fields[side]) {
    times[field] = appliedAt === null ? written.time : { ...written.time, applied: appliedAt };
  }
  return { ...seen, times };
}

/**
 * Proves and closes the attempts on the image's side. Call it with the state in which `seen` was folded already;
 * an image that was not folded (stale) proves too, but touches no times.
 */
export function proveAttempts(state: LinkState, image: SideImage, folded: boolean, context: LinkContext, now: number): LinkState {
  if (state.attempts.length === 0) return state;
  let next = state;
  const attempts: Attempt[] = [];
  for (const attempt of state.attempts) {
    if (attempt.side !== image.side || attempt.kind === 'create') {
      attempts.push(attempt);
      continue;
    }
    const result = proveAttempt(next, attempt, image, folded, context, now);
    next = result.state;
    if (result.attempt) attempts.push(result.attempt);
  }
  const isSame = attempts.length === state.attempts.length && attempts.every((attempt, index) => attempt === state.attempts[index]);
  return isSame && next === state ? state : { ...next, attempts };
}

/**
 * A write is atomic: evidence for one of its groups proves all. A group that shows something else by now was edited on
 * top of our write, so its base is what was sent.
 */
function proveAttempt(state: LinkState, attempt: Attempt, image: SideImage, folded: boolean, context: LinkContext, now: number): { state: LinkState; attempt: Attempt | null } {
  const evidence = Object.entries(attempt.groups).map(([name, written]) => groupEvidence(name, written, attempt, image, context));
  const isProven = evidence.some((one) => one.shown !== null || one.isInHistory) || (attempt.reference !== null && attempt.reference === image.reference && evidence.length === 0);
  if (!isProven) return { state, attempt: afterImage(attempt, image, now) };
  const groups: Record<string, GroupState> = { ...state.groups };
  let seen = state.seen[image.side];
  for (const { name, lens, written, shown, foreign } of evidence) {
    if (!lens) continue;
    const group = landed(groups[name] ?? {}, image.side, written, shown ?? written.sent);
    groups[name] = foreign ? { ...group, held: heldOverwritten(state, lens, foreign, now) } : group;
    if (shown && folded && seen) seen = sourceTimes(seen, lens, image.side, written, appliedAt(lens, image));
  }
  return { state: { ...state, groups, seen: seen ? { ...state.seen, [image.side]: seen } : state.seen }, attempt: null };
}

/** Groups that an answered write is found, by the record's histories, to have overwritten a foreign edit in (I2, trace 6). */
export function overwrittenInFlight(state: LinkState, attempt: Attempt, image: SideImage, context: LinkContext, now: number): Readonly<Record<string, GroupState>> {
  const groups: Record<string, GroupState> = {};
  for (const [name, written] of Object.entries(attempt.groups)) {
    const { lens, foreign } = groupEvidence(name, written, attempt, image, context);
    if (lens && foreign) groups[name] = { ...state.groups[name], held: heldOverwritten(state, lens, foreign, now) };
  }
  return groups;
}

interface Evidence {
  readonly name: string;
  readonly lens: Lens | undefined;
  readonly written: AttemptGroup;
  /** The values that the image shows, when they are what was sent. */
  readonly shown: Values | null;
  readonly isInHistory: boolean;
  /** The newest foreign entry below ours. */
  readonly foreign: HistoryEntry | null;
}

function groupEvidence(name: string, written: AttemptGroup, attempt: Attempt, image: SideImage, context: LinkContext): Evidence {
  const lens = context.mapping.byName.get(name)?.lens;
  const values = lens ? pick(image.image, lens.fields[image.side]) : null;
  if (!lens || !values) return { name, lens, written, shown: null, isInHistory: false, foreign: null };
  const entries = entriesSinceGuard(attempt.guard, lens, image);
  const { ours, foreign } = ownEntry(entries, written, lens, image.side);
  const isShown = entries[0]?.ours !== false && sameOn(lens, image.side, values, written.sent);
  return { name, lens, written, shown: isShown ? values : null, isInHistory: ours, foreign };
}

function appliedAt(lens: Lens, image: SideImage): number | null {
  return image.fieldTimes[lens.fields[image.side][0] ?? '']?.at ?? image.modifiedAt;
}

/** Closes or forgets what the image did not prove. An outstanding attempt waits for its own answer until its deadline. */
function afterImage(attempt: Attempt, image: SideImage, now: number): Attempt | null {
  const closed: Attempt = image.readById && image.observedFrom > attempt.deadline ? { ...attempt, status: 'unresolved' } : attempt;
  if (closed.status === 'outstanding') return closed;
  if (closed.condition !== null && image.revision !== null && isNextRevision(closed.condition, image.revision)) return null;
  return now > closed.deadline + LATE_WRITE_MS ? null : closed;
}

/**
 * History entries of the group's fields made after the attempt's guard read, the newest first. A human whom the system
 * names as the newest writer vetoes a proof by value alone.
 */
function entriesSinceGuard(guard: Attempt['guard'], lens: Lens, image: SideImage): readonly HistoryEntry[] {
  if (!guard) return [];
  const entries = lens.fields[image.side].flatMap((field) =>
    (image.histories[field] ?? []).filter((entry) => entry.at > (guard[field] ?? Number.POSITIVE_INFINITY)));
  return entries.sort((a, b) => b.at - a.at);
}

/** Looks for our own entry, and for the newest foreign one below it; single-field groups only, as entries are per field. */
function ownEntry(entries: readonly HistoryEntry[], written: AttemptGroup, lens: Lens, side: Side): { ours: boolean; foreign: HistoryEntry | null } {
  if (lens.fields[side].length !== 1) return { ours: false, foreign: null };
  const isSent = (entry: HistoryEntry): boolean => sameOn(lens, side, [entry.value], written.sent);
  const mine = entries.findIndex((entry) => entry.ours !== false && isSent(entry));
  if (mine < 0) return { ours: false, foreign: null };
  return { ours: true, foreign: entries.slice(mine + 1).find((entry) => entry.ours !== true && !isSent(entry)) ?? null };
}

function heldOverwritten(state: LinkState, lens: Lens, foreign: HistoryEntry, now: number): Held {
  const bevatel = state.seen.bevatel;
  const external = state.seen.external;
  return {
    type: 'overwritten_in_flight',
    since: now,
    bevatel: (bevatel && pick(bevatel.values, lens.fields.bevatel)) ?? [],
    external: (external && pick(external.values, lens.fields.external)) ?? [],
    bevatelTime: bevatel ? groupTime(bevatel.times, lens.fields.bevatel) : UNKNOWN_TIME,
    externalTime: exactly(foreign.at, foreign.actor),
    overwritten: [foreign.value],
    ...(foreign.actor === null ? {} : { detail: foreign.actor }),
  };
}
