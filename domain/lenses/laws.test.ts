import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lens, LensResult, Values } from '../lens.ts';
import { zFieldMapping } from '../../schemas/integration.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { lensOf } from './lens-of.ts';

/** Of an entry as it stands in an integration file. */
const lensFor = (entry: object): Lens => lensOf(zFieldMapping.parse(entry));

const word = fc.constantFrom('عبد', 'الرحمن', 'محمد', 'آل', 'سعود', 'بن', 'Al', 'Saud', 'Abdul', 'Rahman', 'د.', 'م.', 'Dr.', 'Eng.', 'نور', 'الدين', 'الله', 'أبو', 'José', 'Jose\u0301', '👩‍💻', '\u200Fسارة\u200F', 'O’Neill', '-', 'x'.repeat(60));
const blank = fc.constantFrom(' ', '  ', '\u00A0', '\t');
const phrase = fc.array(fc.tuple(word, blank).map((parts) => parts.join('')), { maxLength: 7 }).map((words) => words.join(''));
const text = fc.oneof(phrase, phrase, fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary', maxLength: 5 }), fc.constantFrom(null, '', ' ', '😀'.repeat(101)));
const phone = fc.oneof(
  fc.integer({ min: 500_000_00, max: 509_999_99 }).chain((tail) => fc.constantFrom(`0${tail}`, `+966${tail}0`, `05${String(tail).slice(1)}0`, `00966 ${tail}0`, `+966${tail}0 ext 5`)),
  fc.constantFrom<Value>('050 123 4567', '٠٥٠١٢٣٤٥٦٧', '+966501234567', '+1 202 555 0123', '12', null, '', 501234567, 'hello'),
);
const email = fc.oneof(fc.emailAddress(), fc.emailAddress().map((address) => ` ${address.toUpperCase()} `), fc.constantFrom<Value>(null, '', 'nobody', 'سارة@مثال.السعودية'));
const tags = fc.oneof(fc.array(phrase, { maxLength: 4 }), fc.constantFrom<Value>('b;a', 'a; b;b', '', null, []));
const number = fc.oneof(fc.integer(), fc.double(), fc.integer().map(String), fc.constantFrom<Value>(' 5 ', '5.0', '-0', '1e3', 'five', null, '', true));
const boolean = fc.constantFrom<Value>(true, false, 'true', ' false ', 'yes', '', null, 1);
const instant = fc.oneof(
  fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }).map((at) => at.toISOString()),
  fc.constantFrom<Value>('2026-04-16T23:30:00+03:00', '2026-04-16T21:00:00Z', '2026-04-16 07:00', '2026-04-24T00:00:00', '2026-03-29T02:30:00', '2011-12-30T12:00:00', 1767225600000, null, '', 'soon', '2026-02-30T00:00:00Z'),
);
const day = fc.oneof(
  fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }).map((at) => at.toISOString().slice(0, 10)),
  fc.constantFrom<Value>('2026-04-24', '2011-12-30', '2026-02-30', null, '', '2026-04-16T00:00:00Z'),
);
const option = (...values: Value[]): fc.Arbitrary<Value> => fc.oneof(fc.constantFrom(...values), fc.constantFrom<Value>('other', ' ', '', null, 'zz', 5, 'true'));
const piece = fc.oneof(word, fc.constantFrom(null, '', ',', 'Olaya St, Bldg 3', '12345', ' Riyadh ', 'a،b', ' – '));
const joinedText = fc.array(fc.oneof(word, fc.constantFrom(',', ', ', ' , ', ' – ', '(', ')', '،', ' ', 'Riyadh', '12345')), { maxLength: 9 }).map((parts) => parts.join(''));
const pair = (side: fc.Arbitrary<Value>): fc.Arbitrary<Values> => fc.tuple(side, side);
const one = (side: fc.Arbitrary<Value>): fc.Arbitrary<Values> => fc.tuple(side);

interface Case {
  readonly name: string;
  readonly lens: Lens;
  readonly bevatel: fc.Arbitrary<Values>;
  readonly external: fc.Arbitrary<Values>;
  /** The sides on which only the last of several writes counts: those that keep nothing that the other does not know. */
  readonly putPut?: readonly Side[];
  /** Compared in a coarser form than what is written. */
  readonly isFolded?: true;
  /** Cannot be read backwards. */
  readonly isOneWay?: boolean;
}

const NAME = ['contact_first_name', 'contact_last_name'];
const ADDRESS = ['address', 'city', 'zip'];
const triple = (side: fc.Arbitrary<Value>): fc.Arbitrary<Values> => fc.tuple(side, side, side);

const CASES: readonly Case[] = [
  { name: 'text', lens: lensFor({ bevatel: 'company_name', external: 'company', maxLength: 40 }), bevatel: one(text), external: one(text), putPut: ['external', 'bevatel'] },
  { name: 'text, alike in all ways', lens: lensFor({ bevatel: 'company_name', external: 'company', alike: ['case', 'blanks', 'html', 'arabic', 'digits', 'punctuation'] }), bevatel: one(text), external: one(text), isFolded: true },
  { name: 'text over a set', lens: lensFor({ bevatel: 'tags', external: 'tags' }), bevatel: one(tags), external: one(tags), putPut: ['external', 'bevatel'] },
  { name: 'text over a url', lens: lensFor({ bevatel: 'crm_url', external: 'contact_url' }), bevatel: one(fc.webUrl()), external: one(fc.oneof(fc.webUrl(), text)), putPut: ['external', 'bevatel'] },
  { name: 'text, cut outside', lens: lensFor({ bevatel: 'company_name', external: 'company', maxLength: 8, truncate: '…' }), bevatel: one(text), external: one(text.map((value) => (typeof value === 'string' ? [...value].slice(0, 8).join('') : value))), putPut: ['external'] },
  { name: 'text, where empty says the default', lens: lensFor({ bevatel: 'source_channel', external: 'lead_source', default: 'WhatsApp', empty: 'default' }), bevatel: one(option('WhatsApp', 'Website')), external: one(option('WhatsApp', 'Website')) },
  { name: 'number', lens: lensFor({ bevatel: 'custom.age', external: 'age', lens: 'number' }), bevatel: one(number), external: one(number), putPut: ['external', 'bevatel'] },
  { name: 'boolean', lens: lensFor({ bevatel: 'custom.vip', external: 'vip', lens: 'boolean' }), bevatel: one(boolean), external: one(boolean), putPut: ['external', 'bevatel'] },
  { name: 'boolean by options', lens: lensFor({ bevatel: 'custom.vip', external: 'vip', lens: 'boolean', values: { true: 'نعم', false: 'لا' } }), bevatel: one(boolean), external: one(option('نعم', 'لا')), putPut: ['external', 'bevatel'] },
  { name: 'date', lens: lensFor({ bevatel: 'custom.born', external: 'date_of_birth', lens: 'date' }), bevatel: one(day), external: one(day), putPut: ['external', 'bevatel'] },
  { name: 'datetime', lens: lensFor({ bevatel: 'custom.seen', external: 'seen', lens: 'datetime', zone: 'Africa/Cairo' }), bevatel: one(instant), external: one(instant), putPut: ['external', 'bevatel'] },
  ...['Asia/Riyadh', 'Africa/Cairo', 'Pacific/Apia', 'America/New_York'].map((zone): Case => (
    { name: `a day in Bevatel, an instant outside, ${zone}`, lens: lensFor({ bevatel: 'custom.joined', external: 'joined_at', lens: 'datetime', dateOnly: 'bevatel', zone }), bevatel: one(day), external: one(instant), putPut: ['bevatel'] }
  )),
  { name: 'an instant in Bevatel, a day outside', lens: lensFor({ bevatel: 'custom.joined', external: 'joined_on', lens: 'datetime', dateOnly: 'external', zone: 'Asia/Riyadh' }), bevatel: one(instant), external: one(day), putPut: ['external'] },
  { name: 'phone', lens: lensFor({ bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' }), bevatel: one(phone), external: one(phone), putPut: ['external', 'bevatel'] },
  { name: 'email', lens: lensFor({ bevatel: 'email', external: 'email', lens: 'email' }), bevatel: one(email), external: one(email), putPut: ['external', 'bevatel'] },
  {
    name: 'picklist',
    lens: lensFor({ bevatel: 'consent', external: 'consent__c', lens: 'picklist', values: { opted_in: 'نعم', opted_out: 'No', unknown: 'opted_in' } }),
    bevatel: one(option('opted_in', 'opted_out', 'unknown')), external: one(option('نعم', 'No', 'opted_in', 'opted_out', ' No ')), putPut: ['external', 'bevatel'],
  },
  {
    name: 'picklist that keeps unknown values',
    lens: lensFor({ bevatel: 'language', external: 'hs_language', lens: 'picklist', values: { ar: 'Arabic', en: 'zz' }, unknown: 'keep' }),
    bevatel: one(option('ar', 'en', 'fr')), external: one(option('Arabic', 'fr', 'en')), putPut: ['external', 'bevatel'],
  },
  {
    name: 'picklist with options that stand for unknown ones',
    lens: lensFor({ bevatel: 'consent', external: 'consent__c', lens: 'picklist', values: { opted_in: 'Yes', opted_out: 'No' }, unknown: { to_external: 'other', to_bevatel: 'unknown' } }),
    bevatel: one(option('opted_in', 'opted_out', 'unknown')), external: one(option('Yes', 'No', 'Perhaps', 'other')),
  },
  {
    name: 'picklist two to one, on its way out',
    lens: lensFor({ bevatel: 'language', external: 'hs_language', lens: 'picklist', direction: 'to_external', values: { ar: 'Arabic', 'ar-SA': 'Arabic', en: 'English' } }),
    bevatel: one(option('ar', 'ar-SA', 'en')), external: one(option('Arabic', 'English')), putPut: ['external'],
  },
  { name: 'set by options', lens: lensFor({ bevatel: 'tags', external: 'segments', lens: 'set', values: { vip: 'VIP', ar: 'Arabic', b: 'a' } }), bevatel: one(fc.oneof(tags, fc.constantFrom<Value>(['vip', 'ar'], ['b'], 'vip;b'))), external: one(fc.constantFrom<Value>('VIP;Arabic', ['a'], 'a;VIP', 'zz', null)), putPut: ['external', 'bevatel'] },
  {
    name: 'set by options, each side keeping its own items',
    lens: lensFor({ bevatel: 'tags', external: 'segments', lens: 'set', values: { vip: 'VIP', ar: 'Arabic' }, unknown: 'ignore' }),
    bevatel: one(fc.oneof(tags, fc.subarray(['vip', 'ar', 'Arabic', 'mine'])) as fc.Arbitrary<Value>), external: one(fc.oneof(tags, fc.subarray(['VIP', 'Arabic', 'theirs'])) as fc.Arbitrary<Value>), putPut: ['external', 'bevatel'],
  },
  { name: 'set in a custom attribute', lens: lensFor({ bevatel: 'custom.interests', external: 'interests', lens: 'set' }), bevatel: one(tags), external: one(tags), putPut: ['external', 'bevatel'] },
  { name: 'full name in the external system', lens: lensFor({ lens: 'full_name', bevatel: NAME, external: 'name' }), bevatel: pair(text), external: one(text), putPut: ['external'] },
  { name: 'full name in Bevatel', lens: lensFor({ lens: 'full_name', bevatel: 'contact_first_name', external: ['firstname', 'lastname'], maxLength: 80 }), bevatel: one(text), external: pair(text), putPut: ['bevatel'] },
  { name: 'group, as many fields on each side', lens: lensFor({ lens: 'group', bevatel: ['custom.street', 'custom.city', 'tags'], external: ['address', 'city', 'segments'] }), bevatel: fc.tuple(text, text, tags), external: fc.tuple(text, text, tags), putPut: ['external', 'bevatel'] },
  { name: 'group, one text in Bevatel', lens: lensFor({ lens: 'group', bevatel: 'custom.address', external: ADDRESS }), bevatel: one(fc.oneof(joinedText, text)), external: triple(piece), putPut: ['bevatel'] },
  { name: 'group, one text outside', lens: lensFor({ lens: 'group', bevatel: ['custom.street', 'custom.city', 'custom.zip'], external: 'address', separator: '\n', maxLength: 60 }), bevatel: triple(piece), external: one(fc.oneof(joinedText.map((value) => value.replaceAll(',', '\n')), text)), putPut: ['external'] },
  { name: 'template', lens: lensFor({ lens: 'template', external: 'title', template: '{contact_first_name} – {company_name}', direction: 'both' }), bevatel: pair(fc.oneof(piece, text)), external: one(fc.oneof(joinedText, text, fc.tuple(joinedText, joinedText).map((parts) => parts.join(' – ')))), putPut: ['external'] },
  { name: 'template with a part that may be missing', lens: lensFor({ lens: 'template', external: 'title', template: 'Dr. {contact_first_name}[ ({company_name})]', direction: 'both' }), bevatel: pair(piece), external: one(fc.oneof(joinedText, joinedText.map((value) => `Dr. ${value}`))), putPut: ['external'] },
  { name: 'template that goes one way', lens: lensFor({ lens: 'template', external: 'title', template: '{contact_first_name}{company_name}[, {tags}]' }), bevatel: fc.tuple(piece, piece, tags), external: one(fc.oneof(joinedText, text)), putPut: ['external'], isOneWay: true },
  {
    name: 'constant, where its field is not empty',
    lens: lensFor({ lens: 'constant', external: 'source', value: 'Bevatel - WhatsApp' }),
    bevatel: fc.constant([]), external: one(fc.oneof(phrase.filter((value) => value.trim() !== ''), fc.constant('Bevatel - WhatsApp'))), putPut: ['external'],
  },
];

describe.each(CASES)('$name', ({ lens, bevatel, external, isFolded, putPut = [], isOneWay = false }) => {
  const same = (side: Side, a: Values, b: Values): void => {
    const form = lens.canonical(side, b);
    if (form.ok) expect(lens.canonical(side, a)).toEqual(form);
  };
  const runs = { numRuns: 500 };

  it('is tried on values that it can translate, in each direction in which it goes', () => {
    const tried = fc.sample(fc.tuple(bevatel, external), { numRuns: 300, seed: 7 });
    const share = (results: readonly LensResult[]): number => results.filter((result) => result.ok).length / results.length;
    expect(share(tried.map(([b]) => lens.toExternal(b, null)))).toBeGreaterThan(0.2);
    if (!isOneWay) expect(share(tried.map(([, x]) => lens.toBevatel(x, null)))).toBeGreaterThan(0.2);
  });

  it('GetPut: putting back what was got changes nothing', () => {
    fc.assert(fc.property(external, fc.option(bevatel), (x, b) => {
      const got = lens.toBevatel(x, b);
      if (!got.ok) return;
      const put = lens.toExternal(got.values, x);
      if (put.ok) same('external', put.values, x);
    }), runs);
  });

  it('PutGet: getting what was put gives it back', () => {
    fc.assert(fc.property(bevatel, fc.option(external), (b, x) => {
      const put = lens.toExternal(b, x);
      if (!put.ok) return;
      const got = lens.toBevatel(put.values, b);
      if (got.ok) same('bevatel', got.values, b);
    }), runs);
  });

  it('PutGet without anything to hold on to: the way there and back loses nothing but a split', () => {
    fc.assert(fc.property(bevatel, (b) => {
      const put = lens.toExternal(b, null);
      const got = put.ok ? lens.toBevatel(put.values, null) : put;
      if (!got.ok) return;
      const again = lens.toExternal(got.values, null);
      if (again.ok && put.ok) same('external', again.values, put.values);
    }), runs);
  });

  it.each(putPut)('PutPut: of several writes to %s the last counts', (side) => {
    const put = (from: Values, current: Values | null): LensResult => (side === 'external' ? lens.toExternal(from, current) : lens.toBevatel(from, current));
    const [source, target] = side === 'external' ? [bevatel, external] : [external, bevatel];
    fc.assert(fc.property(source, source, fc.option(target), (first, second, present) => {
      const once = put(second, present);
      const before = put(first, present);
      const twice = before.ok ? put(second, before.values) : before;
      if (once.ok && twice.ok) same(side, twice.values, once.values);
    }), runs);
  });

  it('what is canonical already stays, and what is written is canonical where it was written', () => {
    fc.assert(fc.property(bevatel, external, (b, x) => {
      for (const [side, values] of [['bevatel', b], ['external', x]] as const) {
        const form = lens.canonical(side, values);
        if (form.ok) expect(lens.canonical(side, form.values)).toEqual(form);
      }
      for (const [side, written] of [['bevatel', lens.toBevatel(x, null)], ['external', lens.toExternal(b, null)]] as const) {
        const form = written.ok ? lens.canonical(side, written.values) : written;
        if (written.ok && isFolded !== true) expect(form).toEqual(written);
      }
    }), runs);
  });

  it('keeps what stands there if it is the same already', () => {
    fc.assert(fc.property(bevatel, external, (b, x) => {
      const put = lens.toExternal(b, x);
      const form = put.ok ? lens.canonical('external', put.values) : put;
      if (put.ok && form.ok && isSame(form, lens.canonical('external', x))) expect(put.values).toEqual(x);
    }), runs);
  });

  it('I11: a refusal names the field and the rule, not the value', () => {
    fc.assert(fc.property(bevatel, external, (b, x) => {
      for (const refusal of [lens.toExternal(b, null), lens.toBevatel(x, null)].filter((answer) => !answer.ok)) {
        expect(Object.values(lens.fields).flat()).toContain(refusal.field);
        expect(refusal.reason).toMatch(/^[a-z_]+$/);
      }
    }), runs);
  });
});

function isSame(a: LensResult, b: LensResult): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
