/** Picklists: the exact internal value ("New", not "new": requirements document 000, §6.3). Reason `picklist`. */
import { invalid } from './form.ts';
import type { TypeRule } from './form.ts';
import { canonicalText } from './text.ts';

export function picklistRule(options: readonly string[]): TypeRule {
  const known = new Set(options);
  return (value) => {
    const text = canonicalText(value);
    if (!text.ok || text.value === null) return text;
    return known.has(String(text.value)) ? text : invalid('picklist');
  };
}
