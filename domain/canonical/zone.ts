/**
 * Days and instants in a time zone (IANA name, which the integration file gives and its rules have checked).
 *
 * Temporal knows what plain arithmetic gets wrong: days that begin at one o'clock (Cairo in April), hours that come
 * twice, and the day that Samoa left out.
 */
import { Temporal } from 'temporal-polyfill';
import type { Value } from '../../schemas/value.ts';
import { invalid } from './form.ts';
import type { Canonical, TypeRule } from './form.ts';
import { canonicalDate, canonicalDatetime } from './scalar.ts';
import { canonicalText } from './text.ts';

const LOCAL = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?$/;

/** As canonicalDatetime; a time without an offset is one of the zone. Of an hour that comes twice the first is meant. */
export function zonedDatetime(zone: string): TypeRule {
  return (value: Value) => {
    const text = typeof value === 'string' ? canonicalText(value) : null;
    if (!text?.ok || typeof text.value !== 'string' || !LOCAL.test(text.value)) return canonicalDatetime(value);
    try {
      return canonicalDatetime(Temporal.PlainDateTime.from(text.value.replace(' ', 'T')).toZonedDateTime(zone).epochMilliseconds);
    } catch {
      // A day or an hour that no calendar has.
      return invalid('datetime');
    }
  };
}

/** The day on which a canonical instant falls in the zone. */
export function dayOf(instant: string, zone: string): Canonical {
  return canonicalDate(Temporal.Instant.fromEpochMilliseconds(Date.parse(instant)).toZonedDateTimeISO(zone).toPlainDate().toString());
}

/** The instant at which a canonical day begins in the zone; invalid where the zone left the day out. */
export function startOfDay(day: string, zone: string): Canonical {
  const start = Temporal.PlainDate.from(day).toZonedDateTime(zone);
  return start.toPlainDate().toString() === day ? canonicalDatetime(start.epochMilliseconds) : invalid('date');
}
