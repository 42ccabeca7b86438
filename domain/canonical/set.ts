/**
 * Sets (tags): trimmed, without doubles, in code unit order, so that order and repetition never look like an edit.
 *
 * A string is a list joined by `;`, as HubSpot keeps multiple checkboxes (fact sheet §7); an item holding a `;`
 * therefore stands for several.
 */
import type { Value } from '../../schemas/value.ts';
import { CLEARED, invalid, valid } from './form.ts';
import type { Canonical } from './form.ts';
import { canonicalText } from './text.ts';

export function canonicalSet(value: Value): Canonical {
  if (value === null) return CLEARED;
  if (typeof value === 'boolean' || typeof value === 'number') return invalid('type');
  const items = new Set<string>();
  for (const part of typeof value === 'string' ? value.split(';') : value.flatMap((item) => item.split(';'))) {
    const text = canonicalText(part);
    if (!text.ok) return text;
    if (text.value !== null) items.add(String(text.value));
  }
  return items.size === 0 ? CLEARED : valid([...items].sort());
}
