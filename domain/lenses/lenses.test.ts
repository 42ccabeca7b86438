import { describe, expect, it } from 'vitest';
import type { Values } from '../lens.ts';
import { translate } from '../lens.ts';
import { contactFieldRule } from '../../schemas/contact.ts';
import type { FieldRule } from '../../schemas/contact.ts';
import { canonicalText } from '../canonical/text.ts';
import { constantLens } from './constant.ts';
import { fullNameLens } from './full-name.ts';
import { picklistLens } from './picklist.ts';
import { emailLens, phoneLens, textLens } from './plain.ts';

const rule = (name: string): FieldRule => contactFieldRule(name) as FieldRule;
const good = (...values: Values) => ({ ok: true, values });
const bad = (field: string, reason: string) => ({ ok: false, field, reason });

describe('text', () => {
  const lens = textLens({ bevatel: 'contact_first_name', external: 'firstname', rule: rule('contact_first_name'), maxLength: 5 });
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
    const tags = textLens({ bevatel: 'tags', external: 'labels', rule: rule('tags') });
    expect(tags.toExternal([['vip', 'ar']], ['vip;ar'])).toEqual(good('vip;ar'));
    expect(tags.toExternal([['vip', 'ar']], ['vip'])).toEqual(good(['ar', 'vip']));
  });
});

describe('phone and e-mail', () => {
  const phone = phoneLens({ bevatel: 'phone_number', external: 'phone', rule: rule('phone_number'), region: 'SA' });
  const email = emailLens({ bevatel: 'email', external: 'email', rule: rule('email') });
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
  const lens = picklistLens({ bevatel: 'consent', external: 'consent__c', values: { opted_in: 'Yes', opted_out: 'No' } });
  it.each([
    ['bevatel', 'opted_in', good('Yes')], ['external', 'No', good('opted_out')], ['bevatel', null, good(null)], ['external', '', good(null)],
    ['bevatel', 'unknown', bad('consent', 'picklist')], ['external', 'yes', bad('consent__c', 'picklist')],
  ] as const)('%s %j', (from, value, expected) => expect(translate(lens, from, [value], null)).toEqual(expected));
});

describe('constant', () => {
  const lens = constantLens({ side: 'external', field: 'source', value: 'Bevatel - WhatsApp', rule: canonicalText });
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
  const limits = new Map([['contact_first_name', 100], ['contact_last_name', 100]]);
  const lens = fullNameLens({ fullSide: 'external', full: 'name', first: 'contact_first_name', last: 'contact_last_name', maxLength: limits });

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
  ])('splits %j', (full, first, last) => {
    expect(lens.toBevatel([full], null)).toEqual(good(first, last));
    expect(lens.toExternal([first, last], [full])).toEqual(good(full));
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
    const other = fullNameLens({ fullSide: 'bevatel', full: 'contact_first_name', first: 'firstname', last: 'lastname', maxLength: limits });
    expect(other.name).toBe('contact_first_name');
    expect(other.toExternal(['عبد الرحمن محمد'], null)).toEqual(good('عبد الرحمن', 'محمد'));
    expect(other.toExternal(['Ana María López'], ['Ana María', 'López'])).toEqual(good('Ana María', 'López'));
    expect(other.toBevatel(['Sara', 'Ali'], ['Sara Hassan'])).toEqual(good('Sara Ali'));
    expect(other.toBevatel(['x'.repeat(60), 'y'.repeat(60)], null)).toEqual(bad('contact_first_name', 'max_length'));
  });
});
