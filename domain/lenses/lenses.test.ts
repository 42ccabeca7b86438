import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Values } from '../lens.ts';
import { translate } from '../lens.ts';
import type { Lens } from '../lens.ts';
import { zFieldMapping } from '../../schemas/integration.ts';
import { lensOf } from './lens-of.ts';

/** Of an entry as it stands in an integration file. */
const lensFor = (entry: object): Lens => lensOf(zFieldMapping.parse(entry));
const good = (...values: Values) => ({ ok: true, values });
const bad = (field: string, reason: string) => ({ ok: false, field, reason });

describe('text', () => {
  const lens = lensFor({ bevatel: 'contact_first_name', external: 'firstname', maxLength: 5 });
  it('writes nothing longer than the mapping allows, counted in code points', () => {
    expect(lens.toExternal(['😀😀😀😀😀'], null)).toEqual(good('😀😀😀😀😀'));
    expect(lens.toExternal(['abcdef'], null)).toEqual(bad('firstname', 'max_length'));
    expect(lens.toBevatel(['abcdef'], null)).toEqual(bad('contact_first_name', 'max_length'));
  });
  it('refuses in Bevatel what its own field cannot hold', () => {
    expect(lens.canonical('bevatel', ['x'.repeat(101)])).toEqual(bad('contact_first_name', 'max_length'));
    expect(lens.canonical('external', ['x'.repeat(101)])).toEqual(good('x'.repeat(101)));
  });
  it('compares tags as a set and keeps their writing', () => {
    const tags = lensFor({ bevatel: 'tags', external: 'labels' });
    expect(tags.toExternal([['vip', 'ar']], ['vip;ar'])).toEqual(good('vip;ar'));
    expect(tags.toExternal([['vip', 'ar']], ['vip'])).toEqual(good(['ar', 'vip']));
  });
});

describe('phone and e-mail', () => {
  const phone = lensFor({ bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' });
  const email = lensFor({ bevatel: 'email', external: 'email', lens: 'email' });
  it('I3: does not rewrite another writing of the same number', () => {
    expect(phone.toExternal(['+966501234567'], ['050 123 4567'])).toEqual(good('050 123 4567'));
    expect(phone.toExternal(['+966501234567'], ['050 123 4568'])).toEqual(good('+966501234567'));
    expect(email.toBevatel(['A@B.de'], ['a@b.de'])).toEqual(good('a@b.de'));
  });
  it('clears what was cleared, and refuses what is invalid', () => {
    expect(phone.toExternal([null], ['050 123 4567'])).toEqual(good(null));
    expect(phone.toBevatel(['12'], ['+966501234567'])).toEqual(bad('phone', 'phone'));
    expect(email.toBevatel(['nobody'], null)).toEqual(bad('email', 'email'));
  });
  it('replaces a present value that is invalid', () => {
    expect(phone.toExternal(['+966501234567'], ['12'])).toEqual(good('+966501234567'));
  });
});

describe('picklist', () => {
  const lens = lensFor({ bevatel: 'consent', external: 'consent__c', lens: 'picklist', values: { opted_in: 'Yes', opted_out: 'No' } });
  it.each([
    ['bevatel', 'opted_in', good('Yes')], ['external', 'No', good('opted_out')], ['bevatel', null, good(null)], ['external', '', good(null)],
    ['bevatel', 'unknown', bad('consent', 'picklist')], ['external', 'yes', bad('consent__c', 'picklist')],
  ] as const)('%s %j', (from, value, expected) => expect(translate(lens, from, [value], null)).toEqual(expected));
});

describe('options', () => {
  const keep = lensFor({ bevatel: 'language', external: 'hs_language', lens: 'picklist', values: { ar: 'ar-sa', en: 'fr' }, unknown: 'keep' });
  const standIns = lensFor({ bevatel: 'consent', external: 'c', lens: 'picklist', values: { opted_in: 'Yes', opted_out: 'No' }, unknown: { to_external: 'Unclear', to_bevatel: 'unknown' } });
  const outward = lensFor({ bevatel: 'language', external: 'c', lens: 'picklist', direction: 'to_external', values: { ar: 'Arabic', 'ar-SA': 'Arabic' } });
  const answer = lensFor({ bevatel: 'custom.vip', external: 'vip', lens: 'boolean', values: { true: 'نعم', false: 'لا' } });
  it.each<[string, Lens, 'bevatel' | 'external', Values[number], Values[number] | undefined, object]>([
    ['keep: an unknown value travels as it is', keep, 'bevatel', 'de', undefined, good('de')],
    ['keep: and comes back', keep, 'external', 'de', undefined, good('de')],
    ['keep: but never as another option', keep, 'bevatel', 'fr', undefined, bad('language', 'picklist')],
    ['a stand-in goes out', standIns, 'bevatel', 'unknown', undefined, good('Unclear')],
    ['a stand-in comes in', standIns, 'external', 'Perhaps', undefined, good('unknown')],
    ['which option it was is kept', standIns, 'bevatel', 'unknown', 'Perhaps', good('Perhaps')],
    ['a known value replaces it', standIns, 'bevatel', 'opted_in', 'Perhaps', good('Yes')],
    ['what Bevatel has no option for stays invalid', standIns, 'bevatel', 'maybe', undefined, bad('consent', 'picklist')],
    ['two to one on the way out', outward, 'bevatel', 'ar-SA', undefined, good('Arabic')],
    ['and what stands is not rewritten', outward, 'external', 'Arabic', 'ar-SA', good('ar-SA')],
    ['a boolean in words', answer, 'bevatel', true, undefined, good('نعم')],
    ['words as a boolean', answer, 'external', 'لا', undefined, good(false)],
    ['other words', answer, 'external', 'ربما', undefined, bad('vip', 'picklist')],
  ])('%s', (_what, lens, from, value, present, expected) => expect(translate(lens, from, [value], present === undefined ? null : [present])).toEqual(expected));
});

describe('set', () => {
  const mapped = lensFor({ bevatel: 'tags', external: 'segments', lens: 'set', values: { vip: 'VIP', ar: 'Arabic' } });
  const ignoring = lensFor({ bevatel: 'tags', external: 'segments', lens: 'set', values: { vip: 'VIP', ar: 'Arabic' }, unknown: 'ignore' });
  it('reads lists that are joined by semicolons, and maps each item', () => {
    expect(mapped.toBevatel([' Arabic;VIP;VIP '], null)).toEqual(good(['ar', 'vip']));
    expect(mapped.toExternal([['vip']], null)).toEqual(good(['VIP']));
    expect(mapped.toExternal([['vip', 'new']], null)).toEqual(bad('tags', 'picklist'));
    expect(mapped.toExternal([[]], ['VIP'])).toEqual(good(null));
  });
  it('ignore: each side keeps the items that the other has no option for', () => {
    expect(ignoring.toExternal([['vip', 'mine']], ['Arabic;theirs'])).toEqual(good(['VIP', 'theirs']));
    expect(ignoring.toBevatel(['Arabic;theirs'], [['mine', 'vip']])).toEqual(good(['ar', 'mine']));
    expect(ignoring.toBevatel(['VIP;theirs'], [['mine', 'vip']])).toEqual(good(['mine', 'vip']));
    expect(ignoring.toBevatel([''], [['mine', 'vip']])).toEqual(good(['mine']));
  });
  it('may be one text on a side that holds no lists, as Bevatel\'s custom attributes', () => {
    const lens = lensFor({ bevatel: 'custom.interests', external: 'interests', lens: 'set' });
    expect(lens.toBevatel(['b;a'], ['b; a'])).toEqual(good('b; a'));
    expect(lens.canonical('bevatel', ['a;b'])).toEqual(good(['a', 'b']));
  });
});

describe('days and instants', () => {
  const riyadh = lensFor({ bevatel: 'custom.joined', external: 'joined_at', lens: 'datetime', dateOnly: 'bevatel', zone: 'Asia/Riyadh' });
  const cairo = lensFor({ bevatel: 'custom.joined', external: 'joined_at', lens: 'datetime', dateOnly: 'bevatel', zone: 'Africa/Cairo' });
  const apia = lensFor({ bevatel: 'custom.joined', external: 'joined_at', lens: 'datetime', dateOnly: 'bevatel', zone: 'Pacific/Apia' });
  const local = lensFor({ bevatel: 'custom.seen', external: 'seen', lens: 'datetime', zone: 'Africa/Cairo' });
  it.each<[string, Lens, 'bevatel' | 'external', string, string | null, object]>([
    ['late in the evening in UTC it is the next day in Riyadh', riyadh, 'external', '2026-04-15T21:30:00Z', null, good('2026-04-16')],
    ['a day begins at its own midnight', riyadh, 'bevatel', '2026-04-16', null, good('2026-04-15T21:00:00.000Z')],
    ['the time of the day is kept', riyadh, 'bevatel', '2026-04-16', '2026-04-16T10:15:00Z', good('2026-04-16T10:15:00Z')],
    ['of another day it is not', riyadh, 'bevatel', '2026-04-17', '2026-04-16T10:15:00Z', good('2026-04-16T21:00:00.000Z')],
    ['this day begins at one o\'clock in Cairo', cairo, 'bevatel', '2026-04-24', null, good('2026-04-23T22:00:00.000Z')],
    ['this day was left out in Samoa', apia, 'bevatel', '2011-12-30', null, bad('custom.joined', 'date')],
    ['what is no day', riyadh, 'bevatel', '2026-02-30', null, bad('custom.joined', 'date')],
    ['a time without an offset is one of the zone', local, 'external', '2026-07-01T09:00', null, good('2026-07-01T06:00:00.000Z')],
    ['in winter too', local, 'external', '2026-01-01 09:00:00', null, good('2026-01-01T07:00:00.000Z')],
    ['one with an offset is not', local, 'external', '2026-07-01T09:00:00+00:00', null, good('2026-07-01T09:00:00.000Z')],
    ['the hour that comes twice is the first', local, 'external', '2026-10-29T23:30:00', null, good('2026-10-29T20:30:00.000Z')],
    ['the hour that does not come is the one after', local, 'external', '2026-04-24T00:30:00', null, good('2026-04-23T22:30:00.000Z')],
    ['an hour that no day has', local, 'external', '2026-04-24T25:00:00', null, bad('seen', 'datetime')],
  ])('%s', (_what, lens, from, value, present, expected) => expect(translate(lens, from, [value], present === null ? null : [present])).toEqual(expected));
  it('without a zone a time needs its offset', () => {
    const lens = lensFor({ bevatel: 'custom.seen', external: 'seen', lens: 'datetime' });
    expect(lens.toBevatel(['2026-07-01T09:00'], null)).toEqual(bad('seen', 'datetime'));
  });
});

describe('truncation', () => {
  const lens = lensFor({ bevatel: 'company_name', external: 'company', maxLength: 10, truncate: '…' });
  const whole = 'شركة الأفق للتجارة والمقاولات';
  it('cuts what does not fit, with the mark, and keeps the whole text where it is', () => {
    expect(lens.toExternal([whole], null)).toEqual(good('شركة الأف…'));
    expect(lens.toExternal(['exactly 10'], null)).toEqual(good('exactly 10'));
    expect(lens.toBevatel(['شركة الأف…'], [whole])).toEqual(good(whole));
    expect(lens.toExternal([whole], ['شركة الأف…'])).toEqual(good('شركة الأف…'));
  });
  it('an edit of the cut text is an edit', () => {
    expect(lens.toBevatel(['شركة الأمل'], [whole])).toEqual(good('شركة الأمل'));
    expect(lens.toBevatel(['شركة…'], [whole])).toEqual(good('شركة…'));
  });
  it('never cuts within a letter, and leaves no blank before the mark', () => {
    expect(lens.toExternal(['12345678👩‍💻tail'], null)).toEqual(good('12345678…'));
    expect(lens.toExternal(['12345678e\u0323\u0301tail'], null)).toEqual(good('12345678…'));
    expect(lens.toExternal(['1234567  tail'], null)).toEqual(good('1234567…'));
    expect(lens.toExternal([`${'😀'.repeat(9)}ab`], null)).toEqual(good(`${'😀'.repeat(9)}…`));
  });
  it('what Bevatel itself cannot hold is cut there', () => {
    expect(lens.toBevatel(['x'.repeat(300)], null)).toEqual(good(`${'x'.repeat(254)}…`));
  });
});

describe('empty: default', () => {
  const lens = lensFor({ bevatel: 'source_channel', external: 'lead_source', default: 'WhatsApp', empty: 'default' });
  it('spells the default out where something is written, and else takes it for empty', () => {
    expect(lens.toExternal([null], null)).toEqual(good('WhatsApp'));
    expect(lens.toExternal([null], ['Website'])).toEqual(good('WhatsApp'));
    expect(lens.toBevatel(['WhatsApp'], [null])).toEqual(good(null));
    expect(lens.toExternal([null], [null])).toEqual(good(null));
    expect(lens.toBevatel([null], ['Website'])).toEqual(good('WhatsApp'));
    expect(lens.toBevatel(['Website'], [null])).toEqual(good('Website'));
  });
});

describe('group', () => {
  const address = lensFor({ lens: 'group', bevatel: 'custom.address', external: ['address', 'city', 'zip'], separator: '، ' });
  it('is named after its fields, and joins what there is', () => {
    expect(address.name).toBe('custom.address');
    expect(address.toBevatel(['شارع العليا', null, '12345'], null)).toEqual(good('شارع العليا، 12345'));
    expect(address.toBevatel([null, ' ', null], ['x'])).toEqual(good(null));
  });
  it.each<[string, string | null, Values | null, Values]>([
    ['part by part', 'شارع العليا، الرياض،12345', null, ['شارع العليا', 'الرياض', '12345']],
    ['fewer parts than fields', 'شارع العليا، الرياض', null, ['شارع العليا', 'الرياض', null]],
    ['fewer, and their places are known', 'شارع الملك، 54321', ['شارع العليا', null, '12345'], ['شارع الملك', null, '54321']],
    ['more parts than fields', 'مبنى 3، شارع العليا، الرياض، 12345', null, ['مبنى 3، شارع العليا', 'الرياض', '12345']],
    ['parts that give the text already', 'شارع العليا، 12345', ['شارع العليا', null, '12345'], ['شارع العليا', null, '12345']],
    ['nothing', null, ['a', 'b', 'c'], [null, null, null]],
  ])('splits %s', (_what, text, present, expected) => expect(address.toExternal([text], present)).toEqual(good(...expected)));
  it('checks each field\'s own rule, pair by pair', () => {
    const paired = lensFor({ lens: 'group', bevatel: ['custom.street', 'company_name'], external: ['address', 'company'], maxLength: 5 });
    expect(paired.name).toBe('custom.street+company_name');
    expect(paired.toExternal([' a ', 'b'], ['x', 'b '])).toEqual(good('a', 'b '));
    expect(paired.toExternal(['a', '123456'], null)).toEqual(bad('company', 'max_length'));
  });
});

describe('template', () => {
  const title = lensFor({ lens: 'template', external: 'title', template: '{contact_first_name}[ – {company_name}]', direction: 'both' });
  const oneWay = lensFor({ lens: 'template', external: 'summary', template: '{{VIP}} {contact_first_name}{contact_last_name}[ ({tags})]' });
  it.each<[string, Lens, Values, string | null]>([
    ['all fields', title, ['سارة', 'الأفق'], 'سارة – الأفق'],
    ['without the part whose field is empty', title, ['سارة', null], 'سارة'],
    ['without its beginning', title, [null, 'الأفق'], '– الأفق'],
    ['nothing of nothing', title, [null, ' '], null],
    ['doubled braces are braces, lists are joined', oneWay, ['Sa', 'ra', ['a', 'b']], '{VIP} Sara (a, b)'],
  ])('makes text: %s', (_what, lens, values, text) => expect(lens.toExternal(values, null)).toEqual(good(text)));
  it('reads it backwards, and keeps the fields that give it already', () => {
    expect(title.toBevatel(['ليلى – الأمل'], ['سارة', 'الأفق'])).toEqual(good('ليلى', 'الأمل'));
    expect(title.toBevatel(['ليلى'], ['سارة', 'الأفق'])).toEqual(good('ليلى', null));
    expect(title.toBevatel(['a – b – c'], ['a – b', 'c'])).toEqual(good('a – b', 'c'));
    expect(title.toBevatel(['a – b – c'], null)).toEqual(good('a', 'b – c'));
  });
  it('refuses what is not of its form, and to be read where it goes one way', () => {
    const strict = lensFor({ lens: 'template', external: 'title', template: 'Dr. {contact_first_name}', direction: 'both' });
    expect(strict.toBevatel(['Sara'], null)).toEqual(bad('title', 'template'));
    expect(oneWay.toBevatel(['{VIP} Sara'], null)).toEqual(bad('summary', 'one_way'));
    expect(oneWay.toBevatel(['{VIP} Sara'], ['Sa', 'ra', null])).toEqual(good('Sa', 'ra', null));
    expect(oneWay.name).toBe('summary');
  });
});

describe('custom attributes', () => {
  it.each<[string, Values[number], object, Values[number]]>([
    ['number', ' 5.50 ', good(5.5), '5.5'], ['number', 'five', bad('x', 'number'), null],
    ['boolean', 'true', good(true), 'true'], ['url', 'https://a.b', good('https://a.b/'), 'https://a.b/'],
    ['date', '2026-04-16T00:00:00Z', good('2026-04-16'), '2026-04-16'], ['phone', '+966 50 123 4567', good('+966501234567'), '+966501234567'],
  ])('take the type of their lens: %s', (lens, outside, expected, present) => {
    const typed = lensFor({ bevatel: 'custom.x', external: 'x', lens });
    expect(typed.toBevatel([outside], null)).toEqual(expected);
    if (present !== null) expect(typed.toExternal([typed.toBevatel([outside], null)].flatMap((got) => (got.ok ? got.values : [])), [present])).toEqual(good(present));
  });
  it('a constant has the type of its value', () => {
    expect(lensFor({ lens: 'constant', bevatel: 'custom.from_crm', value: true }).toBevatel([], [null])).toEqual(good(true));
    expect(lensFor({ lens: 'constant', bevatel: 'custom.level', value: 3 }).toBevatel([], null)).toEqual(good(3));
  });
});

describe('constant', () => {
  const lens = lensFor({ lens: 'constant', external: 'source', value: 'Bevatel - WhatsApp' });
  it('fills an empty field, leaves another value, and gives nothing back', () => {
    expect(lens.fields).toEqual({ bevatel: [], external: ['source'] });
    expect(lens.toExternal([], null)).toEqual(good('Bevatel - WhatsApp'));
    expect(lens.toExternal([], [' '])).toEqual(good('Bevatel - WhatsApp'));
    expect(lens.toExternal([], ['Website'])).toEqual(good('Website'));
    expect(lens.toBevatel(['Website'], [])).toEqual(good());
    expect(lens.canonical('bevatel', [])).toEqual(good());
  });
});

describe('full name', () => {
  const lens = lensFor({ lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name' });

  it.each<[string, string, string | null]>([
    ['Ahmed', 'Ahmed', null],
    ['Ahmed Ali', 'Ahmed', 'Ali'],
    ['أحمد علي حسن', 'أحمد', 'علي حسن'],
    ['عبد الرحمن محمد', 'عبد الرحمن', 'محمد'],
    ['عبدالرحمن محمد', 'عبدالرحمن', 'محمد'],
    ['عبد الله', 'عبد الله', null],
    ['أبو بكر الصديق', 'أبو بكر', 'الصديق'],
    ['نور الدين زنكي', 'نور الدين', 'زنكي'],
    ['Abdul Rahman Al Saud', 'Abdul Rahman', 'Al Saud'],
    ['Abd Al Rahman Ali', 'Abd Al Rahman', 'Ali'],
    ['محمد بن سلمان آل سعود', 'محمد', 'بن سلمان آل سعود'],
    ['Mohammed bin Salman Al Saud', 'Mohammed', 'bin Salman Al Saud'],
    ['آل سعود', 'آل سعود', null],
    ['د. محمد علي', 'د. محمد', 'علي'],
    ['م. سارة', 'م. سارة', null],
    ['Dr. Eng. Sara Al Saud', 'Dr. Eng. Sara', 'Al Saud'],
    ['Dr.', 'Dr.', null],
    ['  Sara \u00A0 Ali\u200F ', 'Sara', 'Ali'],
    ['👩‍💻 Sara', '👩‍💻', 'Sara'],
    ['السيد محمد', 'السيد محمد', null],
    ['الحاج عبد الله', 'الحاج عبد الله', null],
    ['د. عبد الله آل سعود', 'د. عبد الله', 'آل سعود'],
    ['د/ محمد علي', 'د/ محمد', 'علي'],
    ['سيف الإسلام محمد', 'سيف الإسلام', 'محمد'],
    ['جاد الحق علي', 'جاد الحق', 'علي'],
    ['Prof. Dr. Layla', 'Prof. Dr. Layla', null],
    ['Abu', 'Abu', null],
  ])('splits %j', (full, first, last) => {
    expect(lens.toBevatel([full], null)).toEqual(good(first, last));
    expect(lens.toExternal([first, last], [full])).toEqual(good(full));
  });

  const given = fc.constantFrom('محمد', 'سارة', 'عبد الله', 'عبدالرحمن', 'نور الدين', 'أبو بكر', 'Sara', 'Abdul Rahman', 'José');
  const titles = fc.array(fc.constantFrom('د.', 'م.', 'أ.د.', 'الدكتورة', 'الشيخ', 'السيد', 'Dr.', 'Eng.', 'Mrs.', 'Prof.'), { maxLength: 3 });
  const family = fc.array(fc.constantFrom('آل سعود', 'بن سلمان', 'علي', 'Al Saud', 'van der Berg', 'الصديق'), { maxLength: 3 });
  it('splits after the given name, whatever titles stand before it; one name alone has no last name', () => {
    fc.assert(fc.property(titles, given, family, (before, name, rest) => {
      const first = [...before, name].join(' ');
      expect(lens.toBevatel([[first, ...rest].join(' ')], null)).toEqual(good(first, rest.length === 0 ? null : rest.join(' ')));
    }));
  });

  it('keeps a split that gives the name already, wherever its border lies', () => {
    expect(lens.toBevatel(['Ana María López'], ['Ana María', 'López'])).toEqual(good('Ana María', 'López'));
    expect(lens.toBevatel([' Ana  María López '], ['Ana María', 'López'])).toEqual(good('Ana María', 'López'));
    expect(lens.toBevatel(['López'], [null, 'López'])).toEqual(good(null, 'López'));
  });

  it('keeps the border of a split when one part was edited', () => {
    expect(lens.toBevatel(['Anna María López'], ['Ana María', 'López'])).toEqual(good('Anna María', 'López'));
    expect(lens.toBevatel(['Ana María García'], ['Ana María', 'López'])).toEqual(good('Ana María', 'García'));
  });

  it('joins what there is, and clears when both parts are gone', () => {
    expect(lens.toExternal(['Sara', null], null)).toEqual(good('Sara'));
    expect(lens.toExternal([null, 'Ali'], null)).toEqual(good('Ali'));
    expect(lens.toExternal([null, ''], ['Sara Ali'])).toEqual(good(null));
    expect(lens.toBevatel([''], ['Sara', 'Ali'])).toEqual(good(null, null));
  });

  it('refuses what does not fit, naming the field', () => {
    expect(lens.toBevatel([`${'x'.repeat(101)} y`], null)).toEqual(bad('contact_first_name', 'max_length'));
    expect(lens.toBevatel([['a']], null)).toEqual(bad('name', 'type'));
  });

  it('works the other way round: one field in Bevatel, two in the external system', () => {
    const other = lensFor({ lens: 'full_name', bevatel: 'contact_first_name', external: ['firstname', 'lastname'] });
    expect(other.name).toBe('contact_first_name');
    expect(other.toExternal(['عبد الرحمن محمد'], null)).toEqual(good('عبد الرحمن', 'محمد'));
    expect(other.toExternal(['Ana María López'], ['Ana María', 'López'])).toEqual(good('Ana María', 'López'));
    expect(other.toBevatel(['Sara', 'Ali'], ['Sara Hassan'])).toEqual(good('Sara Ali'));
    expect(other.toBevatel(['x'.repeat(60), 'y'.repeat(60)], null)).toEqual(bad('contact_first_name', 'max_length'));
  });
});
