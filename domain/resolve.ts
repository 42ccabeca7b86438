/**
 * An operator's word on what is held: made part of the link's state, from which `decideLink` then decides as always.
 *
 * The word is on the pair of values that the operator saw; when either has moved, nothing is done (I2). Nothing here
 * writes to a side: what the winner's word makes wanted is derived and delivered like everything else.
 */
import type { WINNING_POLICIES } from '../schemas/integration.ts';
import type { Side, Value } from '../schemas/value.ts';
import { otherSide } from '../schemas/value.ts';
import type { ConflictType } from '../schemas/decision.ts';
import { agree, identical, isEmpty, sameOn } from './compare.ts';
import type { MappedLens } from './lenses/mapping.ts';
import { translate } from './lens.ts';
import type { Values } from './lens.ts';
import { idOn, withId } from './link.ts';
import type { GroupState, Held, Link, LinkState, Restore } from './link.ts';
import { isMatchHold } from './match-hold.ts';
import { choose } from './policy.ts';
import type { ConflictRule } from './policy.ts';

export type Pair = Readonly<Record<Side, Values>>;

export interface ResolveOrder {
  readonly winner: Side;
  readonly by: string;
  /** The pair as it was shown to the operator; null when it is not known any more. */
  readonly seenPair: Pair | null;
}

export type Resolved =
  | { readonly kind: 'resolved'; readonly link: Link }
  | { readonly kind: 'state_moved'; readonly present: Held }
  | { readonly kind: 'not_held' }
  /** `direction` forbids writing the loser's side; `untranslatable:<reason>`, the winner's value does not fit there. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Call it with the link locked; run `decideLink` on the result. */
export function resolveHeld(link: Link, rule: MappedLens, order: ResolveOrder): Resolved {
  const name = rule.lens.name;
  const group = link.state.groups[name];
  const held = group?.held;
  if (!group || !held) return { kind: 'not_held' };
  if (!order.seenPair || !identical(order.seenPair.bevatel, held.bevatel) || !identical(order.seenPair.external, held.external)) {
    return { kind: 'state_moved', present: held };
  }
  const change = held.type === 'overwritten_in_flight' ? overwritten(held, order) : winning(rule, group, held, order);
  if ('reason' in change) return { kind: 'refused', reason: change.reason };
  const next: GroupState = { ...(group.base ? { base: group.base } : {}), ...change };
  return { kind: 'resolved', link: { ...link, state: { ...link.state, groups: { ...link.state.groups, [name]: next } } } };
}

type Change = Pick<GroupState, 'resolution' | 'restore'> | { readonly reason: string };

/** Bevatel's value stands already; the external system's was overwritten and is put back, then propagates by itself. */
function overwritten(held: Held, order: ResolveOrder): Change {
  if (order.winner === 'bevatel') return {};
  return held.overwritten ? { restore: restoring('external', held.overwritten, held) } : { reason: 'nothing_to_restore' };
}

/**
 * Between two changed sides the word decides. Where only one side changed (a refused write, an oscillation, an unknown
 * outcome) the hold is dropped for its sake, or the other side's value is put back over it.
 */
function winning(rule: MappedLens, group: GroupState, held: Held, order: ResolveOrder): Change {
  const loser = otherSide(order.winner);
  const source = sourceWithout(rule, group, held);
  if (source === 'none' || source === order.winner) return {};
  if (rule.direction !== 'both' && rule.direction !== `to_${loser}`) return { reason: 'direction' };
  if (source === 'both') return { resolution: { winner: order.winner, bevatel: held.bevatel, external: held.external, by: order.by } };
  return putBack(rule, group, held, order.winner, loser);
}

/** The side that would be the source if nothing were held; `both` in a conflict, `none` where the sides say the same. */
function sourceWithout(rule: MappedLens, { base }: GroupState, held: Held): Side | 'both' | 'none' {
  const { lens } = rule;
  if (agree(lens, held.bevatel, held.external)) return 'none';
  if (!base) {
    if (isEmpty(lens, 'bevatel', held.bevatel)) return 'external';
    return isEmpty(lens, 'external', held.external) ? 'bevatel' : 'both';
  }
  const bevatelChanged = !sameOn(lens, 'bevatel', base[0], held.bevatel);
  const externalChanged = !sameOn(lens, 'external', base[1], held.external);
  if (bevatelChanged && externalChanged) return 'both';
  if (bevatelChanged) return 'bevatel';
  return externalChanged ? 'external' : 'none';
}

function putBack(rule: MappedLens, { base }: GroupState, held: Held, winner: Side, loser: Side): Change {
  if (base) return { restore: restoring(loser, base[loser === 'bevatel' ? 0 : 1], held) };
  const translated = translate(rule.lens, winner, held[winner], held[loser]);
  return translated.ok ? { restore: restoring(loser, translated.values, held) } : { reason: `untranslatable:${translated.reason}` };
}

function restoring(side: Side, values: Values, { bevatel, external }: Held): Restore {
  return { side, values, over: { bevatel, external } };
}

/** Drops the hold on a group, so that it is decided anew: by the mapping and the policies as they are now, or by another try. */
export function releaseHeld(link: Link, group: string): Resolved {
  const { held, ...state } = link.state.groups[group] ?? {};
  if (!held) return { kind: 'not_held' };
  return { kind: 'resolved', link: { ...link, state: { ...link.state, groups: { ...link.state.groups, [group]: state } } } };
}

/** Between two edits; what is held for another reason has no winner. */
const BETWEEN_EDITS: ReadonlySet<ConflictType> = new Set(['create_create', 'update_update_same_field', 'merge_update', 'consent_disagree', 'lossy_overwrite']);

/** Who would win what is held under another policy; null where that policy does not tell either. */
export function winnerUnder(policy: (typeof WINNING_POLICIES)[number], rule: MappedLens, held: Held, base: GroupState['base']): Side | null {
  if (!BETWEEN_EDITS.has(held.type)) return null;
  const conflicts: ConflictRule = { ...rule.conflicts, policy, fallback: 'manual' };
  const choice = choose({ lens: rule.lens, rule: conflicts, base, values: held, times: { bevatel: held.bevatelTime, external: held.externalTime } });
  return choice.kind === 'winner' ? choice.winner : null;
}

/** Drops a hold on the whole link, so that it is decided, or its creation tried, anew; one that its keys hold is matched anew first. */
export function releaseHold(link: Link): Resolved {
  const { hold, ...state } = link.state;
  if (!hold) return { kind: 'not_held' };
  const isAlone = link.bevatelId === null || link.externalId === null;
  return { kind: 'resolved', link: { ...link, state: { ...state, ...(isAlone && isMatchHold(hold) ? { unmatched: true as const } : {}) } } };
}

/**
 * Makes one link of two that lack each other's side: they are the same person. Whatever parted the two is void; the second
 * link must be deleted in the same transaction (I4).
 */
export function joinLinks(kept: Link, absorbed: Link): Resolved {
  const missing: Side = kept.bevatelId === null ? 'bevatel' : 'external';
  const id = idOn(absorbed, missing);
  const fits = idOn(kept, missing) === null && id !== null && idOn(absorbed, otherSide(missing)) === null;
  if (!fits) return { kind: 'refused', reason: 'not_complementary' };
  if (kept.erased || absorbed.erased) return { kind: 'refused', reason: 'erased' };
  if ([...kept.state.attempts, ...absorbed.state.attempts].some((attempt) => attempt.status === 'outstanding')) return { kind: 'refused', reason: 'in_flight' };
  const { hold: _hold, create: _create, unmatched: _unmatched, apart: _apart, ...state } = kept.state;
  const joined = withId(kept, missing, id);
  const apart = [...(kept.state.apart ?? []), ...(absorbed.state.apart ?? [])].filter((one) => idOn(joined, one.side) !== one.id);
  const readDue = { ...state.readDue, ...absorbed.state.readDue };
  const next: LinkState = {
    ...state, seen: { ...state.seen, ...absorbed.state.seen }, groups: {}, attempts: [],
    ...(Object.keys(readDue).length > 0 ? { readDue } : {}), ...(apart.length > 0 ? { apart } : {}),
  };
  return { kind: 'resolved', link: { ...joined, state: next } };
}

/** What moved since the operator looked: per side the value then (null when unknown) and now. */
export function movedSides(was: Pair | null, present: Held): readonly { readonly side: Side; readonly was: readonly Value[] | null; readonly now: readonly Value[] }[] {
  return (['bevatel', 'external'] as const)
    .filter((side) => !was || !identical(was[side], present[side]))
    .map((side) => ({ side, was: was?.[side] ?? null, now: present[side] }));
}
