/** In which ways two writings may be alike, and that each is found by its name and no other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIKENESSES } from '../../schemas/field-mapping.ts';
import { folded, likenessOf } from './likeness.ts';

describe('likenessOf', () => {
  it.each<[string, string, readonly string[] | null]>([
    ['ACME', 'acme', ['case']],
    ['مؤسسة  الراشد', 'مؤسسة الراشد', ['blanks']],
    ['Tom &amp; Sons', 'Tom & Sons', ['html']],
    ['O&#39;Neill', 'O\'Neill', ['html']],
    ['أحمد', 'احمد', ['arabic']],
    ['فاطمة', 'فاطمه', ['arabic']],
    ['مُحَمَّد', 'محمد', ['arabic']],
    ['عـــلي', 'علي', ['arabic']],
    ['موسى', 'موسي', ['arabic']],
    ['شارع ٩', 'شارع 9', ['digits']],
    ['Al-Saud', 'Al Saud', ['punctuation']],
    ['AL-SAUD', 'al saud', ['case', 'punctuation']],
    ['أحمد  علي', 'احمد علي', ['blanks', 'arabic']],
    ['ACME', 'ACME Ltd', null],
    ['أحمد', 'محمد', null],
  ])('%s and %s: %s', (a, b, kinds) => {
    expect(likenessOf(a, b)).toEqual(kinds);
    expect(likenessOf(b, a)).toEqual(kinds);
  });
});

describe('folding', () => {
  const text = fc.array(fc.constantFrom('A', 'a', 'أ', 'ا', 'ة', 'ه', 'َ', 'ـ', ' ', '\u00A0', '-', '&amp;', '&', '٩', '9', '😀'), { maxLength: 12 }).map((parts) => parts.join(''));
  const kinds = fc.subarray([...LIKENESSES]);

  it('never tells apart what it folded before, also if that was escaped twice', () => {
    fc.assert(fc.property(text, kinds, (one, some) => {
      expect(folded(folded(one, some), some)).toBe(folded(one, some));
    }));
    expect(folded('Tom &amp;amp; Sons', ['html'])).toBe('Tom & Sons');
  });

  it('is coarser with each difference that it disregards', () => {
    fc.assert(fc.property(text, text, (a, b) => {
      const found = likenessOf(a, b);
      if (found) expect(folded(a, LIKENESSES)).toBe(folded(b, LIKENESSES));
      for (const one of found ?? []) if (found && found.length > 1) expect(folded(a, found.filter((other) => other !== one))).not.toBe(folded(b, found.filter((other) => other !== one)));
    }));
  });
});
