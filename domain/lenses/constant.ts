/**
 * A constant: one side gets a fixed value where it has none; the other side takes no part.
 *
 * It fills and never overwrites: what stands in the field is the complement. So a lead source that somebody corrected
 * in the external system stays corrected, and the laws hold for every field that is not empty.
 * The group on the other side has no fields; its values are the empty list.
 */
import type { Lens, LensResult, Values } from '../lens.ts';
import type { Side, Value } from '../../schemas/value.ts';
import type { Canonical, TypeRule } from '../canonical/form.ts';
import { isLonger } from '../canonical/rule.ts';
import { refused } from './one-to-one.ts';

export interface ConstantLens {
  /** The side that gets the value, and its field. */
  readonly side: Side;
  readonly field: string;
  readonly value: Value;
  readonly rule: TypeRule;
  readonly maxLength?: number | undefined;
}

const NOTHING: LensResult = { ok: true, values: [] };

export function constantLens(spec: ConstantLens): Lens {
  const { side, field } = spec;
  const put = (current: Values | null): LensResult => fill(spec, current);
  const get = (): LensResult => NOTHING;
  return {
    name: field,
    fields: { bevatel: side === 'bevatel' ? [field] : [], external: side === 'external' ? [field] : [] },
    canonical: (of, values) => (of === side ? asResult(field, spec.rule(values[0] ?? null)) : NOTHING),
    toBevatel: side === 'bevatel' ? (_external, current) => put(current) : get,
    toExternal: side === 'external' ? (_bevatel, current) => put(current) : get,
  };
}

function fill(spec: ConstantLens, current: Values | null): LensResult {
  if (current) {
    const present = spec.rule(current[0] ?? null);
    if (!present.ok || present.value !== null) return { ok: true, values: current };
  }
  const form = spec.rule(spec.value);
  if (form.ok && spec.maxLength !== undefined && isLonger(form.value, spec.maxLength)) return refused(spec.field, 'max_length');
  return asResult(spec.field, form);
}

function asResult(field: string, form: Canonical): LensResult {
  return form.ok ? { ok: true, values: [form.value] } : refused(field, form.reason);
}
