/**
 * Outcomes: what became of an attempt, folded into the link as the fact that it is (design §6).
 *
 * Fenced by the attempt's id, never by the link's version. An attempt that is gone already was proven by an image; its
 * answer is then an ordinary image. The caller runs `decideLink` afterwards.
 */
import type { ConflictType } from '../schemas/decision.ts';
import type { RecordImage, WriteOutcome } from '../schemas/record.ts';
import type { GoneHow } from '../schemas/system.ts';
import type { Image, Side } from '../schemas/value.ts';
import { identical, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import { NO_OWN_TIMES } from './context.ts';
import { foldImage, timesOf } from './fold.ts';
import type { SideImage } from './fold.ts';
import { applyGone, replaced, repoint } from './gone.ts';
import type { Lens, Values } from './lens.ts';
import { UNKNOWN_TIME, pick, withId } from './link.ts';
import type { Attempt, AttemptGroup, GroupState, Held, Link, LinkState, Seen } from './link.ts';
import { editedSince, landed, overwrittenInFlight, proveAttempts, sourceTimes, withoutEntryOf } from './proof.ts';
import { storable } from './storable.ts';
import { compareRevisions } from './revision.ts';
import { groupTime } from './time.ts';

export interface OutcomeFacts {
  readonly now: number;
  /** 0 ≤ jitter < 1, for the backoff after a failure. */
  readonly jitter: number;
  /** The record read again with its histories after the answer, where the connector has them. */
  readonly readBack?: { readonly record: RecordImage; readonly from: number; readonly to: number };
}

export function applyOutcome(link: Link, side: Side, outcome: WriteOutcome, context: LinkContext, facts: OutcomeFacts): Link {
  if (link.erased) return link;
  const attempt = link.state.attempts.find((one) => one.id === outcome.attemptId);
  switch (outcome.kind) {
    case 'applied': return applied(link, side, attempt, outcome.record, context, facts);
    case 'moved': return moved(link, side, attempt, outcome.record, context, facts);
    case 'exists': return exists(link, side, attempt, outcome, facts);
    case 'removed': return removed(link, side, attempt, context, facts.now);
    case 'merged': return attempt ? repoint(withoutRetry(withoutAttempt(link, attempt)), side, outcome.survivor, facts.now) : link;
    case 'gone': return goneOnWrite(link, side, attempt, outcome.how, outcome.mergedInto, context, facts.now);
    case 'rejected': return rejected(link, side, attempt, outcome, context, facts);
    case 'failed': return failed(link, attempt, outcome.error.facts.retryAfterMs ?? 0, facts);
    case 'unknown': return link;
    default: return outcome satisfies never;
  }
}

/** A record as an image of its side; `readById` only where the read of this id began after all that is known. */
export function recordImage(record: RecordImage, side: Side, integrationId: string, observed: { from: number; to: number; readById: boolean }): SideImage {
  return {
    side,
    revision: record.revision,
    image: storable(record.values),
    fieldTimes: record.fieldTimes,
    histories: record.histories,
    modifiedAt: record.modifiedAt,
    observedFrom: observed.from,
    observedTo: observed.to,
    readById: observed.readById,
    reference: record.references[side === 'bevatel' ? integrationId : 'bevatel'] ?? null,
  };
}

function withState(link: Link, state: Partial<LinkState>): Link {
  return { ...link, state: { ...link.state, ...state } };
}

function withoutAttempt(link: Link, attempt: Attempt | undefined): Link {
  return attempt ? withState(link, { attempts: link.state.attempts.filter((one) => one !== attempt) }) : link;
}

function withoutRetry(link: Link): Link {
  const { retry: _retry, ...state } = link.state;
  return { ...link, state };
}

/** Asks for a by-id read before anything else is decided or written. */
function readFirst(link: Link, side: Side, at: number): Link {
  return withState(link, { readDue: { ...link.state.readDue, [side]: { at, blocks: true } } });
}

function applied(link: Link, side: Side, attempt: Attempt | undefined, record: RecordImage, context: LinkContext, facts: OutcomeFacts): Link {
  const known = withoutRetry(attempt?.kind === 'create' ? replaced(link, side, record.id) : withId(link, side, record.id));
  const answer = recordImage(record, side, link.integrationId, { from: attempt?.sentAt ?? facts.now, to: facts.now, readById: false });
  const answered = attempt ? landAttempt(foldAnswer(known, side, attempt, answer, context, facts.now), side, attempt, record, context) : foldPlainly(known, side, answer, context, facts.now);
  if (facts.readBack && !isBefore(facts.readBack.record, record, side, context)) return foldReadBack(answered, side, attempt, facts.readBack, context, facts.now);
  return attempt && isUnread(attempt, context) ? readLater(answered, attempt, context, facts.now) : answered;
}

/** The read after the answer shows the record as it was before: within its staleness window a system may. */
function isBefore(readBack: RecordImage, answer: RecordImage, side: Side, context: LinkContext): boolean {
  const { revisions, stalenessWindowMs } = context.capabilities[side];
  return stalenessWindowMs > 0 && compareRevisions(revisions, answer.revision, readBack.revision) === 'older';
}

/** A guarded write of which the histories have yet to tell whether an edit lies beneath it. */
function isUnread(attempt: Attempt, context: LinkContext): boolean {
  const { history, conditionalWrites } = context.capabilities[attempt.side];
  return history && !conditionalWrites && attempt.kind === 'update' && attempt.guard !== null && Object.keys(attempt.groups).length > 0;
}

/** The read after the answer failed or came too early: the write stays on record, though known to have landed, until its histories were read (I2). */
function readLater(link: Link, attempt: Attempt, context: LinkContext, now: number): Link {
  const due = link.state.readDue?.[attempt.side];
  return withState(link, {
    attempts: [...link.state.attempts, { ...attempt, status: 'unresolved' }],
    readDue: { ...link.state.readDue, [attempt.side]: { at: now + context.capabilities[attempt.side].stalenessWindowMs, blocks: due?.blocks ?? false } },
  });
}

function foldPlainly(link: Link, side: Side, image: SideImage, context: LinkContext, now: number): Link {
  const fold = foldImage(link.state.seen[side], image, context.capabilities[side], NO_OWN_TIMES, now);
  return fold.seen ? withState(link, { seen: { ...link.state.seen, [side]: fold.seen } }) : link;
}

/**
 * seen := the answered image unless seen is newer. Where the order is unknown and seen moved since sending, only fields
 * that still show the value before the write are replaced, and the record is read before anything is written (trace 7).
 */
function foldAnswer(link: Link, side: Side, attempt: Attempt, answer: SideImage, context: LinkContext, now: number): Link {
  const seen = link.state.seen[side];
  const revisions = context.capabilities[side].revisions;
  const order = seen ? compareRevisions(revisions, seen.revision, answer.revision) : 'newer';
  if (order === 'older' && revisions === 'strict') return link;
  const isProvenOrder = order === 'newer' || !seen || seen.recordedAt <= attempt.sentAt;
  const isWhole = context.capabilities[side].conditionalWrites || context.mapping.fields[side].every((field) => answer.image[field] !== undefined);
  const next: Seen = {
    revision: isProvenOrder ? answer.revision : seen.revision,
    values: { ...seen?.values, ...(isProvenOrder ? answer.image : onlyBefore(seen.values, attempt, answer.image, side, context)) },
    times: isProvenOrder ? timesOf(seen, answer, context.capabilities[side].stalenessWindowMs, NO_OWN_TIMES) : seen.times,
    observedFrom: isWhole || !seen ? attempt.sentAt : seen.observedFrom,
    recordedAt: now,
    modifiedAt: isProvenOrder ? answer.modifiedAt : seen.modifiedAt,
    reference: answer.reference ?? (attempt.forgets ? null : seen?.reference ?? null),
    ours: true,
    ...(isWhole ? {} : { partial: true as const }),
  };
  const folded = withState(link, { seen: { ...link.state.seen, [side]: next } });
  return isProvenOrder ? folded : readFirst(folded, side, now);
}

/** Of the answered image, the fields of the attempt whose seen value is still the one before the write. */
function onlyBefore(seen: Image, attempt: Attempt, answer: Image, side: Side, context: LinkContext): Image {
  const kept: Record<string, Image[string]> = {};
  for (const [name, written] of Object.entries(attempt.groups)) {
    const fields = context.mapping.byName.get(name)?.lens.fields[side] ?? [];
    fields.forEach((field, index) => {
      const value = answer[field];
      if (value !== undefined && seen[field] === written.before?.[index]) kept[field] = value;
    });
  }
  return kept;
}

/** base := (source value sent, value stored); where that is what is seen, its fields carry the time and actor of their source, else it was edited since. */
function landAttempt(link: Link, side: Side, attempt: Attempt, record: RecordImage, context: LinkContext, isAnswer = true): Link {
  const groups: Record<string, GroupState> = { ...link.state.groups };
  let seen = link.state.seen[side];
  for (const [name, written] of Object.entries(attempt.groups)) {
    const lens = context.mapping.byName.get(name)?.lens;
    if (!lens) continue;
    const stored = storedBy(written, pick(record.values, lens.fields[side]), lens, side, isAnswer);
    const { wanted: _wanted, ...group } = landed(groups[name] ?? {}, side, written, stored);
    groups[name] = group;
    if (!seen) continue;
    const isOurs = identical(pick(seen.values, lens.fields[side]) ?? [], stored);
    seen = isOurs ? sourceTimes(seen, lens, side, written, record.modifiedAt) : editedSince(seen, lens, side, attempt.sentAt);
  }
  const { create: _create, ...state } = link.state;
  const attempts = state.attempts.map((other) => withoutEntryOf(attempt, other, () => record.modifiedAt, context));
  return withoutAttempt({ ...link, state: { ...state, attempts, groups, seen: seen ? { ...state.seen, [side]: seen } : state.seen } }, attempt);
}

/** An answer shows what the system made of what was sent; in a read, what is no form of it was edited since. */
function storedBy(written: AttemptGroup, shown: Values | null, lens: Lens, side: Side, isAnswer: boolean): Values {
  return shown && (isAnswer || sameOn(lens, side, shown, written.sent)) ? shown : written.sent;
}

/**
 * The read-back is an ordinary by-id image; its histories tell whether a foreign edit lies beneath our write, and whether
 * an earlier write of ours has landed on top of it since (trace 6).
 */
function foldReadBack(link: Link, side: Side, attempt: Attempt | undefined, readBack: NonNullable<OutcomeFacts['readBack']>, context: LinkContext, now: number): Link {
  const image = recordImage(readBack.record, side, link.integrationId, { from: readBack.from, to: readBack.to, readById: true });
  const folded = foldPlainly(beforeReadBack(link, side, readBack), side, image, context, now);
  const isFolded = folded.state.seen[side] !== link.state.seen[side];
  const { seen, groups, attempts } = proveAttempts(folded.state, image, isFolded, context, now).state;
  const proven = withState(folded, { seen, groups, attempts });
  const held = attempt ? overwrittenInFlight(proven.state, attempt, image, context, now) : {};
  return withState(proven, { groups: { ...groups, ...held } });
}

/** The read began after the answer: what it shows otherwise at the same revision, in fields that the answer left out, is the newer. */
function beforeReadBack(link: Link, side: Side, { record, from }: NonNullable<OutcomeFacts['readBack']>): Link {
  const seen = link.state.seen[side];
  if (!seen?.ours || seen.revision !== record.revision || seen.recordedAt < from) return link;
  return withState(link, { seen: { ...link.state.seen, [side]: { ...seen, recordedAt: from - 1 } } });
}

/** The condition failed: certainly nothing was written. It is there, whatever was reported meanwhile. */
function moved(link: Link, side: Side, attempt: Attempt | undefined, record: RecordImage | null, context: LinkContext, facts: OutcomeFacts): Link {
  const open = withoutAttempt(link, attempt);
  if (!record) return readFirst(open, side, facts.now);
  const folded = foldPlainly(open, side, recordImage(record, side, link.integrationId, { from: attempt?.sentAt ?? facts.now, to: facts.now, readById: true }), context, facts.now);
  return folded.state.gone?.[side] ? readFirst(folded, side, facts.now) : folded;
}

/** "Already exists" means adopt: the record takes its place and is read before anything is decided (design §5). */
function exists(link: Link, side: Side, attempt: Attempt | undefined, { id, byReference }: Extract<WriteOutcome, { kind: 'exists' }>, facts: OutcomeFacts): Link {
  const { now } = facts;
  const { create: _create, ...state } = link.state;
  const open = withoutAttempt({ ...link, state }, attempt);
  // The record from which it was parted carries its id still; that is on its way to be removed there.
  const isParted = link.state.apart?.some((one) => one.side === side && one.id === id) === true;
  if (attempt && isParted && byReference) return failed(link, attempt, PARTED_MS, facts);
  if (id !== null && !isParted && attempt?.kind === 'create') return readFirst(replaced(open, side, id), side, now);
  return withState(open, { hold: { kind: 'unique_violation', since: now, detail: side } });
}

/** Our removal landed; where an image or the system's own news told it before, it is known already. */
function removed(link: Link, side: Side, attempt: Attempt | undefined, context: LinkContext, now: number): Link {
  if (!attempt) return link;
  return applyGone(withoutRetry(withoutAttempt(link, attempt)), side, { how: 'deleted', by: 'removal', observedFrom: attempt.sentAt, observedTo: now, revision: null }, context, now);
}

function goneOnWrite(link: Link, side: Side, attempt: Attempt | undefined, how: GoneHow, mergedInto: string | null, context: LinkContext, now: number): Link {
  const open = withoutAttempt(link, attempt);
  if (how === 'merged' && mergedInto !== null) return repoint(open, side, mergedInto, now);
  const by = attempt?.kind === 'remove' ? 'news' : 'write';
  if (how === 'not_found') return readFirst(open, side, now);
  return applyGone(open, side, { how, by, observedFrom: attempt?.sentAt ?? now, observedTo: now, revision: null }, context, now);
}

/** Refused for good: the groups concerned are held, the others are tried again. What was to be put back is not put back over and over. */
function rejected(link: Link, side: Side, attempt: Attempt | undefined, { error: { code }, fields }: Extract<WriteOutcome, { kind: 'rejected' }>, context: LinkContext, facts: OutcomeFacts): Link {
  const { now } = facts;
  const open = withoutAttempt(link, attempt);
  if (!attempt) return open;
  if (attempt.kind === 'create') return withState(open, { hold: { kind: code === 'unique_taken' ? 'unique_violation' : 'rejected', since: now, detail: code } });
  if (attempt.kind === 'merge') return withState(open, { hold: { kind: 'rejected', since: now, detail: code } });
  const names = Object.keys(attempt.groups);
  const concerned = names.filter((name) => context.mapping.byName.get(name)?.lens.fields[side].some((field) => fields.includes(field)));
  const isOfReference = names.length === 0 || (concerned.length === 0 && code === 'unique_taken' && attempt.reference !== null);
  // The partner's id is carried by another record still, as by one from which the pair was parted: no value is at fault.
  if (isOfReference) return failed(link, attempt, PARTED_MS, facts);
  const groups: Record<string, GroupState> = { ...link.state.groups };
  for (const name of concerned.length > 0 ? concerned : names) {
    const { wanted: _wanted, restore: _restore, ...group } = groups[name] ?? {};
    groups[name] = { ...group, held: heldByWrite(link.state, name, code, context, now) };
  }
  return withState(open, { groups });
}

const CONFLICT_OF_CODE: Readonly<Record<string, ConflictType>> = { unique_taken: 'unique_violation', schema_missing: 'schema_missing' };

function heldByWrite(state: LinkState, name: string, code: string, context: LinkContext, now: number): Held {
  const fields = context.mapping.byName.get(name)?.lens.fields;
  const type = CONFLICT_OF_CODE[code] ?? 'rejected';
  const { bevatel, external } = state.seen;
  return {
    type, since: now, detail: code,
    bevatel: (bevatel && fields && pick(bevatel.values, fields.bevatel)) ?? [],
    external: (external && fields && pick(external.values, fields.external)) ?? [],
    bevatelTime: bevatel && fields ? groupTime(bevatel.times, fields.bevatel) : UNKNOWN_TIME,
    externalTime: external && fields ? groupTime(external.times, fields.external) : UNKNOWN_TIME,
  };
}

const PARTED_MS = 2_000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_LIMIT_MS = 300_000;

/** Certainly not applied: tried again after an exponential, jittered pause, or when the system said. */
export function failed(link: Link, attempt: Attempt | undefined, retryAfterMs: number, facts: OutcomeFacts): Link {
  const count = (link.state.retry?.count ?? 0) + 1;
  const backoff = Math.min(BACKOFF_LIMIT_MS, BACKOFF_BASE_MS * 2 ** Math.min(count - 1, 20));
  const pause = Math.max(retryAfterMs, backoff * (0.5 + facts.jitter / 2));
  return withState(withoutAttempt(link, attempt), { retry: { at: facts.now + Math.round(pause), count } });
}

/** The deadline of a create passed and its record is there: the create landed. The record may have been edited since, which is an ordinary change (I2). */
export function createFound(link: Link, side: Side, attemptId: string, record: RecordImage, context: LinkContext, now: number): Link {
  if (link.erased) return link;
  const attempt = link.state.attempts.find((one) => one.id === attemptId);
  const image = recordImage(record, side, link.integrationId, { from: attempt?.sentAt ?? now, to: now, readById: false });
  const folded = foldPlainly(withoutRetry(replaced(link, side, record.id)), side, image, context, now);
  return attempt ? landAttempt(folded, side, attempt, record, context, false) : folded;
}

/**
 * The deadline of a create passed and its record is not there: the creation may be tried again, safely (upsert, idempotency
 * key). Where a create is an upsert the first may still land, over the record that the next one makes: it stays on record as
 * a write that may, so that what it puts there is known for ours (I2, trace 6).
 */
export function createNotFound(link: Link, side: Side, attemptId: string, context: LinkContext): Link {
  const attempt = link.state.attempts.find((one) => one.id === attemptId);
  const open = withoutAttempt(link, attempt);
  const { conditionalWrites, history } = context.capabilities[side];
  if (!attempt || conditionalWrites) return open;
  const guard = history ? Object.fromEntries(context.mapping.fields[side].map((field) => [field, 0])) : null;
  return withState(open, { attempts: [...open.state.attempts, { ...attempt, kind: 'update', ofCreation: true, reference: null, guard, status: 'unresolved' }] });
}
