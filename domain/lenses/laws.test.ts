import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lens, LensResult, Values } from '../lens.ts';
import { contactFieldRule } from '../../schemas/contact.ts';
import type { FieldRule } from '../../schemas/contact.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { canonicalText } from '../canonical/text.ts';
import { constantLens } from './constant.ts';
import { fullNameLens } from './full-name.ts';
import { picklistLens } from './picklist.ts';
import { emailLens, phoneLens, textLens } from './plain.ts';

const rule = (name: string): FieldRule => contactFieldRule(name) as FieldRule;
const limits = new Map([['contact_first_name', 100], ['contact_last_name', 100]]);

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
const pair = (side: fc.Arbitrary<Value>): fc.Arbitrary<Values> => fc.tuple(side, side);
const one = (side: fc.Arbitrary<Value>): fc.Arbitrary<Values> => fc.tuple(side);

interface Case {
  readonly name: string;
  readonly lens: Lens;
  readonly bevatel: fc.Arbitrary<Values>;
  readonly external: fc.Arbitrary<Values>;
}

const CASES: readonly Case[] = [
  { name: 'text', lens: textLens({ bevatel: 'company_name', external: 'company', rule: rule('company_name'), maxLength: 40 }), bevatel: one(text), external: one(text) },
  { name: 'text over a set', lens: textLens({ bevatel: 'tags', external: 'tags', rule: rule('tags') }), bevatel: one(tags), external: one(tags) },
  { name: 'text over a url', lens: textLens({ bevatel: 'crm_url', external: 'contact_url', rule: rule('crm_url') }), bevatel: one(fc.webUrl()), external: one(fc.oneof(fc.webUrl(), text)) },
  { name: 'phone', lens: phoneLens({ bevatel: 'phone_number', external: 'phone', rule: rule('phone_number'), region: 'SA' }), bevatel: one(phone), external: one(phone) },
  { name: 'email', lens: emailLens({ bevatel: 'email', external: 'email', rule: rule('email') }), bevatel: one(email), external: one(email) },
  {
    name: 'picklist',
    lens: picklistLens({ bevatel: 'consent', external: 'consent__c', values: { opted_in: 'نعم', opted_out: 'No', unknown: 'opted_in' } }),
    bevatel: one(fc.constantFrom<Value>('opted_in', 'opted_out', 'unknown', 'other', '', null)),
    external: one(fc.constantFrom<Value>('نعم', 'No', 'opted_in', 'opted_out', ' No ', null)),
  },
  {
    name: 'full name in the external system',
    lens: fullNameLens({ fullSide: 'external', full: 'name', first: 'contact_first_name', last: 'contact_last_name', maxLength: limits }),
    bevatel: pair(text), external: one(text),
  },
  {
    name: 'full name in Bevatel',
    lens: fullNameLens({ fullSide: 'bevatel', full: 'contact_first_name', first: 'firstname', last: 'lastname', maxLength: limits }),
    bevatel: one(text), external: pair(text),
  },
  {
    name: 'constant, where its field is not empty',
    lens: constantLens({ side: 'external', field: 'source', value: 'Bevatel - WhatsApp', rule: canonicalText }),
    bevatel: fc.constant([]), external: one(fc.oneof(phrase.filter((value) => value.trim() !== ''), fc.constant('Bevatel - WhatsApp'))),
  },
];

describe.each(CASES)('$name', ({ lens, bevatel, external }) => {
  const same = (side: Side, a: Values, b: Values): void => {
    const form = lens.canonical(side, b);
    if (form.ok) expect(lens.canonical(side, a)).toEqual(form);
  };
  const runs = { numRuns: 500 };

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

  it('what is canonical already stays, and what is written is canonical where it was written', () => {
    fc.assert(fc.property(bevatel, external, (b, x) => {
      for (const [side, values] of [['bevatel', b], ['external', x]] as const) {
        const form = lens.canonical(side, values);
        if (form.ok) expect(lens.canonical(side, form.values)).toEqual(form);
      }
      const written = lens.toBevatel(x, null);
      if (written.ok) expect(lens.canonical('bevatel', written.values)).toEqual(written);
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
