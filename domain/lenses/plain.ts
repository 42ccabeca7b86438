/**
 * One value, understood alike on both sides by the rule of its type: text, number, boolean, date, instant, phone,
 * e-mail, web address, set.
 *
 * The Bevatel field's own length limits what its side may hold at all; the mapping's `maxLength` limits what is written
 * to either. With `truncate` it is the length of the external field: longer texts are written there cut.
 */
import type { Lens } from '../lens.ts';
import type { FieldRule } from '../../schemas/contact.ts';
import type { Likeness } from '../../schemas/field-mapping.ts';
import type { Value } from '../../schemas/value.ts';
import { folded } from '../canonical/likeness.ts';
import { limited, typeRule } from '../canonical/rule.ts';
import type { Hints } from '../canonical/rule.ts';
import { oneToOneLens } from './one-to-one.ts';
import { cutter } from './truncate.ts';

export interface PlainLens extends Hints {
  readonly bevatel: string;
  readonly external: string;
  /** Type and length of the Bevatel field. */
  readonly rule: FieldRule;
  /** In code points; a longer value is not written. */
  readonly maxLength?: number | undefined;
  /** Long texts are written cut, with this mark at their end. */
  readonly truncate?: string | undefined;
  /** Differences of writing that are none. */
  readonly alike?: readonly Likeness[] | undefined;
  /** A Bevatel value that says the same as an empty field. */
  readonly whenEmpty?: Value | undefined;
}

export function plainLens(spec: PlainLens): Lens {
  const { alike, bevatel, external, rule, truncate } = spec;
  const form = typeRule(rule, spec);
  const whenEmpty = spec.whenEmpty === undefined ? null : form(spec.whenEmpty);
  return oneToOneLens({
    bevatel, external,
    rules: { bevatel: limited(form, rule.maxLength), external: form },
    maxLength: lengths(spec),
    ...(truncate === undefined ? {} : { cut: cutter(truncate), loses: 'truncated' }),
    ...(alike === undefined ? {} : { compared: (value) => (typeof value === 'string' ? folded(value, alike) || null : value) }),
    ...(whenEmpty?.ok ? { whenEmpty: whenEmpty.value } : {}),
  });
}

function lengths({ rule, maxLength, truncate }: PlainLens): { bevatel?: number; external?: number } {
  const bevatel = truncate === undefined ? smaller(maxLength, rule.maxLength) : rule.maxLength;
  return { ...(bevatel === undefined ? {} : { bevatel }), ...(maxLength === undefined ? {} : { external: maxLength }) };
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
