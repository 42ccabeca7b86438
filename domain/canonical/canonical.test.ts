import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalEmail } from './email.ts';
import { namesExtension, phoneRule } from './phone.ts';
import { isLonger, limited, typeRule } from './rule.ts';
import { canonicalBoolean, canonicalDate, canonicalDatetime, canonicalNumber } from './scalar.ts';
import { canonicalSet } from './set.ts';
import { canonicalText, codePoints } from './text.ts';
import { canonicalUrl } from './url.ts';
import { FIELD_TYPES } from '../../schemas/contact.ts';
import type { Value } from '../../schemas/value.ts';

const good = (value: Value) => ({ ok: true, value });
const bad = (reason: string) => ({ ok: false, reason });
const RLM = '\u200F';

describe('canonical text', () => {
  it.each<[string, Value, ReturnType<typeof good>]>([
    ['trims blanks', '  Sara ', good('Sara')],
    ['strips direction marks at the ends', `${RLM}\u202Bسارة علي\u202C${RLM}`, good('سارة علي')],
    ['keeps inner blanks', 'Sara  Ali', good('Sara  Ali')],
    ['keeps inner joiners of an emoji', '👩\u200D💻 Sara', good('👩\u200D💻 Sara')],
    ['composes', 'Jose\u0301', good('José')],
    ['a no-break space is a blank', '\u00A0Sara\u00A0', good('Sara')],
    ['a number is text where text is wanted', 5, good('5')],
    ['empty', '', good(null)],
    ['blank', ' \t\u200B\uFEFF ', good(null)],
    ['empty list', [], good(null)],
    ['null', null, good(null)],
  ])('%s', (_name, value, expected) => expect(canonicalText(value)).toEqual(expected));

  it.each<[string, Value]>([['a list', ['a']], ['NUL', 'a\0b'], ['half a surrogate pair', 'a\uD83D']])('refuses %s', (_name, value) => {
    expect(canonicalText(value)).toEqual(bad('type'));
  });

  it('counts code points', () => {
    expect(codePoints('👩‍💻a')).toBe(4);
    expect(isLonger('😀'.repeat(100), 100)).toBe(false);
    expect(limited(canonicalText, 100)('😀'.repeat(101))).toEqual(bad('max_length'));
  });

  it('stays linear in long runs of inner blanks', () => {
    const text = `a${' '.repeat(2_000_000)}b`;
    expect(canonicalText(text)).toEqual(good(text));
  });
});

describe('canonical phone', () => {
  const phone = phoneRule({ region: 'SA' });
  it.each([
    '050 123 4567', '0501234567', '٠٥٠١٢٣٤٥٦٧', '۰۵۰ ۱۲۳ ۴۵۶۷', '00966501234567', '+966501234567', '+966 (0) 50 123 4567', '+966-50-123-4567',
    '(+966) 50 1234567', '(00966) 501234567', 'tel:+966-50-123-4567', '+966501234567;ext=12', '+966 50 123 4567 ext. 12', '٠٠٩٦٦٥٠١٢٣٤٥٦٧',
    '966501234567+', '\u202A+966 50 123 4567\u202C', '+966\u200F501234567', '+966501234567 تحويلة ١٢', '966501234567',
  ])('reads %j', (written) => expect(phone(written)).toEqual(good('+966501234567')));

  it.each(['12', 'call me', '+9665012345', '+966000000000', '0501234567 / 0507654321', '+999123456789', '+', `+966501234567${' '.repeat(80)}1`])('refuses %j', (written) => {
    expect(phone(written)).toEqual(bad('phone'));
  });

  it('keeps numbers of other countries, and needs a country code where no region is given', () => {
    expect(phone('+1 202-555-0123')).toEqual(good('+12025550123'));
    expect(phone('+20 100 123 4567')).toEqual(good('+201001234567'));
    expect(phoneRule()('0501234567')).toEqual(bad('phone'));
    expect(phoneRule()('00966501234567')).toEqual(good('+966501234567'));
  });

  it('answers the same whether it remembers or not', () => {
    const forgetful = phoneRule({ region: 'SA', remembered: 2 });
    const written = fc.constantFrom('0501234567', '050 123 4568', '+966501234569', '12', '', '٠٥٠١٢٣٤٥٦٧');
    fc.assert(fc.property(fc.array(written, { maxLength: 30 }), (list) => {
      for (const one of list) expect(forgetful(one)).toEqual(phoneRule({ region: 'SA' })(one));
    }), { numRuns: 50 });
  });

  it('tells a switchboard from a person', () => {
    expect(['+966112345678 ext 12', '+966112345678;ext=1', '+966112345678 تحويلة 12', '+966112345678x9'].map(namesExtension)).toEqual([true, true, true, true]);
    expect(['+966 (11) 234-5678', 'tel:+966112345678', '٠١١٢٣٤٥٦٧٨', null].map(namesExtension)).toEqual([false, false, false, false]);
  });
});

describe('canonical e-mail', () => {
  it.each([
    [' Ahmed@Example.COM ', good('ahmed@example.com')],
    [`${RLM}a.b+c@sub.example.sa`, good('a.b+c@sub.example.sa')],
    ['سارة@مثال.السعودية', good('سارة@مثال.السعودية')],
    ['', good(null)],
    ['a@b', bad('email')], ['a b@c.de', bad('email')], ['a@b..de', bad('email')], ['.a@b.de', bad('email')], ['a@@b.de', bad('email')],
    ['a@-b.de', bad('email')], ['a@b.de, c@d.de', bad('email')], [`${'a'.repeat(65)}@b.de`, bad('email')], ['@b.de', bad('email')],
  ])('%j', (written, expected) => expect(canonicalEmail(written)).toEqual(expected));
});

describe('canonical scalars, sets, urls, picklists', () => {
  it.each<[string, (value: Value) => unknown, Value, unknown]>([
    ['boolean', canonicalBoolean, 'true', good(true)],
    ['boolean', canonicalBoolean, false, good(false)],
    ['boolean', canonicalBoolean, 'yes', bad('boolean')],
    ['number', canonicalNumber, ' 12.50', good(12.5)],
    ['number', canonicalNumber, '-0', good(0)],
    ['number', canonicalNumber, '1e999', bad('number')],
    ['number', canonicalNumber, '0x10', bad('number')],
    ['date', canonicalDate, '2026-04-16', good('2026-04-16')],
    ['date', canonicalDate, '2026-02-30', bad('date')],
    ['date', canonicalDate, '2026-04-16T00:00:00Z', good('2026-04-16')],
    ['date', canonicalDate, Date.UTC(2026, 3, 16), good('2026-04-16')],
    ['date', canonicalDate, '2026-04-16T01:00:00Z', bad('date')],
    ['date', canonicalDate, '16/04/2026', bad('date')],
    ['datetime', canonicalDatetime, '2026-04-16T10:00:00+03:00', good('2026-04-16T07:00:00.000Z')],
    ['datetime', canonicalDatetime, '2026-04-16 10:00', bad('datetime')],
    ['datetime', canonicalDatetime, '2026-02-30T10:00:00Z', bad('datetime')],
    ['set', canonicalSet, ['b', ' a ', 'b', ''], good(['a', 'b'])],
    ['set', canonicalSet, 'b;a;;', good(['a', 'b'])],
    ['set', canonicalSet, [' '], good(null)],
    ['set', canonicalSet, true, bad('type')],
    ['url', canonicalUrl, 'HTTPS://App.HubSpot.com', good('https://app.hubspot.com/')],
    ['url', canonicalUrl, 'javascript:alert(1)', bad('url')],
    ['url', canonicalUrl, 'https://user:pw@example.com', bad('url')],
    ['url', canonicalUrl, 'example.com', bad('url')],
    ['picklist', typeRule({ type: 'picklist', options: ['New'] }), 'New ', good('New')],
    ['picklist', typeRule({ type: 'picklist', options: ['New'] }), 'new', bad('picklist')],
  ])('%s %#', (_type, rule, value, expected) => expect(rule(value)).toEqual(expected));
});

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom('٠', '5', '+', ' ', 'ا', RLM, '(', ';', '@', '.', 'İ', 'Σ', '-', '\0', '\uD83D') }));
const anyPhone = fc.tuple(fc.constantFrom('+', '+9665', '00', '05', '+1', '+52', '+54', '+39'), fc.stringMatching(/^[0-9]{5,12}$/)).map(([prefix, digits]) => prefix + digits);
const anyValue: fc.Arbitrary<Value> = fc.oneof(anyPhone, fc.constant(null), fc.boolean(), fc.double(), fc.integer(), anyText, fc.array(anyText), fc.webUrl(), fc.emailAddress(), fc.date({ noInvalidDate: true }).map((date) => date.toISOString()));

describe.each(FIELD_TYPES)('%s', (type) => {
  const rule = typeRule({ type, options: ['a', 'ب'] }, { region: 'SA', zone: 'Asia/Riyadh' });

  it('I5: is idempotent, total, and names its reason without the value', () => {
    fc.assert(fc.property(anyValue, (value) => {
      const once = rule(value);
      if (once.ok) expect(rule(once.value)).toEqual(once);
      else expect(once.reason).toMatch(/^[a-z_]+$/);
    }), { numRuns: 400 });
  });

  it.each<[Value]>([[null], [''], ['  \u200F '], [[]]])('turns %j into null', (value) => expect(rule(value)).toEqual(good(null)));
});
