/**
 * The day on one side, an instant on the other: the day on which the instant falls in the zone. From a day alone comes the
 * instant at which it begins there; the time of day is kept by the side that has it.
 */
import type { Lens } from '../lens.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { CLEARED } from '../canonical/form.ts';
import type { Canonical } from '../canonical/form.ts';
import { canonicalDate } from '../canonical/scalar.ts';
import { dayOf, startOfDay, zonedDatetime } from '../canonical/zone.ts';
import { oneToOneLens } from './one-to-one.ts';

export interface DayLens {
  readonly bevatel: string;
  readonly external: string;
  /** The side that has the day alone. */
  readonly dateOnly: Side;
  /** IANA name. */
  readonly zone: string;
  /** Bevatel's value that says the same as an empty field. */
  readonly whenEmpty?: Value | undefined;
}

export function dayLens(spec: DayLens): Lens {
  const { bevatel, external, dateOnly, zone } = spec;
  const instants = otherSide(dateOnly);
  const rules = bySide(dateOnly, canonicalDate, zonedDatetime(zone));
  const whenEmpty = spec.whenEmpty === undefined ? null : rules.bevatel(spec.whenEmpty);
  return oneToOneLens({
    bevatel, external, rules, maxLength: {}, loses: 'time_of_day',
    across: bySide(instants, crossing((instant) => dayOf(instant, zone)), crossing((day) => startOfDay(day, zone))),
    ...(whenEmpty?.ok ? { whenEmpty: whenEmpty.value } : {}),
  });
}

function bySide<T>(side: Side, own: T, other: T): Readonly<Record<Side, T>> {
  return side === 'bevatel' ? { bevatel: own, external: other } : { bevatel: other, external: own };
}

function crossing(convert: (written: string) => Canonical): (value: Value) => Canonical {
  return (value) => (value === null ? CLEARED : convert(String(value)));
}
