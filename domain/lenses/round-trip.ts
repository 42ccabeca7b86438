/**
 * What becomes of a value that goes to the other side and comes back with nothing to hold on to: the test of a mapping on
 * a tenant's own data, before anything is written.
 *
 * Where a value would not survive, its own side keeps it as the lens's complement; the other side has less of it, and
 * an edit there is made on what it has. Reasons are names of rules, never values (I11).
 */
import { otherSide } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import { identical, isEmpty, sameOn } from '../compare.ts';
import { translate } from '../lens.ts';
import type { Lens, Values } from '../lens.ts';
import type { MappedLens } from './mapping.ts';

export type RoundTrip =
  | { readonly kind: 'empty' }
  /** `isRewritten`: it comes back in another writing, which is the same value. */
  | { readonly kind: 'survives'; readonly isRewritten: boolean }
  /** `back`: what came back in its place; null where nothing did. */
  | { readonly kind: 'lost'; readonly reason: string; readonly back: Values | null };

/** Of one group's values on one side, in a direction in which the group goes. A field that goes one way need not come back. */
export function roundTrip({ lens, direction }: MappedLens, from: Side, values: Values): RoundTrip {
  const canonical = lens.canonical(from, values);
  if (!canonical.ok) return lost(reasonOf(canonical.reason));
  if (isEmpty(lens, from, values)) return { kind: 'empty' };
  const there = translate(lens, from, values, null);
  if (!there.ok) return lost(reasonOf(there.reason));
  if (direction !== 'both') return { kind: 'survives', isRewritten: false };
  const back = translate(lens, otherSide(from), there.values, null);
  if (!back.ok) return lost(lens.loses ?? reasonOf(back.reason));
  if (!sameOn(lens, from, back.values, values)) return { kind: 'lost', reason: lens.loses ?? 'lossy', back: back.values };
  return { kind: 'survives', isRewritten: !identical(back.values, values) };
}

/** What stands on a side is more than the other side can tell, so that an edit made there goes over what its editor did not see. */
export function isMoreThanSeen(lens: Lens, side: Side, values: Values): boolean {
  if (!lens.loses) return false;
  const there = translate(lens, side, values, null);
  const back = there.ok ? translate(lens, otherSide(side), there.values, null) : there;
  return !back.ok || !sameOn(lens, side, back.values, values);
}

function lost(reason: string): RoundTrip {
  return { kind: 'lost', reason, back: null };
}

function reasonOf(rule: string): string {
  if (rule === 'picklist') return 'unknown_option';
  return rule === 'max_length' ? 'too_long' : `invalid:${rule}`;
}
