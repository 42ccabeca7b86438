/**
 * What a type rule says of one value: its canonical form, or the name of the rule that it breaks.
 *
 * Two values of a field are the same exactly when their canonical forms are (I5). Every rule is pure, total and
 * idempotent, and turns nothing-values (null, empty and blank strings, empty lists) into null. A reason names the
 * rule and never the value (I11).
 */
import type { Value } from '../../schemas/value.ts';

/** `template`: the text does not have the template's form; `one_way`: it cannot be read backwards at all. */
export type InvalidReason = 'type' | 'phone' | 'email' | 'url' | 'boolean' | 'number' | 'date' | 'datetime' | 'picklist' | 'max_length' | 'template' | 'one_way';

export type Canonical =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly reason: InvalidReason };

export type TypeRule = (value: Value) => Canonical;

/** Cleared, and the canonical form of everything empty. */
export const CLEARED: Canonical = { ok: true, value: null };

export function valid(value: Value): Extract<Canonical, { ok: true }> {
  return { ok: true, value };
}

export function invalid(reason: InvalidReason): Canonical {
  return { ok: false, reason };
}
