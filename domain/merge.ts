/**
 * Merges: what becomes of links when a system makes one record of two (design §5; I4, I9). `L` is the link of the record
 * that went away, `M` that of the survivor, if it has one; `o` is the other side.
 *
 * | L and M | what becomes of them |
 * |---|---|
 * | M is none                                     | L follows the record to the survivor |
 * | something is under way for either             | later: the record is read again |
 * | L has no partner                              | L ends in M |
 * | M has no partner, or its partner is gone      | L takes M's place |
 * | their partners were merged, too               | one pair: L ends in M, which has the partners' survivor (`merge_merge`) |
 * | L's partner went into that of a third link    | held with both as candidates (`merge_merge`) |
 * | L's partner is gone                           | L is a tombstone |
 * | both have partners                            | two people there, one here: held, or the partners are merged as well (`merges:`) |
 *
 * What was edited in the record that went away, and nobody had been told of yet, is in the survivor or is overridden by
 * name (`merge_update`, I2). Losers of merges are never taken for deletions.
 */
import { WHOLE_RECORD } from '../schemas/decision.ts';
import type { GroupVerdict, Verdict } from '../schemas/decision.ts';
import { otherSide } from '../schemas/value.ts';
import type { Image, Side } from '../schemas/value.ts';
import { isEmpty, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import { repoint } from './gone.ts';
import type { Values } from './lens.ts';
import { idOn, pick, withId } from './link.ts';
import type { Link, LinkHold, LinkState } from './link.ts';
import { resolved } from './redirects.ts';
import type { Redirects } from './redirects.ts';

export interface MergeNews {
  /** The side on which two records became one, and the one that is left. */
  readonly side: Side;
  readonly into: string;
  /** Of the other side. */
  readonly redirects: Redirects;
  readonly context: LinkContext;
  readonly now: number;
}

export interface Merged {
  /** Both links as they then stand; null for one that ended. `decideLink` is to be run on them. */
  readonly loser: Link | null;
  readonly survivor: Link | null;
  readonly verdict: Verdict;
  readonly groups: readonly GroupVerdict[];
}

/** How long something that is under way is waited for before the record is looked at again (ms). */
const LATER_MS = 2_000;

export function mergeLinks(loser: Link, survivor: Link | null, news: MergeNews): Merged {
  const { side, into, context, now } = news;
  if (loser.erased || survivor?.erased || survivor?.linkId === loser.linkId) return { loser, survivor, verdict: 'gone', groups: [] };
  if (!survivor) return { loser: follow(loser, news), survivor: null, verdict: 'linked', groups: [] };
  if (isBusy(loser) || isBusy(survivor)) return { loser: later(loser, side, now), survivor, verdict: 'in_flight', groups: [] };
  const partners = { loser: partnerOf(loser, side), survivor: partnerOf(survivor, side) };
  if (partners.loser === null) return ended(loser, survivor, news, 'merge');
  if (partners.survivor === null) return { loser: follow(loser, news), survivor: bereft(survivor, side), verdict: 'linked', groups: [] };
  if (areOne(news.redirects, partners.loser, partners.survivor)) return ended(loser, withPartner(survivor, news, resolved(news.redirects, partners.survivor)), news, 'merged_on_both_sides');
  const { absorbed, gone } = loser.state;
  const other = otherSide(side);
  if (absorbed && absorbed.side === other) return { loser: mergedApart(loser, survivor, side, now), survivor: touched(survivor, side, now), verdict: 'conflict_held', groups: [whole('conflict_held', 'merged_apart', 'merge_merge')] };
  if (gone?.[other] !== undefined) return { loser: without(loser, side, now), survivor: touched(survivor, side, now), verdict: 'gone', groups: overriddenEdits(loser, side, survivor.state.seen[side]?.values, context) };
  if (survivor.state.gone?.[other] !== undefined) return { loser: follow(loser, news), survivor: bereft(survivor, side), verdict: 'linked', groups: [] };
  const state: LinkState = { ...without(loser, side, now).state, absorbed: { side, record: into, by: survivor.linkId, partner: partners.survivor, at: now } };
  return { loser: { ...loser, state }, survivor: touched(survivor, side, now), verdict: 'gone', groups: overriddenEdits(loser, side, survivor.state.seen[side]?.values, context) };
}

function isBusy({ state }: Link): boolean {
  return state.attempts.some(({ kind, status }) => status === 'outstanding' && kind !== 'merge');
}

function partnerOf(link: Link, side: Side): string | null {
  return idOn(link, otherSide(side));
}

function areOne(redirects: Redirects, a: string, b: string): boolean {
  return resolved(redirects, a) === resolved(redirects, b);
}

/** The record goes on: what was edited in it and is not agreed is compared with what the survivor turns out to have. */
function follow(link: Link, { side, into, context, now }: MergeNews): Link {
  const groups = unagreed(link, side, context);
  const { absorbed: _absorbed, ...state } = link.state;
  const next = repoint({ ...link, state }, side, into, now);
  return Object.keys(groups).length === 0 ? next : { ...next, state: { ...next.state, mergedEdits: { side, groups } } };
}

/** The survivor has what the other had besides: it is read again, and what comes of it counts as a merge (domain/guards.ts). */
function touched(link: Link, side: Side, now: number): Link {
  const seen = link.state.seen[side];
  return {
    ...link,
    state: {
      ...link.state, merged: now, readDue: { ...link.state.readDue, [side]: { at: now, blocks: true } },
      seen: seen ? { ...link.state.seen, [side]: { ...seen, revision: null } } : link.state.seen,
    },
  };
}

function ended(loser: Link, survivor: Link, { side, context, now }: MergeNews, rule: string): Merged {
  const groups = [whole('linked', rule, ...(rule === 'merge' ? [] : ['merge_merge' as const])), ...overriddenEdits(loser, side, survivor.state.seen[side]?.values, context)];
  return { loser: null, survivor: touched(survivor, side, now), verdict: 'linked', groups };
}

/** Its partner may have gone into that of the link which ends: the two that are left never agreed on anything. */
function withPartner(link: Link, { side, now }: MergeNews, partner: string): Link {
  const other = otherSide(side);
  if (idOn(link, other) === partner) return link;
  const { absorbed: _absorbed, merge: _merge, hold: _hold, ...state } = link.state;
  const { [other]: _seen, ...seen } = state.seen;
  return repoint({ ...link, state: { ...state, seen, groups: {} } }, other, partner, now);
}

/** The record of this side went away, and nothing follows from that as from a deletion. */
function without(link: Link, side: Side, now: number): Link {
  const { create: _create, remove: _remove, referenceDue: _referenceDue, readDue, ...state } = link.state;
  const { [side]: _read, ...reads } = readDue ?? {};
  return { ...link, state: { ...state, ...(Object.keys(reads).length > 0 ? { readDue: reads } : {}), gone: { ...state.gone, [side]: { how: 'merged', at: now, settledAt: now } } } };
}

/** Its record has another link now; null where that was all that it had. */
function bereft(link: Link, side: Side): Link | null {
  if (partnerOf(link, side) === null) return null;
  const { [side]: _seen, ...seen } = link.state.seen;
  return withId({ ...link, state: { ...link.state, seen, groups: {}, attempts: [] } }, side, null);
}

function mergedApart(loser: Link, survivor: Link, side: Side, now: number): Link {
  const { absorbed, ...state } = without(loser, side, now).state;
  const hold: LinkHold = { kind: 'merge_merge', since: now, candidates: [...new Set([absorbed?.by ?? '', survivor.linkId])] };
  return { ...loser, state: { ...state, hold } };
}

/** The record is looked at again when what is under way has ended. */
function later(link: Link, side: Side, now: number): Link {
  return { ...link, state: { ...link.state, readDue: { ...link.state.readDue, [side]: { at: now + LATER_MS, blocks: true } } } };
}

/** Values of the record that nobody has agreed to yet: edits that are on their way, or held. */
function unagreed(link: Link, side: Side, { mapping }: LinkContext): Readonly<Record<string, Values>> {
  const values = link.state.seen[side]?.values;
  return Object.fromEntries(mapping.lenses.flatMap(({ lens }): [string, Values][] => {
    const shown = values && lens.fields[side].length > 0 ? pick(values, lens.fields[side]) : null;
    const base = link.state.groups[lens.name]?.base?.[side === 'bevatel' ? 0 : 1];
    if (!shown || (base && sameOn(lens, side, base, shown)) || (!base && isEmpty(lens, side, shown))) return [];
    return [[lens.name, shown]];
  }));
}

/** Which of them the survivor does not have: systems keep the survivor's values, and fill its gaps from the other. */
function overriddenEdits(loser: Link, side: Side, survivor: Image | undefined, context: LinkContext): readonly GroupVerdict[] {
  return overridden(unagreed(loser, side, context), side, survivor, context);
}

/** Verdicts on edits of a record that was merged away, by what its survivor shows (I2). */
export function overridden(edits: Readonly<Record<string, Values>>, side: Side, survivor: Image | undefined, { mapping }: LinkContext): readonly GroupVerdict[] {
  return Object.entries(edits).flatMap(([name, edited]): GroupVerdict[] => {
    const lens = mapping.byName.get(name)?.lens;
    const shown = lens && survivor ? pick(survivor, lens.fields[side]) : null;
    if (!lens || !shown || isEmpty(lens, side, shown) || sameOn(lens, side, shown, edited)) return [];
    return [{ group: name, verdict: 'conflict_resolved', rule: `merge:${side}`, conflict: 'merge_update', [side]: edited, writeTo: side, write: shown }];
  });
}

function whole(verdict: Verdict, rule: string, ...[conflict]: readonly ('merge_merge' | undefined)[]): GroupVerdict {
  return { group: WHOLE_RECORD, verdict, rule, ...(conflict ? { conflict } : {}) };
}
