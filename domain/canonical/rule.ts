/** The canonical form by field type (schemas/contact.ts), with the maximum length where the field has one. */
import type { FieldRule } from '../../schemas/contact.ts';
import type { Value } from '../../schemas/value.ts';
import { canonicalEmail } from './email.ts';
import { invalid } from './form.ts';
import type { TypeRule } from './form.ts';
import { phoneRule } from './phone.ts';
import { picklistRule } from './picklist.ts';
import { canonicalBoolean, canonicalDate, canonicalDatetime, canonicalNumber } from './scalar.ts';
import { canonicalSet } from './set.ts';
import { canonicalText, codePoints } from './text.ts';
import { canonicalUrl } from './url.ts';
import { zonedDatetime } from './zone.ts';

/** What a mapping says of values that do not say it themselves. */
export interface Hints {
  /** Of phone numbers without a country code, ISO 3166-1 alpha-2. */
  readonly region?: string | undefined;
  /** Of times without an offset, IANA. */
  readonly zone?: string | undefined;
}

/** The rule of a field without its length: what its values mean. */
export function typeRule(rule: FieldRule, { region, zone }: Hints = {}): TypeRule {
  switch (rule.type) {
    case 'text': return canonicalText;
    case 'phone': return phoneRule(region === undefined ? {} : { region });
    case 'email': return canonicalEmail;
    case 'url': return canonicalUrl;
    case 'boolean': return canonicalBoolean;
    case 'number': return canonicalNumber;
    case 'date': return canonicalDate;
    case 'datetime': return zone === undefined ? canonicalDatetime : zonedDatetime(zone);
    case 'picklist': return picklistRule(rule.options ?? []);
    case 'set': return canonicalSet;
    default: return rule.type satisfies never;
  }
}

/** The same with the length of the canonical form checked. */
export function limited(rule: TypeRule, maxLength: number | undefined): TypeRule {
  if (maxLength === undefined) return rule;
  return (value) => {
    const form = rule(value);
    return form.ok && isLonger(form.value, maxLength) ? invalid('max_length') : form;
  };
}

/** In code points; only text has a length. */
export function isLonger(value: Value, maxLength: number): boolean {
  return typeof value === 'string' && value.length > maxLength && codePoints(value) > maxLength;
}
