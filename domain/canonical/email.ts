/**
 * E-mail addresses: lower case, in the form that mail systems accept (RFC 5321 lengths, dot-atom local part,
 * internationalised letters allowed, no quoted local parts and no address literals).
 *
 * Lower case throughout: HubSpot stores them so (fact sheet §7), and no mail system in use tells addresses apart by case.
 */
import type { Value } from '../../schemas/value.ts';
import { invalid, valid } from './form.ts';
import type { Canonical } from './form.ts';
import { canonicalText, codePoints } from './text.ts';

const LOCAL = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
const LABEL = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?$/u;

export function canonicalEmail(value: Value): Canonical {
  if (typeof value !== 'string') return value === null || (Array.isArray(value) && value.length === 0) ? valid(null) : invalid('type');
  const text = canonicalText(value);
  if (!text.ok || text.value === null) return text;
  const address = String(text.value).toLowerCase().normalize('NFC');
  return isAddress(address) ? valid(address) : invalid('email');
}

function isAddress(address: string): boolean {
  const at = address.lastIndexOf('@');
  if (at < 1 || codePoints(address) > 254) return false;
  const local = address.slice(0, at);
  const labels = address.slice(at + 1).split('.');
  return codePoints(local) <= 64 && LOCAL.test(local) && labels.length >= 2 && labels.every((label) => label.length <= 63 && LABEL.test(label));
}
