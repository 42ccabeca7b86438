/**
 * text, phone and email: the same value on both sides, by one type rule.
 *
 * `text` takes the type of its Bevatel field, so that tags are compared as a set and `consent` as a picklist; `phone`
 * and `email` impose theirs on both fields. The Bevatel field's own length limits what its side may hold at all; the
 * mapping's `maxLength` limits what is written to either.
 */
import type { Lens } from '../lens.ts';
import type { FieldRule } from '../../schemas/contact.ts';
import { limited, typeRule } from '../canonical/rule.ts';
import { oneToOneLens } from './one-to-one.ts';

export interface PlainLens {
  readonly bevatel: string;
  readonly external: string;
  /** The Bevatel field's rule (schemas/contact.ts). */
  readonly rule: FieldRule;
  /** In code points; a longer value is not written to either side. */
  readonly maxLength?: number | undefined;
}

export function textLens(spec: PlainLens): Lens {
  return plainLens(spec, spec.rule);
}

/** `region`: of numbers without a country code, ISO 3166-1 alpha-2. */
export function phoneLens(spec: PlainLens & { readonly region?: string | undefined }): Lens {
  return plainLens(spec, { ...spec.rule, type: 'phone' }, spec.region);
}

export function emailLens(spec: PlainLens): Lens {
  return plainLens(spec, { ...spec.rule, type: 'email' });
}

function plainLens(spec: PlainLens, rule: FieldRule, region?: string): Lens {
  const form = typeRule(rule, region);
  const { bevatel, external, maxLength } = spec;
  const toBevatel = smaller(maxLength, rule.maxLength);
  return oneToOneLens({
    bevatel,
    external,
    rules: { bevatel: limited(form, rule.maxLength), external: form },
    maxLength: { ...(toBevatel === undefined ? {} : { bevatel: toBevatel }), ...(maxLength === undefined ? {} : { external: maxLength }) },
  });
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
