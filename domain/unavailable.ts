/**
 * What becomes of a write when its system cannot be reached (F7 of the requirements form): it stays wanted and is tried
 * again for as long as it takes; or it is tried a few times and then held; or it is given up, by name. Pure.
 */
import type { GroupVerdict } from '../schemas/decision.ts';
import type { ErrorCode } from '../schemas/errors.ts';
import { SIDES } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import type { LinkContext } from './context.ts';
import type { Values } from './lens.ts';
import { pick, UNKNOWN_TIME } from './link.ts';
import type { GroupState, Link } from './link.ts';
import { groupTime } from './time.ts';

/** Tries before a write is held with `unavailable: retry`. */
export const TRIES = 5;
const UNAVAILABLE: ReadonlySet<string> = new Set<ErrorCode>(['system_unavailable', 'system_timeout', 'circuit_open', 'account_migrating']);
const GIVEN_UP = 'unavailable';

/** After a failure was counted (`state.retry`). What is given up stands as an agreement to differ: a later edit goes its way. */
export function giveUp(link: Link, side: Side, code: string, context: LinkContext, now: number): { readonly link: Link; readonly groups: readonly GroupVerdict[] } {
  const { unavailable } = context;
  const isOver = unavailable === 'skip' || (unavailable === 'retry' && (link.state.retry?.count ?? 0) >= TRIES);
  if (!isOver || !UNAVAILABLE.has(code)) return { link, groups: [] };
  const groups: Record<string, GroupState> = { ...link.state.groups };
  const verdicts: GroupVerdict[] = [];
  for (const [name, group] of Object.entries(link.state.groups)) {
    const fields = context.mapping.byName.get(name)?.lens.fields;
    if (!fields || group.wanted?.side !== side) continue;
    const [bevatel, external] = SIDES.map((one) => pick(link.state.seen[one]?.values ?? {}, fields[one]) ?? []) as [Values, Values];
    const { wanted: _wanted, ...rest } = group;
    groups[name] = unavailable === 'skip' ? { ...rest, base: [bevatel, external], skipped: GIVEN_UP } : { ...rest, held: heldFor(link, fields, { bevatel, external }, code, now) };
    if (unavailable === 'skip') verdicts.push({ group: name, verdict: 'skipped', rule: GIVEN_UP, bevatel, external, ...(group.base ? { base: group.base } : {}) });
  }
  const { create, retry, ...state } = link.state;
  const isWhole = create === side || link.state.remove?.side === side;
  const hold = isWhole ? { hold: { kind: 'rejected' as const, since: now, detail: code } } : create ? { create } : {};
  // A read that is due is asked for at ease all the same.
  return { link: { ...link, state: { ...state, groups, ...hold, ...(retry && state.readDue ? { retry } : {}) } }, groups: verdicts };
}

function heldFor({ state }: Link, fields: Readonly<Record<Side, readonly string[]>>, values: Readonly<Record<Side, Values>>, code: string, now: number): NonNullable<GroupState['held']> {
  const timeOn = (side: Side) => (state.seen[side] ? groupTime(state.seen[side].times, fields[side]) : UNKNOWN_TIME);
  return { type: 'rejected', since: now, ...values, bevatelTime: timeOn('bevatel'), externalTime: timeOn('external'), detail: code };
}
