import { describe, expect, it } from 'vitest';
import { CONTACT_FIELDS, FIELD_TYPES, contactFieldRule, zContactImage } from './contact.ts';

describe('the canonical contact', () => {
  it('has the fields of the requirements document and their lengths', () => {
    expect(contactFieldRule('contact_first_name')).toEqual({ type: 'text', maxLength: 100 });
    expect(contactFieldRule('phone_number')?.type).toBe('phone');
    expect(contactFieldRule('consent')?.options).toEqual(['opted_in', 'opted_out', 'unknown']);
    expect(Object.values(CONTACT_FIELDS).every((rule) => FIELD_TYPES.includes(rule.type))).toBe(true);
  });

  it.each([['custom.job_title', true], ['custom.1', false], ['custom.', false], ['nickname', false], ['toString', false], ['__proto__', false]])('knows %s: %s', (name, isKnown) => {
    expect(contactFieldRule(name) !== undefined).toBe(isKnown);
  });
});

describe('zContactImage', () => {
  it('lets through known fields, all optional, and does not judge their values', () => {
    const image = { phone_number: 'not a phone', email: null, tags: ['a'], 'custom.x': 5 };
    expect(zContactImage.parse(image)).toEqual(image);
    expect(zContactImage.parse({})).toEqual({});
  });

  it('names all unknown fields at once', () => {
    const answer = zContactImage.safeParse({ nickname: 'x', email: 'a@b.de', phone: '1' });
    expect(answer.error?.issues.map((issue) => issue.path)).toEqual([['nickname'], ['phone']]);
  });

  it.each<[string, unknown]>([['an object', {}], ['a list of numbers', [1]], ['too long a text', 'x'.repeat(65_537)], ['too long a list', Array(1_001).fill('x')], ['nothing at all', undefined]])('refuses %s as a value', (_name, value) => {
    expect(zContactImage.safeParse({ email: value }).success).toBe(false);
  });
});
