/**
 * Ids that went on into others by merges. A redirect always names the last record (chains are compressed as they grow), and
 * never leads back: a record that somebody merged into is there, whatever was said of it before. Pure.
 */

/** Old id → the record that it went on into. */
export type Redirects = ReadonlyMap<string, string>;

/** The record that an id stands for now. */
export function resolved(redirects: Redirects, id: string): string {
  return redirects.get(id) ?? id;
}

export interface RedirectChange {
  /** To be stored, in place of what stands there. */
  readonly set: readonly (readonly [oldId: string, newId: string])[];
  readonly removed: readonly string[];
}

/** What the news that `oldId` went into `newId` changes; `known` are all redirects from or to either of them. */
export function redirected(known: Redirects, oldId: string, newId: string): RedirectChange {
  if (oldId === newId) return { set: [], removed: [] };
  const before = known.get(newId);
  // The newer news is that `newId` is there.
  const isBack = before === oldId;
  const last = before === undefined || isBack ? newId : before;
  const followers = [...known].flatMap(([from, to]) => (to === oldId && from !== last ? [from] : []));
  return { set: [oldId, ...followers].map((from) => [from, last] as const), removed: isBack ? [newId] : [] };
}

export function withChange(redirects: Redirects, { set, removed }: RedirectChange): Redirects {
  const next = new Map(redirects);
  for (const id of removed) next.delete(id);
  for (const [from, to] of set) next.set(from, to);
  return next;
}
