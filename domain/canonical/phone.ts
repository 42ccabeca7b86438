/**
 * Phone numbers: E.164, valid in the numbering plan of their country (libphonenumber, full metadata).
 *
 * Understood besides the usual writings: Arabic-Indic and Persian digits, `00` for `+`, `tel:`, a plus that a
 * right-to-left text moved to the end, invisible marks in between, and numbers of the default region without a
 * country code. Extensions are not part of E.164 and are left out; the lens keeps them where they are written.
 *
 * Parsing costs 10 to 20 µs and stands in the path of every event: a number already in E.164 is only checked against
 * its plan (about 7 µs), and answers are remembered in a cache of bounded size that belongs to one rule, hence to one
 * mapping.
 */
import { PhoneNumber, parsePhoneNumberFromString } from 'libphonenumber-js/core';
import type { CountryCode } from 'libphonenumber-js/core';
import metadata from 'libphonenumber-js/metadata.max';
import type { Value } from '../../schemas/value.ts';
import { CLEARED, invalid, valid } from './form.ts';
import type { Canonical, TypeRule } from './form.ts';
import { canonicalText } from './text.ts';

const E164 = /^\+[1-9][0-9]{6,14}$/;
const MARKS = /[\u200B-\u200F\u202A-\u202E\u2060-\u2069\u061C\uFEFF]/g;
const EASTERN_DIGITS = /[\u0660-\u0669\u06F0-\u06F9]/g;
const ARABIC_EXTENSION = /\s*(?:تحويلة|تحويله|داخلي)\s*:?\s*/u;
/** No writing of a number is longer; what is longer is not parsed and not remembered. */
const LONGEST = 64;
/** About 7 MB when full. Up to half as many distinct writings are parsed only once. */
const REMEMBERED = 65_536;

export interface PhoneOptions {
  /** Region of numbers without a country code, ISO 3166-1 alpha-2; without it such numbers are invalid. */
  readonly region?: string;
  /** How many writings are remembered at most. */
  readonly remembered?: number;
}

export function phoneRule(options: PhoneOptions = {}): TypeRule {
  const known = twoGenerations(options.remembered ?? REMEMBERED);
  return (value) => {
    if (typeof value !== 'string') {
      const text = canonicalText(value);
      return !text.ok || text.value === null ? text : parse(String(text.value), options.region);
    }
    const remembered = known.get(value);
    if (remembered) return remembered;
    const answer = parse(value, options.region);
    if (value.length <= LONGEST) known.set(value, answer);
    return answer;
  };
}

/** True for a writing that names an extension: its E.164 form stands for a switchboard, not for a person. */
export function namesExtension(value: Value): boolean {
  return typeof value === 'string' && /[\p{L};,#~]/u.test(value.replace(/^\s*tel:/i, ''));
}

function parse(written: string, region: string | undefined): Canonical {
  const text = canonicalText(written);
  if (!text.ok || text.value === null) return text.ok ? CLEARED : text;
  if (written.length > LONGEST) return invalid('phone');
  if (E164.test(written) && isAssigned(written)) return valid(written);
  const options = { extract: false, ...(region === undefined ? {} : { defaultCountry: region as CountryCode }) };
  const number = parsePhoneNumberFromString(plainWriting(written), options, metadata);
  return number?.isValid() ? valid(number.number) : invalid('phone');
}

function isAssigned(e164: string): boolean {
  try {
    return new PhoneNumber(e164, metadata).isValid();
  } catch {
    // The constructor throws for country codes that nobody has.
    return false;
  }
}

/** ASCII digits, a leading plus, and nothing that only directs the text. */
function plainWriting(written: string): string {
  const digits = written.replace(MARKS, '').replace(EASTERN_DIGITS, (digit) => String(digit.charCodeAt(0) & 0xf)).trim();
  return digits
    .replace(/^tel:\s*/i, '')
    .replace(/^\(\s*(\+|00)\s*([0-9]{1,3})\s*\)/, '$1$2 ')
    .replace(/^([0-9][0-9 ()-]*)\+$/, '+$1')
    .replace(/^00/, '+')
    .replace(ARABIC_EXTENSION, ' ext. ');
}

interface Cache {
  get(key: string): Canonical | undefined;
  set(key: string, value: Canonical): void;
}

/** At most `limit` entries in two generations; what is used moves to the young one, the old one is dropped whole. */
function twoGenerations(limit: number): Cache {
  const half = Math.max(1, Math.floor(limit / 2));
  let young = new Map<string, Canonical>();
  let old = new Map<string, Canonical>();
  const set = (key: string, value: Canonical): void => {
    if (young.size >= half) {
      old = young;
      young = new Map();
    }
    young.set(key, value);
  };
  return {
    set,
    get(key) {
      const hit = young.get(key);
      if (hit) return hit;
      const aged = old.get(key);
      if (aged) set(key, aged);
      return aged;
    },
  };
}
