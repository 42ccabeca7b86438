/**
 * The stored form of a link's state: the same document, without what it says twice. Every change reads and writes one
 * of these, so their size is what reconciling costs.
 *
 * - Times of fields that are equal stand once, with the fields that they are `of`; `to` is left out where it is `from`.
 * - A base whose two sides are the same values stands once: `[values]` for `[values, values]`; and as `1` where it is
 *   the value that Bevatel shows now, as in every group at rest.
 * - A group that has nothing but its base is that base.
 *
 * What is stored in full is read as well.
 */
import type { Base, EditTime, GroupState, LinkState, Seen } from '../domain/link.ts';
import type { Side } from '../schemas/value.ts';
import { SIDES, sameValue } from '../schemas/value.ts';

interface StoredTime {
  readonly of: readonly string[];
  readonly from: number | null;
  readonly to?: number | null;
  readonly actor: string | null;
  readonly applied?: number;
}
type StoredBase = 1 | readonly [Base[0]] | Base;
type StoredGroup = StoredBase | (Omit<GroupState, 'base'> & { readonly base?: StoredBase });

/** A side as it is stored. */
export type StoredSeen = Omit<Seen, 'times'> & { readonly times: readonly StoredTime[] | Seen['times'] };
export type StoredState = Omit<LinkState, 'seen' | 'groups'> & {
  readonly seen: { readonly [S in Side]?: StoredSeen };
  readonly groups: Readonly<Record<string, StoredGroup>>;
};

/** As JSON. */
export function encodeState(state: LinkState): string {
  const seen: { [S in Side]?: StoredSeen } = {};
  for (const side of SIDES) {
    const one = state.seen[side];
    if (one) seen[side] = { ...one, times: packTimes(one.times) };
  }
  return JSON.stringify({ ...state, seen, groups: packGroups(state) });
}

function packTimes(times: Seen['times']): StoredTime[] {
  const packed: { time: EditTime; of: string[] }[] = [];
  for (const field in times) {
    const time = times[field] as EditTime;
    const same = packed.find((one) => isSameTime(one.time, time));
    if (same) same.of.push(field);
    else packed.push({ time, of: [field] });
  }
  return packed.map(({ time: { from, to, actor, applied }, of }) => ({
    of, from, ...(to === from ? {} : { to }), actor, ...(applied === undefined ? {} : { applied }),
  }));
}

function isSameTime(a: EditTime, b: EditTime): boolean {
  return a === b || (a.from === b.from && a.to === b.to && a.applied === b.applied && a.actor === b.actor);
}

function packGroups({ groups, seen }: LinkState): Record<string, StoredGroup> {
  const packed: Record<string, StoredGroup> = {};
  for (const name in groups) {
    const group = groups[name] as GroupState;
    if (!group.base) {
      packed[name] = group;
      continue;
    }
    const base = packBase(group.base, seen.bevatel?.values[name]);
    packed[name] = isAtRest(group) ? base : { ...group, base };
  }
  return packed;
}

function isAtRest(group: GroupState): boolean {
  for (const key in group) if (key !== 'base') return false;
  return true;
}

function packBase(base: Base, shown: Seen['values'][string] | undefined): StoredBase {
  const [bevatel, external] = base;
  if (bevatel.length !== external.length || !bevatel.every((value, index) => sameValue(value, external[index]))) return base;
  return bevatel.length === 1 && shown !== undefined && sameValue(bevatel[0], shown) ? 1 : [bevatel];
}

/** Takes the parsed document apart and builds the state from it; the document is not to be used afterwards. */
export function decodeState(stored: StoredState): LinkState {
  const state = stored as { -readonly [K in keyof StoredState]: StoredState[K] } & { seen: { [S in Side]?: StoredSeen }; groups: Record<string, StoredGroup> };
  for (const side of SIDES) {
    const one = state.seen[side];
    if (one) state.seen[side] = decodeSeen(one);
  }
  const values = state.seen.bevatel?.values;
  for (const name in state.groups) {
    const group = state.groups[name] as StoredGroup;
    if (group === 1 || Array.isArray(group)) state.groups[name] = { base: unpackBase(group as StoredBase, values?.[name]) };
    else if ('base' in group && group.base) state.groups[name] = { ...group, base: unpackBase(group.base, values?.[name]) };
  }
  return state as unknown as LinkState;
}

/** Changes the document in place. */
export function decodeSeen(stored: StoredSeen): Seen {
  if (!Array.isArray(stored.times)) return stored as Seen;
  const times: Record<string, EditTime> = {};
  for (const { of, from, to = from, actor, applied } of stored.times as readonly StoredTime[]) {
    const time: EditTime = applied === undefined ? { from, to, actor } : { from, to, actor, applied };
    for (const field of of) times[field] = time;
  }
  (stored as { times: Seen['times'] }).times = times;
  return stored as Seen;
}

function unpackBase(stored: StoredBase, shown: Seen['values'][string] | undefined): Base {
  if (stored === 1) return [[shown ?? null], [shown ?? null]];
  const [bevatel, external = bevatel] = stored;
  return [bevatel, external];
}
