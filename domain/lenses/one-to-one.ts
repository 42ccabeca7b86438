/**
 * The shape that all one-field-to-one-field lenses share: canonicalise, bring across, keep what says the same already.
 *
 * "050 123 4567" in the external system is not rewritten to "+966501234567" when Bevatel holds the same number, and a
 * whole text is not overwritten by its own beginning: what stands there is the lens's complement. It stays where it is
 * the value in another writing, or where it, brought across, gives the value that it would be replaced by.
 */
import type { Lens, LensResult, Loss, Values } from '../lens.ts';
import { otherSide, sameValue } from '../../schemas/value.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { isLonger } from '../canonical/rule.ts';
import { invalid, valid } from '../canonical/form.ts';
import type { Canonical, InvalidReason, TypeRule } from '../canonical/form.ts';

type Valid = Extract<Canonical, { ok: true }>;

export interface OneToOne {
  readonly bevatel: string;
  readonly external: string;
  /** Canonical form by side. */
  readonly rules: Readonly<Record<Side, TypeRule>>;
  /** Longest text that may be written there, in code points. */
  readonly maxLength: Readonly<Partial<Record<Side, number>>>;
  /** Makes a text that is longer fit; without it such a text is refused. */
  readonly cut?: ((text: string, maxLength: number) => string) | undefined;
  /**
   * A canonical value of one side as the other side's; both sides hold the same where it is left out. `present` is
   * the canonical value that stands on the other side, null where nothing does or nothing is known.
   */
  readonly across?: Readonly<Record<Side, (value: Value, present: Value) => Canonical>> | undefined;
  /** Bevatel's canonical value that says the same as an empty field. */
  readonly whenEmpty?: Value | undefined;
  /** The form in which two canonical values of a side are compared, where that is coarser than what is written. */
  readonly compared?: ((value: Value) => Value) | undefined;
  readonly loses?: Loss | undefined;
}

export function oneToOneLens(spec: OneToOne): Lens {
  return {
    name: spec.bevatel,
    fields: { bevatel: [spec.bevatel], external: [spec.external] },
    canonical: (side, values) => result(spec[side], comparable(spec, spec.rules[side](values[0] ?? null))),
    toBevatel: (external, current) => carry(spec, 'external', external, current),
    toExternal: (bevatel, current) => carry(spec, 'bevatel', bevatel, current),
    ...(spec.loses ? { loses: spec.loses } : {}),
  };
}

function carry(spec: OneToOne, from: Side, values: Values, current: Values | null): LensResult {
  const to = otherSide(from);
  const source = spec.rules[from](values[0] ?? null);
  if (!source.ok) return refused(spec[from], source.reason);
  const present = current ? spec.rules[to](current[0] ?? null) : null;
  const crossed = cross(spec, from, source, present?.ok ? present.value : null);
  const target = fit(spec, to, crossed);
  if (current && present?.ok && (isValue(spec, crossed, present.value) || isValue(spec, target, present.value) || saysSame(spec, to, present, source.value))) return { ok: true, values: current };
  if (!target.ok) return refused(target.reason === 'max_length' ? spec[to] : spec[from], target.reason);
  return { ok: true, values: [target.value] };
}

function cross({ whenEmpty, across }: OneToOne, from: Side, source: Valid, present: Value): Canonical {
  const given = source.value === null && whenEmpty !== undefined ? valid(whenEmpty) : source;
  // The default is Bevatel's own value already.
  if (given !== source && from === 'external') return given;
  return across ? across[from](given.value, present) : given;
}

function fit(spec: OneToOne, to: Side, target: Canonical): Canonical {
  const limit = spec.maxLength[to];
  if (!target.ok || limit === undefined || !isLonger(target.value, limit)) return target;
  return spec.cut && typeof target.value === 'string' ? valid(spec.cut(target.value, limit)) : invalid('max_length');
}

/** What stands there, brought across, is the source: the lens tells the two apart only there. */
function saysSame(spec: OneToOne, to: Side, present: Valid, source: Value): boolean {
  if (present.value === null && source === null) return true;
  return isValue(spec, fit(spec, otherSide(to), cross(spec, to, present, source)), source);
}

function isValue({ compared }: OneToOne, form: Canonical, value: Value): boolean {
  if (!form.ok) return false;
  return sameValue(form.value, value) || (compared !== undefined && sameValue(compared(form.value), compared(value)));
}

function comparable({ compared }: OneToOne, form: Canonical): Canonical {
  return form.ok && compared ? valid(compared(form.value)) : form;
}

function result(field: string, form: Canonical): LensResult {
  return form.ok ? { ok: true, values: [form.value] } : refused(field, form.reason);
}

export function refused(field: string, reason: InvalidReason): LensResult {
  return { ok: false, field, reason };
}
