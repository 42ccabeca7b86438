/** The oscillation breaker: a field whose value keeps coming back is held instead of being written for ever (I3). */
import { otherSide } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import type { EditTime, GroupState, Wanted } from './link.ts';

export interface Breaker {
  readonly trail: GroupState['trail'];
  readonly isOscillating: boolean;
}

/**
 * Records a new propagation and tells whether its value has now come back `flips` times within the window. Between two
 * sides that insist on a value each, every other propagation is the other side's, so twice as many are remembered. An
 * ordinary run of different edits never counts, however fast.
 */
export function afterPropagation(trail: GroupState['trail'], wanted: Wanted, limit: { readonly flips: number; readonly withinMs: number }, now: number): Breaker {
  const fingerprint = `${wanted.side === 'bevatel' ? 'b' : 'x'}${fnv1a(JSON.stringify(wanted.values))}`;
  const recent = (trail ?? []).filter(([at]) => at > now - limit.withinMs).slice(-2 * limit.flips);
  const comebacks = recent.filter(([, other]) => other === fingerprint).length;
  return { trail: [...recent, [now, fingerprint]], isOscillating: comebacks >= limit.flips };
}

/**
 * Who fights, and which side should own the field: the one where an automation keeps setting it, since people can be
 * asked and automations insist. Where that is not told of either, the side whose value came back last.
 */
export function fighters(times: Readonly<Record<Side, EditTime>>, from: Side): { readonly detail?: string; readonly owner: Side } {
  const other = otherSide(from);
  const actors = [times[from].actor, times[other].actor].filter((actor) => actor !== null);
  const owner = isAutomation(times[other].actor) && !isAutomation(times[from].actor) ? other : from;
  return { owner, ...(actors.length > 0 ? { detail: [...new Set(actors)].join(', ') } : {}) };
}

/** Connectors name people `user:<id>`; whatever else is named is an automation, an import or an app. */
function isAutomation(actor: string | null): boolean {
  return actor !== null && !actor.startsWith('user:');
}

/** FNV-1a over UTF-16 code units, as base 36: a short fingerprint, not a protection. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(36);
}
