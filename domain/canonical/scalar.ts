/**
 * Booleans, numbers, dates and instants (requirements document 000, §6.3).
 *
 * Booleans are `true` and `false` alone; numbers are finite; a date is `YYYY-MM-DD` and exists in the calendar; an
 * instant is ISO 8601 with its offset and becomes UTC with milliseconds. A date given as an instant must be midnight
 * UTC, which is how HubSpot keeps dates (fact sheet §7).
 */
import type { Value } from '../../schemas/value.ts';
import { invalid, valid } from './form.ts';
import type { Canonical } from './form.ts';
import { canonicalText } from './text.ts';

const NUMBER = /^[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;

export function canonicalBoolean(value: Value): Canonical {
  const text = canonicalText(value);
  if (!text.ok || text.value === null) return text;
  if (text.value === 'true') return valid(true);
  return text.value === 'false' ? valid(false) : invalid('boolean');
}

export function canonicalNumber(value: Value): Canonical {
  if (typeof value === 'boolean') return invalid('number');
  const text = canonicalText(value);
  if (!text.ok || text.value === null) return text;
  const number = NUMBER.test(String(text.value)) ? Number(text.value) : NaN;
  // + 0 makes -0 and 0 one value.
  return Number.isFinite(number) ? valid(number + 0) : invalid('number');
}

export function canonicalDate(value: Value): Canonical {
  const text = typeof value === 'string' ? canonicalText(value) : canonicalDatetime(value);
  if (!text.ok || text.value === null) return text.ok ? text : invalid('date');
  const written = String(text.value);
  if (DATE.test(written)) return isDay(written) ? valid(written) : invalid('date');
  const instant = canonicalDatetime(written);
  return instant.ok && String(instant.value).endsWith('T00:00:00.000Z') ? valid(String(instant.value).slice(0, 10)) : invalid('date');
}

export function canonicalDatetime(value: Value): Canonical {
  if (typeof value === 'number') return instantOf(value);
  if (typeof value === 'boolean') return invalid('datetime');
  const text = canonicalText(value);
  if (!text.ok || text.value === null) return text.ok ? text : invalid('datetime');
  const written = String(text.value);
  return INSTANT.test(written) && isDay(written.slice(0, 10)) ? instantOf(Date.parse(written)) : invalid('datetime');
}

function isDay(day: string): boolean {
  const at = Date.parse(`${day}T00:00:00.000Z`);
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(day);
}

/** Years outside 0000–9999 have no form that both systems understand. */
function instantOf(ms: number): Canonical {
  const inRange = Number.isFinite(ms) && ms >= -62_167_219_200_000 && ms < 253_402_300_800_000;
  return inRange ? valid(new Date(ms).toISOString()) : invalid('datetime');
}
