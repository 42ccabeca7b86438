/**
 * Plan work: what delivery has to do next for a link that is due (design §6). Pure; one piece of work at a time.
 *
 * Order: close an attempt whose answer never came; read what must be read; remove or merge what is to go; create what is
 * missing; write what is wanted; look once more for what an unresolved write left open. A write towards one side carries everything
 * that is wanted there, so many changes while throttled become one.
 */
import type { CreateOp, MergeOp, RemoveOp, UpdateOp } from '../schemas/record.ts';
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Image, Side, Value } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import { lookAgainAt } from './due.ts';
import { sameOn } from './compare.ts';
import { gives } from './filter.ts';
import { translate } from './lens.ts';
import type { Lens, Values } from './lens.ts';
import type { MappedLens } from './lenses/mapping.ts';
import { idOn, pick, UNKNOWN_TIME } from './link.ts';
import type { Attempt, AttemptGroup, Base, EditTime, GroupState, Link, Seen } from './link.ts';
import { exactly, groupTime } from './time.ts';

export type Work =
  | { readonly kind: 'none' }
  /** The record is read by its id; with `attempt`, to close it. */
  | { readonly kind: 'read'; readonly side: Side; readonly id: string }
  /** A create whose answer never came is looked up by the partner's id, never by search. */
  | { readonly kind: 'lookup'; readonly side: Side; readonly attempt: Attempt; readonly reference: string }
  | { readonly kind: 'write'; readonly side: Side; readonly op: UpdateOp; readonly groups: Attempt['groups'] }
  | { readonly kind: 'create'; readonly side: Side; readonly op: CreateOp; readonly groups: Attempt['groups'] }
  | { readonly kind: 'remove'; readonly side: Side; readonly op: RemoveOp; readonly groups: Attempt['groups'] }
  | { readonly kind: 'merge'; readonly side: Side; readonly op: MergeOp; readonly groups: Attempt['groups'] }
  /** The last images of what was deleted are not kept any longer. */
  | { readonly kind: 'forget' };

/** Work that changes something in a system: it stands on record as an attempt before the call. */
export type Doing = Extract<Work, { kind: 'write' | 'create' | 'remove' | 'merge' }>;

export function planWork(link: Link, context: LinkContext, now: number, attemptId: string): Work {
  const open = link.state.attempts.find((attempt) => attempt.status === 'outstanding');
  if (open) return now > open.deadline ? closing(link, open) : { kind: 'none' };
  if (link.erased) return erasing(link, attemptId);
  for (const side of SIDES) {
    const due = link.state.readDue?.[side];
    const id = idOn(link, side);
    if (due && due.at <= now && id !== null) return { kind: 'read', side, id };
  }
  if (link.state.remove && link.state.guarded === undefined) return removal(link, link.state.remove, context, attemptId);
  if (link.state.merge && link.state.guarded === undefined) return merging(link, link.state.merge, attemptId);
  if (link.state.create && link.state.guarded === undefined) return create(link, link.state.create, context, attemptId);
  if ((link.state.forgetAt ?? Infinity) <= now) return { kind: 'forget' };
  const side = (['external', 'bevatel'] as const).find((one) => isWantedOn(link, one));
  if (side) return update(link, side, context, attemptId);
  const late = link.state.attempts.find((attempt) => (lookAgainAt(attempt, link.state) ?? Infinity) <= now);
  return late ? closing(link, late) : { kind: 'none' };
}

function closing(link: Link, attempt: Attempt): Work {
  const id = idOn(link, attempt.side);
  const reference = idOn(link, otherSide(attempt.side));
  if (attempt.kind === 'create' && reference !== null) return { kind: 'lookup', side: attempt.side, attempt, reference };
  return id === null ? { kind: 'none' } : { kind: 'read', side: attempt.side, id };
}

function isWantedOn(link: Link, side: Side): boolean {
  return link.state.referenceDue?.includes(side) === true || Object.values(link.state.groups).some((group) => isWritable(link, group, side));
}

/** Wanted there, and not waiting for an approval. */
function isWritable({ state }: Link, group: GroupState, side: Side): boolean {
  return group.wanted?.side === side && group.guarded === undefined && state.guarded === undefined;
}

function update(link: Link, side: Side, context: LinkContext, attemptId: string): Work {
  const id = idOn(link, side);
  const seen = link.state.seen[side];
  if (id === null || !seen) return { kind: 'none' };
  const groups: Record<string, AttemptGroup> = {};
  const values: Record<string, Value> = {};
  for (const [name, state] of Object.entries(link.state.groups)) {
    const lens = context.mapping.byName.get(name)?.lens;
    if (!lens || !state.wanted || !isWritable(link, state, side)) continue;
    const before = pick(seen.values, lens.fields[side]);
    groups[name] = { sent: state.wanted.values, ...sourceOf(link, lens, side, state.wanted.values), before, ...aside(state) };
    assign(values, lens.fields[side], state.wanted.values, before);
  }
  const capabilities = context.capabilities[side];
  const isReferenceDue = link.state.referenceDue?.includes(side) === true;
  const reference = isReferenceDue ? idOn(link, otherSide(side)) : null;
  // What is wanted of a field that the mapping no longer has goes nowhere (domain/decide-anew.ts takes it away).
  if (Object.keys(groups).length === 0 && !isReferenceDue) return { kind: 'none' };
  return {
    kind: 'write', side, groups,
    op: {
      kind: 'update', attemptId, id, values,
      condition: capabilities.conditionalWrites ? seen.revision : null,
      reference, ...(isReferenceDue && reference === null ? { forgets: true } : {}),
    },
  };
}

/** What an operator takes back is the operator's edit, at the time of the order; a restore or a step is no agreement. */
function aside({ restore, wanted }: GroupState): Partial<AttemptGroup> {
  if (restore?.undo) return { undo: true, time: exactly(restore.undo.at, restore.undo.by) };
  return restore ?? wanted?.isStep ? { keepsBase: true } : {};
}

/** Only the fields of the group that change: the write is the minimum. */
function assign(values: Record<string, Value>, fields: readonly string[], sent: Values, before: Values | null): void {
  fields.forEach((field, index) => {
    const value = sent[index] ?? null;
    if (before?.[index] !== value) values[field] = value;
  });
}

function sourceOf(link: Link, lens: Lens, target: Side, sent: Values): { source: Values; time: EditTime } {
  const source = otherSide(target);
  const seen = link.state.seen[source];
  return {
    source: (seen && pick(seen.values, lens.fields[source])) ?? (lens.fields[source].length === 0 ? [] : sent),
    time: groupTime(seen?.times ?? {}, lens.fields[source]),
  };
}

/** Conditional where the system can: an edit in between is then found by the refusal, elsewhere by the read before it. */
function removal(link: Link, { side, way }: NonNullable<Link['state']['remove']>, context: LinkContext, attemptId: string): Work {
  const id = idOn(link, side);
  const revision = link.state.seen[side]?.revision ?? null;
  if (id === null) return { kind: 'none' };
  const isConditional = context.capabilities[side].conditionalWrites;
  if (isConditional && revision === null) return { kind: 'read', side, id };
  return { kind: 'remove', side, groups: {}, op: { kind: 'remove', attemptId, id, way, condition: isConditional ? revision : null } };
}

function merging(link: Link, { side, into }: NonNullable<Link['state']['merge']>, attemptId: string): Work {
  const id = idOn(link, side);
  return id === null ? { kind: 'none' } : { kind: 'merge', side, groups: {}, op: { kind: 'merge', attemptId, id, into } };
}

/** A privacy deletion is carried out whatever the record holds by now. */
function erasing(link: Link, attemptId: string): Work {
  for (const side of link.state.erasing ?? []) {
    const id = idOn(link, side);
    if (id !== null) return { kind: 'remove', side, groups: {}, op: { kind: 'remove', attemptId, id, way: 'erase', condition: null } };
  }
  return { kind: 'none' };
}

/**
 * Everything that the present side has and the direction lets through; what cannot be translated stays out and is decided
 * once the pair stands. A record that is made again gets what it last held, except where its partner says otherwise.
 */
function create(link: Link, side: Side, context: LinkContext, attemptId: string): Work {
  const source = otherSide(side);
  const reference = idOn(link, source);
  const last = link.state.gone?.[side] ? link.state.seen[side]?.values ?? null : null;
  const seen = link.state.seen[source];
  if (reference === null || (!seen && !last)) return { kind: 'none' };
  const groups: Record<string, AttemptGroup> = {};
  const values: Record<string, Value> = {};
  for (const rule of context.mapping.lenses) {
    const { lens } = rule;
    if (lens.fields[side].length === 0 || !gives(rule, source, seen?.values, context.mapping)) continue;
    const before = last && pick(last, lens.fields[side]);
    const group = newValues(rule, link.state.groups[lens.name]?.base, seen, side, before) ?? standIn(rule, seen, side, before, context);
    if (group) groups[lens.name] = group;
    assign(values, lens.fields[side], group?.sent ?? before ?? [], null);
  }
  return { kind: 'create', side, groups, op: { kind: 'create', attemptId, values: withoutNulls(values), reference } };
}

/** What the source says of the group, translated; null where it says nothing, or nothing that may go there. */
function newValues(rule: MappedLens, base: Base | undefined, seen: Seen | undefined, side: Side, before: Values | null): AttemptGroup | null {
  const { lens } = rule;
  const source = otherSide(side);
  const from = seen && pick(seen.values, lens.fields[source]);
  if (!from || !mayGoTo(rule, side) || !lens.canonical(source, from).ok) return null;
  const time = groupTime(seen.times, lens.fields[source]);
  const baseOf = (one: Side): Values | undefined => base?.[one === 'bevatel' ? 0 : 1];
  const isAgreed = before !== null && base !== undefined && sameOn(lens, source, baseOf(source) ?? [], from);
  if (isAgreed) return sameOn(lens, side, baseOf(side) ?? [], before) && !isBlank(before) ? { sent: before, source: from, before: null, time } : null;
  const sent = translate(lens, source, from, before);
  return sent.ok && (before !== null || !isBlank(sent.values)) ? { sent: sent.values, source: from, before: null, time } : null;
}

function isBlank(values: Values): boolean {
  return values.every((value) => value === null);
}

/** A required value that is missing has a default (F8). */
function standIn(rule: MappedLens, seen: Seen | undefined, side: Side, before: Values | null, context: LinkContext): AttemptGroup | null {
  const from = seen && pick(seen.values, rule.lens.fields[otherSide(side)]);
  const sent = rule.required && context.requiredMissing === 'default' && before === null ? defaultOn(rule, side) : null;
  return from && sent && mayGoTo(rule, side) ? { sent, source: from, before: null, time: UNKNOWN_TIME } : null;
}

function mayGoTo({ direction }: MappedLens, side: Side): boolean {
  return direction === 'both' || direction === `to_${side}`;
}

/** The field's default as the side that is created holds it (F8); null where there is none that fits. */
function defaultOn({ lens, defaultValue }: MappedLens, side: Side): Values | null {
  if (defaultValue === null) return null;
  if (side === 'bevatel') return [defaultValue];
  const put = lens.toExternal([defaultValue], null);
  return put.ok ? put.values : null;
}

function withoutNulls(values: Image): Image {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
}

/** The attempt that is recorded before the call (design §6). */
export function attemptOf(work: Doing, facts: { sentAt: number; deadline: number; guard: Attempt['guard'] }): Attempt {
  return {
    id: work.op.attemptId,
    side: work.side,
    kind: work.op.kind,
    groups: work.groups,
    reference: work.op.kind === 'remove' || work.op.kind === 'merge' ? null : work.op.reference,
    ...(work.op.kind === 'merge' ? { into: work.op.into } : {}),
    ...(work.op.kind === 'update' && work.op.forgets ? { forgets: true } : {}),
    condition: work.op.kind === 'create' || work.op.kind === 'merge' ? null : work.op.condition,
    guard: facts.guard,
    sentAt: facts.sentAt,
    deadline: facts.deadline,
    status: 'outstanding',
  };
}
