/** What systems make of the values that they are given. */
import type { Value } from '../../schemas/value.ts';

const TRUNCATED = 24;

const NORMALISERS = {
  trims: (text: string) => text.trim().replace(/\s+/g, ' '),
  capitals: (text: string) => text.toUpperCase(),
  lower_case: (text: string) => text.toLowerCase(),
  html: (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;'),
  truncates: (text: string) => text.slice(0, TRUNCATED),
  local_phone: (text: string) => text.replace(/^(?:\+|00)966\s*/, '0').replace(/[\s()-]/g, ''),
} satisfies Record<string, (text: string) => string>;
export type NormaliserName = keyof typeof NORMALISERS;

/** Text by text; '' and null are both "empty". */
export function normalised(names: readonly NormaliserName[], value: Value): Value {
  if (typeof value !== 'string') return value;
  let text = value;
  for (const name of names) text = NORMALISERS[name](text);
  return text === '' ? null : text;
}
