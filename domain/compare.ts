/** When values are the same, and when two sides agree: by canonical form, never by spelling (I5). */
import { sameValue } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import type { Lens, Values } from './lens.ts';

/** Equal to the letter. */
export function identical(a: Values, b: Values): boolean {
  return a === b || (a.length === b.length && a.every((value, index) => sameValue(value, b[index])));
}

/** Equal on one side: to the letter or in canonical form. Two invalid values are equal only to the letter. */
export function sameOn(lens: Lens, side: Side, a: Values, b: Values): boolean {
  if (identical(a, b)) return true;
  const canonicalA = lens.canonical(side, a);
  if (!canonicalA.ok) return false;
  const canonicalB = lens.canonical(side, b);
  return canonicalB.ok && identical(canonicalA.values, canonicalB.values);
}

/** The two sides say the same: the lens maps one to the other, in either direction. */
export function agree(lens: Lens, bevatel: Values, external: Values): boolean {
  const got = lens.toBevatel(external, bevatel);
  if (got.ok && lens.canonical('external', external).ok && sameOn(lens, 'bevatel', got.values, bevatel)) return true;
  const put = lens.toExternal(bevatel, external);
  return put.ok && lens.canonical('bevatel', bevatel).ok && sameOn(lens, 'external', put.values, external);
}

/** Every value of the group is cleared; false for an invalid one. */
export function isEmpty(lens: Lens, side: Side, values: Values): boolean {
  const canonical = lens.canonical(side, values);
  return canonical.ok && canonical.values.every((value) => value === null);
}
