/**
 * Values and images: what a field can hold, and the set of fields that a change carries.
 *
 * In an image an absent field is *unknown* and a null one is *cleared*; the two are never mixed up (design §2).
 */

/** What one field can hold, in events, in state and in lenses. */
export type Value = null | boolean | number | string | readonly string[];

/** Field name → value, in the field names of the system that it came from. */
export type Image = Readonly<Record<string, Value>>;

/** The two sides of every link. */
export const SIDES = ['bevatel', 'external'] as const;
export type Side = (typeof SIDES)[number];

export function otherSide(side: Side): Side {
  return side === 'bevatel' ? 'external' : 'bevatel';
}

/** Priority of work in capture and delivery; the lower the number, the sooner it is done. */
export const LANES = ['live', 'repair', 'backfill'] as const;
export type Lane = (typeof LANES)[number];

/** Structural equality of two values; lists are compared in order. */
export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => item === b[index]);
  }
  return false;
}
