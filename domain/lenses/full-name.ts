/**
 * A full name in one field ↔ first and last name in two, in either direction.
 *
 * The complement: if joining the first and last name that stand there already gives the full name, the split is kept,
 * wherever its border lies. Blanks between words count once and invisible marks at a word's ends not at all, here and
 * only here, because a split cannot keep them.
 */
import type { Lens, LensResult, Values } from '../lens.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { isLonger } from '../canonical/rule.ts';
import { canonicalText } from '../canonical/text.ts';
import { refused } from './one-to-one.ts';
import { joinName, singleSpaced, splitName } from './person-name.ts';
import type { NameParts } from './person-name.ts';

export interface FullNameLens {
  /** The side whose one field holds the full name. */
  readonly fullSide: Side;
  readonly full: string;
  readonly first: string;
  readonly last: string;
  /** Longest text by field, in code points. */
  readonly maxLength: ReadonlyMap<string, number>;
}

export function fullNameLens(spec: FullNameLens): Lens {
  const { fullSide } = spec;
  const splitSide = otherSide(fullSide);
  const fields = { [fullSide]: [spec.full], [splitSide]: [spec.first, spec.last] } as unknown as Record<Side, readonly string[]>;
  const write = (to: Side, source: Values, current: Values | null): LensResult =>
    (to === fullSide ? join(spec, fields, source, current) : split(spec, fields, source, current));
  return {
    name: fields.bevatel.join('+'),
    fields,
    canonical: (side, values) => names(spec, fields[side], values, side === 'bevatel'),
    toBevatel: (external, current) => write('bevatel', external, current),
    toExternal: (bevatel, current) => write('external', bevatel, current),
  };
}

function join(spec: FullNameLens, fields: Readonly<Record<Side, readonly string[]>>, source: Values, current: Values | null): LensResult {
  const from = otherSide(spec.fullSide);
  const parts = names(spec, fields[from], source, from === 'bevatel');
  if (!parts.ok) return parts;
  const full = joinName(asParts(parts.values));
  const present = current && names(spec, [spec.full], current, false);
  if (current && present?.ok && present.values[0] === full) return { ok: true, values: current };
  return checked(spec, [spec.full], [full]);
}

function split(spec: FullNameLens, fields: Readonly<Record<Side, readonly string[]>>, source: Values, current: Values | null): LensResult {
  const to = fields[otherSide(spec.fullSide)];
  const full = names(spec, [spec.full], source, spec.fullSide === 'bevatel');
  if (!full.ok) return full;
  const present = current && names(spec, to, current, false);
  const parts = splitName(full.values[0] as string | null, present?.ok ? asParts(present.values) : null);
  if (current && present?.ok && parts.first === present.values[0] && parts.last === present.values[1]) return { ok: true, values: current };
  return checked(spec, to, [parts.first, parts.last]);
}

/** Canonical names of a side; lengths are checked where `limit` says that the side's own rule holds. */
function names(spec: FullNameLens, fields: readonly string[], values: Values, limit: boolean): LensResult {
  const forms: Value[] = [];
  for (const [index, field] of fields.entries()) {
    const form = canonicalText(values[index] ?? null);
    if (!form.ok) return refused(field, form.reason);
    forms.push(form.value === null ? null : singleSpaced(String(form.value)));
  }
  return limit ? checked(spec, fields, forms) : { ok: true, values: forms };
}

function checked(spec: FullNameLens, fields: readonly string[], values: Values): LensResult {
  for (const [index, field] of fields.entries()) {
    const limit = spec.maxLength.get(field);
    if (limit !== undefined && isLonger(values[index] ?? null, limit)) return refused(field, 'max_length');
  }
  return { ok: true, values };
}

function asParts(values: Values): NameParts {
  return { first: values[0] as string | null, last: values[1] as string | null };
}
