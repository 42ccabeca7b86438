/**
 * Options: Bevatel's values and the external system's by a map. One of them (picklist, boolean) or several (set).
 *
 * A value that the map does not have is invalid (`picklist`), or what `unknown` says: it travels as it is, it stays where
 * it is (sets), or a named option stands for it on the other side. Which one it was, its own side keeps as complement.
 */
import type { Lens } from '../lens.ts';
import type { FieldRule } from '../../schemas/contact.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { CLEARED, invalid, valid } from '../canonical/form.ts';
import type { Canonical, TypeRule } from '../canonical/form.ts';
import { picklistRule } from '../canonical/picklist.ts';
import { typeRule } from '../canonical/rule.ts';
import { canonicalText } from '../canonical/text.ts';
import { oneToOneLens } from './one-to-one.ts';

export type Unknown = 'invalid' | 'keep' | 'ignore' | { readonly to_external?: string | undefined; readonly to_bevatel?: string | undefined };

export interface OptionLens {
  readonly bevatel: string;
  readonly external: string;
  /** Type of the Bevatel field, `picklist`, `boolean` or `set`, and its options where it has a list of them. */
  readonly rule: FieldRule;
  /** Bevatel's value → the external system's internal value. Where two map to one, the first of them comes back. */
  readonly values: Readonly<Record<string, string>>;
  readonly unknown: Unknown;
  /** A Bevatel value that says the same as an empty field. */
  readonly whenEmpty?: Value | undefined;
}

export function optionLens(spec: OptionLens): Lens {
  const { bevatel, external, rule, values, unknown } = spec;
  const rules = rulesOf(spec);
  const pairs = Object.entries(values);
  const out = crossing(pairs, unknown, 'to_external');
  const back = crossing(pairs.toReversed().map(([own, other]) => [other, own]), unknown, 'to_bevatel');
  const across = rule.type === 'set'
    ? { bevatel: eachOf(out, back), external: eachOf(back, out) }
    : { bevatel: oneOf(out), external: fitting(oneOf(back), rules.bevatel) };
  const whenEmpty = spec.whenEmpty === undefined ? null : rules.bevatel(spec.whenEmpty);
  return oneToOneLens({
    bevatel, external, rules, across, maxLength: {},
    ...(whenEmpty?.ok ? { whenEmpty: whenEmpty.value } : {}),
    ...(unknown === 'invalid' || unknown === 'keep' ? {} : { loses: 'unknown_option' }),
  });
}

/** Values outside the map are invalid as such, unless there is a rule for them; an option that Bevatel's field lacks always is. */
function rulesOf({ rule, values, unknown }: OptionLens): Readonly<Record<Side, TypeRule>> {
  if (rule.type === 'set') return { bevatel: typeRule(rule), external: typeRule(rule) };
  const isOpen = unknown !== 'invalid';
  const external = isOpen ? canonicalText : picklistRule(Object.values(values));
  if (rule.type === 'boolean') return { bevatel: typeRule(rule), external };
  if (isOpen) return { bevatel: rule.options ? picklistRule(rule.options) : canonicalText, external };
  return { bevatel: picklistRule(Object.keys(values)), external };
}

/** What one option is on the other side; null for one that stays where it is. */
type Crossing = (option: string) => Canonical | null;

const UNKNOWN = invalid('picklist');

function crossing(pairs: readonly (readonly [string, string])[], unknown: Unknown, direction: 'to_external' | 'to_bevatel'): Crossing {
  const known = new Map(pairs.map(([from, to]) => [from, valid(to)]));
  const taken = new Set(pairs.map(([, to]) => to));
  return (option) => known.get(option) ?? outside(option);

  function outside(option: string): Canonical | null {
    if (unknown === 'ignore') return null;
    // What travels as it is must not come back as another option.
    if (unknown === 'keep') return taken.has(option) ? UNKNOWN : valid(option);
    const standIn = unknown === 'invalid' ? undefined : unknown[direction];
    return standIn === undefined ? UNKNOWN : valid(standIn);
  }
}

function oneOf(cross: Crossing): (value: Value) => Canonical {
  return (value) => (value === null ? CLEARED : cross(String(value)) ?? UNKNOWN);
}

/** In the form of the side that it comes to: text becomes a boolean there, and an option has to be one of that side. */
function fitting(cross: (value: Value) => Canonical, rule: TypeRule): (value: Value) => Canonical {
  return (value) => {
    const form = cross(value);
    return form.ok ? rule(form.value) : form;
  };
}

/** Each item crosses; those that stay where they are stay on the other side too. */
function eachOf(cross: Crossing, back: Crossing): (value: Value, present: Value) => Canonical {
  return (value, present) => {
    const items = new Set(itemsOf(present).filter((item) => back(item) === null));
    for (const item of itemsOf(value)) {
      const form = cross(item);
      if (form?.ok === false) return form;
      if (form) items.add(String(form.value));
    }
    return items.size === 0 ? CLEARED : valid([...items].sort());
  };
}

/** Of a canonical set. */
function itemsOf(value: Value): readonly string[] {
  return typeof value === 'object' && value !== null ? value : [];
}
