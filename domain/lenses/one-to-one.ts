/**
 * The shape that all one-field-to-one-field lenses share: canonicalise, translate, keep what is equivalent already.
 *
 * "050 123 4567" in the external system is not rewritten to "+966501234567" when Bevatel holds the same number:
 * what stands there is the lens's complement.
 */
import type { Lens, LensResult, Values } from '../lens.ts';
import { sameValue } from '../../schemas/value.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { isLonger } from '../canonical/rule.ts';
import type { Canonical, InvalidReason, TypeRule } from '../canonical/form.ts';

export interface OneToOne {
  readonly bevatel: string;
  readonly external: string;
  /** Canonical form by side. */
  readonly rules: Readonly<Record<Side, TypeRule>>;
  /** Longest text that may be written there, in code points. */
  readonly maxLength: Readonly<Partial<Record<Side, number>>>;
  /** A canonical value of one side as the other side's; both sides hold the same where it is left out. */
  readonly across?: Readonly<Record<Side, (value: Value) => Canonical>>;
}

export function oneToOneLens(spec: OneToOne): Lens {
  return {
    name: spec.bevatel,
    fields: { bevatel: [spec.bevatel], external: [spec.external] },
    canonical: (side, values) => result(spec[side], spec.rules[side](values[0] ?? null)),
    toBevatel: (external, current) => carry(spec, 'external', 'bevatel', external, current),
    toExternal: (bevatel, current) => carry(spec, 'bevatel', 'external', bevatel, current),
  };
}

function carry(spec: OneToOne, from: Side, to: Side, values: Values, current: Values | null): LensResult {
  const source = spec.rules[from](values[0] ?? null);
  const target = source.ok && spec.across ? spec.across[from](source.value) : source;
  if (!target.ok) return refused(spec[from], target.reason);
  if (current && isForm(spec.rules[to], current[0] ?? null, target.value)) return { ok: true, values: current };
  const limit = spec.maxLength[to];
  if (limit !== undefined && isLonger(target.value, limit)) return refused(spec[to], 'max_length');
  return { ok: true, values: [target.value] };
}

function isForm(rule: TypeRule, present: Value, wanted: Value): boolean {
  const form = rule(present);
  return form.ok && sameValue(form.value, wanted);
}

function result(field: string, form: Canonical): LensResult {
  return form.ok ? { ok: true, values: [form.value] } : refused(field, form.reason);
}

export function refused(field: string, reason: InvalidReason): LensResult {
  return { ok: false, field, reason };
}
