/**
 * Proof: which of our attempts an image or a history shows to have landed, and which it closes (design §5.1).
 *
 * - An image whose value on the target side is the one that an attempt sent, in canonical form, proves that write:
 *   base := (source value sent, value seen), with the source's time and actor, also if the source has moved since
 *   (traces 1, 2, 3, 6). A stale image proves as well; an image of unproven order does not, its record is read again.
 * - A history proves by entry made since the guard read: one of ours proves even if its value is another form of what was sent (trace 11). Of
 *   several own writes the last to land counts.
 * - On a strict side a conditional write makes exactly the revision after its condition: that image proves or refutes.
 * - A history entry after the guard read that is not ours and stands right below one of ours was overwritten in flight.
 * - A by-id read begun after an attempt's deadline closes it: without proof it stays *unresolved*; where it shows
 *   neither the value before nor the one sent, and nothing tells whose it is, the group is held as `unknown_outcome`.
 */
import type { HistoryEntry } from '../schemas/change.ts';
import type { GroupVerdict } from '../schemas/decision.ts';
import { sameValue } from '../schemas/value.ts';
import type { Side, Value } from '../schemas/value.ts';
import { agree, identical, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import { LATE_WRITE_MS, SKIPPED_REVISION_PATIENCE_MS } from './context.ts';
import type { SideImage } from './fold.ts';
import { landingOf } from './landing.ts';
import type { Lens, Values } from './lens.ts';
import { pick } from './link.ts';
import type { Attempt, AttemptGroup, Base, EditTime, GroupState, Held, LinkState, Seen } from './link.ts';
import { compareRevisions, isNextRevision } from './revision.ts';
import { UNKNOWN_TIME } from './link.ts';
import { exactly, groupTime } from './time.ts';
import { takenBack } from './undo.ts';

/** Base as a pair in Bevatel-first order. */
export function basePair(target: Side, source: Values, stored: Values): Base {
  return target === 'external' ? [source, stored] : [stored, source];
}

/** What is remembered of a group after a write of ours is known to have landed. */
export function landed(group: GroupState, target: Side, written: AttemptGroup, stored: Values): GroupState {
  const { restore, resolution: _resolution, ...rest } = group;
  if (written.undo) return takenBack({ ...rest, base: basePair(target, written.source, stored) }, restore, target, written.sent);
  return written.keepsBase ? rest : { ...rest, base: basePair(target, written.source, stored) };
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
 * What is seen differs from what we wrote, so it was edited on top of our write, also when it shows again what stood
 * there before: an interval that began earlier begins with the write. A time that the system told stays.
 */
export function editedSince(seen: Seen, lens: Lens, side: Side, sentAt: number): Seen {
  const times: Record<string, EditTime> = { ...seen.times };
  for (const field of lens.fields[side]) {
    const known = times[field];
    const isTold = known !== undefined && known.from !== null && known.from === known.to && known.applied === undefined;
    if (isTold || (known?.from ?? 0) >= sentAt) continue;
    times[field] = { from: sentAt, to: seen.recordedAt, actor: null };
  }
  return { ...seen, times };
}

export interface Proof {
  readonly state: LinkState;
  /** The writes that were proven, group by group (domain/landing.ts). */
  readonly landings: readonly GroupVerdict[];
}

const NOTHING_LANDED: readonly GroupVerdict[] = [];

/**
 * Proves and closes the attempts on the image's side. Call it with the state in which `seen` was folded already;
 * an image that was not folded (stale) proves too, but touches no times.
 */
export function proveAttempts(state: LinkState, image: SideImage, folded: boolean, context: LinkContext, now: number): Proof {
  if (state.attempts.length === 0 || (!folded && isUnordered(state.seen[image.side], image, context))) return { state, landings: NOTHING_LANDED };
  let next = state;
  let attempts: Attempt[] = [];
  const landings: GroupVerdict[] = [];
  const proven: Attempt[] = [];
  for (const attempt of state.attempts) {
    if (attempt.side !== image.side || attempt.kind === 'create') {
      attempts.push(attempt);
      continue;
    }
    const result = proveAttempt(next, attempt, image, folded, context, now);
    next = result.state;
    if (result.attempt) attempts.push(result.attempt);
    landings.push(...(result.landings ?? NOTHING_LANDED));
    if (result.landings && state.attempts.length > 1) proven.push(attempt);
  }
  for (const one of proven) attempts = attempts.map((other) => withoutEntryOf(one, other, (lens, index, sent) => newestEntry(image, lens, index, sent), context));
  const isSame = attempts.length === state.attempts.length && attempts.every((attempt, index) => attempt === state.attempts[index]);
  return { state: isSame && next === state ? state : { ...next, attempts }, landings };
}

/** An image that was not folded because its order is unknown: what it shows may be older than what is seen (trace 7). */
function isUnordered(seen: Seen | undefined, image: SideImage, context: LinkContext): boolean {
  const { revisions } = context.capabilities[image.side];
  if (!seen || (revisions === 'strict' && compareRevisions(revisions, seen.revision, image.revision) === 'older')) return false;
  return Object.keys(image.image).some((field) => !sameValue(seen.values[field], image.image[field]));
}

/**
 * A write is atomic: evidence for one of its groups proves all. A group that shows something else by now was edited on
 * top of our write, so its base is what was sent.
 */
function proveAttempt(state: LinkState, attempt: Attempt, image: SideImage, folded: boolean, context: LinkContext, now: number): { state: LinkState; attempt: Attempt | null; landings?: readonly GroupVerdict[] } {
  const evidence = Object.keys(attempt.groups).map((name) => groupEvidence(state, name, attempt, image, context));
  const isShown = evidence.some((one) => one.shown !== null || one.isInHistory) && !isContradicted(image, evidence, context);
  const isProven = mayShow(attempt, image, context) && isShown || (attempt.reference !== null && attempt.reference === image.reference && evidence.length === 0);
  if (!isProven) return unproven(state, attempt, image, evidence, context, now);
  const groups: Record<string, GroupState> = { ...state.groups };
  const landings: GroupVerdict[] = [];
  let seen = state.seen[image.side];
  for (const { name, lens, written, shown, foreign, isSuperseded } of evidence) {
    if (!lens) continue;
    const group = isSuperseded ? (groups[name] ?? {}) : landed(groups[name] ?? {}, image.side, written, shown ?? written.sent);
    groups[name] = foreign ? { ...group, held: heldOverwritten(state, lens, foreign, now) } : group;
    if (!isSuperseded) landings.push(landingOf(attempt, name, written, group.base, 'proven'));
    if (!seen || isSuperseded) continue;
    if (shown && folded) seen = sourceTimes(seen, lens, image.side, written, appliedAt(lens, image));
    else if (!sameOn(lens, image.side, pick(seen.values, lens.fields[image.side]) ?? [], written.sent)) seen = editedSince(seen, lens, image.side, attempt.sentAt);
  }
  return { state: { ...state, groups, seen: seen ? { ...state.seen, [image.side]: seen } : state.seen }, attempt: null, landings };
}

/**
 * A write to a strict side makes one revision with all its groups. Where one of them shows something else, another's may
 * have been written alike by somebody else, such as a sibling link (hub and spoke): the answer tells, or the skipped revision.
 * Elsewhere one that shows the value before contradicts as much: who set it back since then counts as unedited (I2).
 */
function isContradicted(image: SideImage, evidence: readonly Evidence[], context: LinkContext): boolean {
  const isStrict = context.capabilities[image.side].revisions === 'strict';
  return evidence.some(({ otherwise }) => otherwise === 'before' || (isStrict && otherwise === 'neither'));
}

/** What a record showed at or before the condition of a write, or before it was sent, is not that write, whatever its value. */
function mayShow(attempt: Attempt, image: SideImage, context: LinkContext): boolean {
  if (image.observedTo < attempt.sentAt - context.toleranceMs) return false;
  const order = compareRevisions(context.capabilities[image.side].revisions, attempt.condition, image.revision);
  return order === 'newer' || order === 'unknown';
}

/** Groups that an answered write is found, by the record's histories, to have overwritten a foreign edit in (I2, trace 6). */
export function overwrittenInFlight(state: LinkState, attempt: Attempt, image: SideImage, context: LinkContext, now: number): Readonly<Record<string, GroupState>> {
  const groups: Record<string, GroupState> = {};
  for (const name of Object.keys(attempt.groups)) {
    const { lens, foreign } = groupEvidence(state, name, attempt, image, context);
    if (lens && foreign) groups[name] = { ...state.groups[name], held: heldOverwritten(state, lens, foreign, now) };
  }
  return groups;
}

interface Evidence {
  readonly name: string;
  readonly lens: Lens | undefined;
  readonly written: AttemptGroup;
  /** The values that the image shows, when they are what was sent or its form. */
  readonly shown: Values | null;
  readonly isInHistory: boolean;
  /** The newest foreign entry right below ours. */
  readonly foreign: HistoryEntry | null;
  /** Another write of ours landed on top. */
  readonly isSuperseded: boolean;
  /** The image shows the value before the write; or neither that nor the sent one, without a history that tells more. */
  readonly otherwise: 'before' | 'neither' | null;
}

const NO_EVIDENCE = { shown: null, isInHistory: false, foreign: null, isSuperseded: false, otherwise: null };

function groupEvidence(state: LinkState, name: string, attempt: Attempt, image: SideImage, context: LinkContext): Evidence {
  const lens = context.mapping.byName.get(name)?.lens;
  const written = attempt.groups[name] as AttemptGroup;
  const values = lens ? pick(image.image, lens.fields[image.side]) : null;
  if (!lens || !values) return { ...NO_EVIDENCE, name, lens, written };
  const entries = entriesSinceGuard(attempt.guard, lens, image);
  const others = state.attempts.flatMap((other) => (other !== attempt && other.side === attempt.side ? other.groups[name]?.sent ?? [] : []));
  const forms = formsOf(state, name, written, image.side);
  const sent = ownEntry(entries, forms, others, lens, image.side);
  const { history } = context.capabilities[image.side];
  const isTold = history && hasHistories(image, lens);
  if (attempt.guard !== null && history && !isTold) return { ...NO_EVIDENCE, name, lens, written };
  if (isTold && !hasOwnEntry(state, name, attempt, written, lens, image, context)) return { ...NO_EVIDENCE, foreign: sent.foreign, name, lens, written };
  const isForm = !sent.isInHistory && isFormOf(state, name, attempt, entries, others, lens, image);
  const own = isForm ? ownEntry(entries, [values], others, lens, image.side) : sent;
  const isEntered = attempt.guard === null || !isTold || own.isInHistory || (lens.fields[image.side].length > 1 && entries.length > 0);
  const isShown = isForm || (isEntered && (isTold || !isNoNews(state, name, attempt, values, lens, image.side)) && entries[0]?.ours !== false && forms.some((form) => sameOn(lens, image.side, values, form)));
  return {
    ...own, name, lens, written,
    shown: isShown ? values : null,
    otherwise: isShown || isTold || !written.before ? null : sameOn(lens, image.side, values, written.before) ? 'before' : 'neither',
  };
}

function hasHistories(image: SideImage, lens: Lens): boolean {
  return lens.fields[image.side].every((field) => image.histories[field] !== undefined);
}

/** A guarded write whose record shows itself without its histories: nothing can be told of it until they are read. */
export function awaitsHistories(state: LinkState, image: SideImage, context: LinkContext): boolean {
  return context.capabilities[image.side].history && state.attempts.some((attempt) => attempt.side === image.side && attempt.status === 'unresolved' && attempt.guard !== null
    && Object.keys(attempt.groups).some((name) => {
      const lens = context.mapping.byName.get(name)?.lens;
      return lens !== undefined && pick(image.image, lens.fields[image.side]) !== null && !hasHistories(image, lens);
    }));
}

/** Of writes that sent the same, one entry proves one: the one of which something else was entered at the same moment, else the oldest. A write of another form has no such rival. */
function hasOwnEntry(state: LinkState, name: string, attempt: Attempt, written: AttemptGroup, lens: Lens, image: SideImage, context: LinkContext): boolean {
  const { side } = image;
  const [field] = lens.fields[side];
  const alike = state.attempts.filter((other) => other.side === side && other.guard !== null && other.groups[name] && sameOn(lens, side, other.groups[name].sent, written.sent));
  if (field === undefined || lens.fields[side].length !== 1 || alike.length < 2 || !alike.includes(attempt)) return true;
  const proven = new Set<Attempt>();
  for (const entry of (image.histories[field] ?? []).toReversed()) {
    if (entry.ours === false || !sameOn(lens, side, [entry.value], written.sent)) continue;
    const candidates = alike.filter((other) => !proven.has(other) && entry.at > (other.guard?.[field] ?? Number.POSITIVE_INFINITY));
    const one = candidates.find((other) => isAlongside(other, entry, candidates, context, image)) ?? candidates[0];
    if (one) proven.add(one);
  }
  return proven.has(attempt);
}

/** A write is atomic: what it alone sent was entered with it. */
function isAlongside(attempt: Attempt, { at }: HistoryEntry, rivals: readonly Attempt[], context: LinkContext, image: SideImage): boolean {
  const { side } = image;
  return Object.entries(attempt.groups).some(([name, { sent }]) => {
    const lens = context.mapping.byName.get(name)?.lens;
    const [field] = lens?.fields[side] ?? [];
    if (!lens || field === undefined || lens.fields[side].length !== 1) return false;
    const isItsAlone = rivals.every((other) => other === attempt || !other.groups[name] || !sameOn(lens, side, other.groups[name].sent, sent));
    return isItsAlone && (image.histories[field] ?? []).some((entry) => entry.at === at && entry.ours !== false && sameOn(lens, side, [entry.value], sent));
  });
}

/** When the field was last given this value by us, as far as its history tells; null when it does not. */
function newestEntry({ side, histories }: SideImage, lens: Lens, index: number, sent: Values): number | null {
  const fields = lens.fields[side];
  const isSent = ({ value }: HistoryEntry): boolean => (fields.length === 1 ? sameOn(lens, side, [value], sent) : sameValue(value, sent[index]));
  return (histories[fields[index] ?? ''] ?? []).find((entry) => entry.ours !== false && isSent(entry))?.at ?? null;
}

/** The entry of a write that is known to have landed is no other's: an unresolved one that sent the same landed only if a later entry says so (trace 6). */
export function withoutEntryOf(proven: Attempt, other: Attempt, enteredAt: (lens: Lens, index: number, sent: Values) => number | null, context: LinkContext): Attempt {
  const { guard } = other;
  if (other === proven || other.side !== proven.side || guard === null) return other;
  const later = Object.entries(proven.groups).flatMap(([name, { sent }]) => {
    const lens = context.mapping.byName.get(name)?.lens;
    const theirs = other.groups[name]?.sent;
    if (!lens || !theirs || !sameOn(lens, other.side, theirs, sent)) return [];
    return lens.fields[other.side].flatMap((field, index): [string, number][] => {
      const at = enteredAt(lens, index, sent);
      return at === null ? [] : [[field, Math.max(at, guard[field] ?? at)]];
    });
  });
  return later.length === 0 ? other : { ...other, guard: { ...guard, ...Object.fromEntries(later) } };
}

function appliedAt(lens: Lens, image: SideImage): number | null {
  return image.fieldTimes[lens.fields[image.side][0] ?? '']?.at ?? image.modifiedAt;
}

/**
 * Closes or forgets what the image did not prove. An outstanding attempt waits for its own answer until its deadline;
 * a conditional one is forgotten when its side has passed the condition without it, also before its deadline.
 */
function unproven(state: LinkState, attempt: Attempt, image: SideImage, evidence: readonly Evidence[], context: LinkContext, now: number): { state: LinkState; attempt: Attempt | null } {
  const isClosing = attempt.status === 'outstanding' && image.readById && image.observedFrom > attempt.deadline;
  const isNext = attempt.condition !== null && image.revision !== null && isNextRevision(attempt.condition, image.revision);
  if (attempt.status === 'outstanding' && !isClosing) return { state, attempt: isNext ? passed(attempt, evidence) : attempt };
  const untold = evidence.filter((one) => one.otherwise !== null);
  const open = untold.some((one) => one.otherwise === 'before') ? [] : untold;
  if (attempt.condition !== null) {
    if (isNext) return { state: heldUnknown(state, open, context, now), attempt: null };
    if (attempt.isUntold || isPatienceOver(state, attempt, now)) return { state: heldUnknown(state, untold, context, now), attempt: null };
  }
  if (now >= attempt.deadline + LATE_WRITE_MS) return { state, attempt: null };
  const isUnknown = isClosing && attempt.condition === null;
  return { state: isUnknown ? heldUnknown(state, open, context, now) : state, attempt: { ...attempt, status: 'unresolved' } };
}

/**
 * The one revision that the write could have made is shown, without it. Where that still shows the value before, somebody
 * else made it, and the write is refuted; where it shows a third one, the answer or the closing read decides.
 */
function passed(attempt: Attempt, evidence: readonly Evidence[]): Attempt | null {
  if (evidence.length === 0 || evidence.some((one) => one.otherwise === 'before')) return null;
  return attempt.isUntold ? attempt : { ...attempt, isUntold: true };
}

/** The revision that would tell was skipped, and waited for long enough: what is shown now may stand on top of our write. */
function isPatienceOver(state: LinkState, attempt: Attempt, now: number): boolean {
  return state.seen[attempt.side]?.revision !== attempt.condition && now >= attempt.deadline + SKIPPED_REVISION_PATIENCE_MS;
}

function heldUnknown(state: LinkState, evidence: readonly Evidence[], context: LinkContext, now: number): LinkState {
  if (evidence.length === 0) return state;
  const groups: Record<string, GroupState> = { ...state.groups };
  for (const { name, lens } of evidence) {
    const pair = lens ? heldPair(state, lens) : null;
    if (!lens || !pair || agree(lens, pair.bevatel, pair.external)) continue;
    groups[name] = { ...groups[name], held: { type: 'unknown_outcome', since: now, ...pair } };
  }
  return { ...state, groups };
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

/**
 * A hung write that nothing but its value could prove, where that value is agreed on already: another write of ours may
 * have put it there, and the hung one may still land. A hung creation is not proven by a record that others made of the
 * same person either.
 */
function isNoNews(state: LinkState, name: string, attempt: Attempt, values: Values, lens: Lens, side: Side): boolean {
  const base = state.groups[name]?.base?.[side === 'bevatel' ? 0 : 1];
  if (attempt.status !== 'unresolved' || attempt.condition !== null) return false;
  return base ? sameOn(lens, side, base, values) : attempt.groups[name]?.before === null;
}

/** What was sent, and what the system is known to have made of it: its part of the base that this write's source made. */
function formsOf(state: LinkState, name: string, written: AttemptGroup, side: Side): readonly Values[] {
  const base = state.groups[name]?.base;
  const [source, stored] = side === 'bevatel' ? [base?.[1], base?.[0]] : [base?.[0], base?.[1]];
  return source && stored && identical(source, written.source) ? [written.sent, stored] : [written.sent];
}

/** Looks for our own entry, and for the newest foreign one right below it; single-field groups only, as entries are per field. */
function ownEntry(entries: readonly HistoryEntry[], forms: readonly Values[], others: readonly Value[], lens: Lens, side: Side): Pick<Evidence, 'isInHistory' | 'foreign' | 'isSuperseded'> {
  const none = { isInHistory: false, foreign: null, isSuperseded: false };
  if (lens.fields[side].length !== 1) return none;
  const isSent = (entry: HistoryEntry): boolean => forms.some((form) => sameOn(lens, side, [entry.value], form));
  const isOurs = (entry: HistoryEntry): boolean => entry.ours === true || (entry.ours === null && others.some((sent) => sameOn(lens, side, [entry.value], [sent])));
  const isMine = (entry: HistoryEntry | undefined): boolean => entry !== undefined && entry.ours !== false && isSent(entry);
  const mine = entries.findIndex(isMine);
  if (mine < 0) return none;
  return {
    isInHistory: true,
    foreign: entries.find((entry, index) => isMine(entries[index - 1]) && !isOurs(entry) && !isSent(entry)) ?? null,
    isSuperseded: entries.slice(0, mine).some(isOurs),
  };
}

/**
 * The newest entry is ours, the image shows it, and no known write explains it: it is a form that the system gave to
 * what the latest attempt sent (trace 11).
 */
function isFormOf(state: LinkState, name: string, attempt: Attempt, entries: readonly HistoryEntry[], others: readonly Value[], lens: Lens, image: SideImage): boolean {
  const newest = entries[0];
  const { side } = image;
  const [field] = lens.fields[side];
  if (newest?.ours !== true || field === undefined || lens.fields[side].length !== 1) return false;
  const isLatest = !state.attempts.some((other) => other.side === side && other.groups[name] !== undefined && other.sentAt > attempt.sentAt);
  const shows = (values: Values): boolean => sameOn(lens, side, [newest.value], values);
  const base = state.groups[name]?.base?.[side === 'bevatel' ? 0 : 1];
  return isLatest && shows([image.image[field] ?? null]) && !(base && shows(base)) && !others.some((sent) => shows([sent]));
}

function heldOverwritten(state: LinkState, lens: Lens, foreign: HistoryEntry, now: number): Held {
  return {
    type: 'overwritten_in_flight',
    since: now,
    ...heldPair(state, lens),
    externalTime: exactly(foreign.at, foreign.actor),
    overwritten: [foreign.value],
    ...(foreign.actor === null ? {} : { detail: foreign.actor }),
  };
}

/** The pair as it is seen now, with its times. */
function heldPair(state: LinkState, lens: Lens): Pick<Held, 'bevatel' | 'external' | 'bevatelTime' | 'externalTime'> {
  const { bevatel, external } = state.seen;
  return {
    bevatel: (bevatel && pick(bevatel.values, lens.fields.bevatel)) ?? [],
    external: (external && pick(external.values, lens.fields.external)) ?? [],
    bevatelTime: bevatel ? groupTime(bevatel.times, lens.fields.bevatel) : UNKNOWN_TIME,
    externalTime: external ? groupTime(external.times, lens.fields.external) : UNKNOWN_TIME,
  };
}
