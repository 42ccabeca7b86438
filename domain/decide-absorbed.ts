/**
 * Decide a link whose record went into that of another link, while its partner is a record of its own: two people there, one
 * here. The file says what follows (`merges:`), or an operator does: the partners are merged as well, or it is held until
 * somebody has said so. Merges cannot be undone in the systems, so nothing else follows by itself.
 */
import type { GroupVerdict } from '../schemas/decision.ts';
import { WHOLE_RECORD } from '../schemas/decision.ts';
import { otherSide } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import type { LinkDecision } from './decide-link.ts';
import type { Absorbed, Link, LinkHold } from './link.ts';

export function decideAbsorbed(link: Link, absorbed: Absorbed, context: LinkContext, now: number): LinkDecision {
  const { hold, create: _create, remove: _remove, referenceDue: _referenceDue, merge: before, ...facts } = link.state;
  const groups = Object.fromEntries(Object.entries(facts.groups).map(([name, { wanted: _wanted, ...group }]) => [name, group]));
  const state = { ...facts, groups };
  const side = otherSide(absorbed.side);
  if (state.attempts.some(({ status }) => status === 'outstanding') || state.readDue?.[side]?.blocks) return { link: { ...link, state }, groups: [], verdict: 'in_flight' };
  if (absorbed.word || context.merges[side] === 'merge') {
    const rule = absorbed.word ? 'operator' : `merges:to_${side}`;
    const isNew = before?.into !== absorbed.partner;
    const { guarded: _guarded, ...open } = state;
    return { link: { ...link, state: { ...(isNew ? open : state), merge: { side, into: absorbed.partner } } }, groups: isNew ? [verdict('propagate', rule, side)] : [], verdict: 'gone' };
  }
  const isSame = hold?.kind === 'partner_merged' && hold.candidates[0] === absorbed.by;
  const next: LinkHold = isSame ? hold : { kind: 'partner_merged', since: now, detail: absorbed.side, candidates: [absorbed.by] };
  return { link: { ...link, state: { ...state, hold: next } }, groups: isSame ? [] : [verdict('conflict_held', `merges:to_${side}`)], verdict: 'conflict_held' };
}

function verdict(what: 'propagate' | 'conflict_held', rule: string, writeTo?: Absorbed['side']): GroupVerdict {
  return { group: WHOLE_RECORD, verdict: what, rule, conflict: 'possible_duplicate', ...(writeTo ? { writeTo } : {}) };
}
