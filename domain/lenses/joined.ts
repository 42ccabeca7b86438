/**
 * Several fields on one side that are one text on the other: a full name, an address, a template.
 *
 * The complement: parts that give the text already are kept, wherever the borders lie. Whatever splits a text must give
 * parts that join to it again; then the laws hold.
 */
import type { Lens, LensResult, Values } from '../lens.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { isLonger } from '../canonical/rule.ts';
import { canonicalText } from '../canonical/text.ts';
import type { InvalidReason } from '../canonical/form.ts';
import { identical } from '../compare.ts';
import { refused } from './one-to-one.ts';

/** Canonical texts; null for an empty part. */
export type Parts = readonly (string | null)[];

export interface JoinedLens {
  readonly name: string;
  /** The side whose one field holds the whole text. */
  readonly wholeSide: Side;
  readonly whole: string;
  readonly parts: readonly string[];
  /** The form in which whole texts are compared, and parts: what a split and a join keep. */
  readonly tidyWhole: (text: string) => string;
  readonly tidyPart: (text: string) => string;
  readonly join: (parts: Parts) => string | null;
  /** `present`: the parts that stand there, which do not give the text. */
  readonly split: (text: string, present: Parts | null) => Parts | InvalidReason;
  /** How a list is one text, where a part may be one; else a list is of the wrong type. */
  readonly listed?: (items: readonly string[]) => string;
  /** Longest text by field, in code points. */
  readonly maxLength: ReadonlyMap<string, number>;
}

export function joinedLens(spec: JoinedLens): Lens {
  const { wholeSide, name } = spec;
  const fields: Readonly<Record<Side, readonly string[]>> = wholeSide === 'bevatel' ? { bevatel: [spec.whole], external: spec.parts } : { bevatel: spec.parts, external: [spec.whole] };
  const write = (to: Side, source: Values, current: Values | null): LensResult => (to === wholeSide ? join(spec, source, current) : split(spec, source, current));
  return {
    name, fields, loses: 'split',
    canonical: (side, values) => own(spec, side, values),
    toBevatel: (external, current) => write('bevatel', external, current),
    toExternal: (bevatel, current) => write('external', bevatel, current),
  };
}

function join(spec: JoinedLens, source: Values, current: Values | null): LensResult {
  const parts = own(spec, otherSide(spec.wholeSide), source);
  if (!parts.ok) return parts;
  const whole = wholeOf(spec, parts.values);
  const present = current && canonical(spec, spec.wholeSide, current);
  if (current && present?.ok && present.values[0] === whole) return { ok: true, values: current };
  return checked(spec, [spec.whole], [whole]);
}

function split(spec: JoinedLens, source: Values, current: Values | null): LensResult {
  const form = own(spec, spec.wholeSide, source);
  if (!form.ok) return form;
  const whole = form.values[0] ?? null;
  const present = current && canonical(spec, otherSide(spec.wholeSide), current);
  if (current && present?.ok && wholeOf(spec, present.values) === whole) return { ok: true, values: current };
  const parts = whole === null ? spec.parts.map(() => null) : spec.split(String(whole), present?.ok ? asParts(present.values) : null);
  if (typeof parts === 'string') return refused(spec.whole, parts);
  if (current && present?.ok && identical(parts, present.values)) return { ok: true, values: current };
  return checked(spec, spec.parts, parts);
}

/** Canonical, and no longer than Bevatel's own fields may hold. */
function own(spec: JoinedLens, side: Side, values: Values): LensResult {
  const form = canonical(spec, side, values);
  return form.ok && side === 'bevatel' ? checked(spec, side === spec.wholeSide ? [spec.whole] : spec.parts, form.values) : form;
}

function canonical(spec: JoinedLens, side: Side, values: Values): LensResult {
  const isWhole = side === spec.wholeSide;
  const tidy = isWhole ? spec.tidyWhole : spec.tidyPart;
  const forms: Value[] = [];
  for (const [index, field] of (isWhole ? [spec.whole] : spec.parts).entries()) {
    const value = values[index] ?? null;
    const form = canonicalText(!isWhole && spec.listed && typeof value === 'object' && value !== null ? spec.listed(value) : value);
    if (!form.ok) return refused(field, form.reason);
    forms.push(form.value === null ? null : tidy(String(form.value)) || null);
  }
  return { ok: true, values: forms };
}

function wholeOf(spec: JoinedLens, parts: Values): string | null {
  const joined = spec.join(asParts(parts));
  return joined === null ? null : spec.tidyWhole(joined) || null;
}

function checked(spec: JoinedLens, fields: readonly string[], values: Values): LensResult {
  for (const [index, field] of fields.entries()) {
    const limit = spec.maxLength.get(field);
    if (limit !== undefined && isLonger(values[index] ?? null, limit)) return refused(field, 'max_length');
  }
  return { ok: true, values };
}

function asParts(values: Values): Parts {
  return values.map((value) => (value === null ? null : String(value)));
}
