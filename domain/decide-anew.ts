/**
 * A link under another configuration than the one that it was decided by: fields that the mapping no longer has are left
 * alone, refusals that a change may have mended are tried again, and everything is decided anew. Pure.
 */
import type { ConflictType } from '../schemas/decision.ts';
import type { LinkContext } from './context.ts';
import { decideLink } from './decide-link.ts';
import type { LinkDecision } from './decide-link.ts';
import type { GroupState, Link } from './link.ts';

/** Held because a system would not have what the mapping made; another mapping may make something else. */
const MENDABLE: ReadonlySet<ConflictType> = new Set(['rejected', 'schema_missing', 'unique_violation']);

export function decideAnew(link: Link, context: LinkContext, now: number): LinkDecision {
  if (link.erased) return { link, groups: [], verdict: null };
  const groups = Object.fromEntries(Object.entries(link.state.groups).map(([name, group]) => [name, context.mapping.byName.has(name) ? mended(group) : unmapped(group)]));
  const isSame = Object.entries(groups).every(([name, group]) => group === link.state.groups[name]);
  return decideLink(isSame ? link : { ...link, state: { ...link.state, groups } }, context, now);
}

function mended(group: GroupState): GroupState {
  if (!group.held || !MENDABLE.has(group.held.type)) return group;
  const { held: _held, ...rest } = group;
  return rest;
}

/** The agreement stays on record, in case the field is mapped again; nothing is wanted, held or put back for its sake. */
function unmapped(group: GroupState): GroupState {
  const isAtRest = !group.wanted && !group.held && !group.restore && !group.resolution && !group.skipped;
  return isAtRest || !group.base ? (isAtRest ? group : {}) : { base: group.base };
}
