import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameLikeness } from './likeness.ts';
import { skeletonOf } from './skeleton.ts';
import { nameWords } from './words.ts';

describe('nameWords', () => {
  it.each<[string, string[]]>([
    ['محمد بن سلمان آل سعود', ['محمد', 'سلمان', 'سعود']],
    ['د. أحمد الغامدي', ['احمد', 'غامدي']],
    ['Dr. Ahmed AL-GHAMDI', ['ahmed', 'ghamdi']],
    ['عبد الرحمن محمد', ['عبدالرحمن', 'محمد']],
    ['عبدالرحمن  محمّد', ['عبدالرحمن', 'محمد']],
    ['Abd al-Rahman Mohammed', ['abdalrahman', 'mohammed']],
    ['نور الدين زنكي', ['نورالدين', 'زنكي']],
    ['Nour Al-Din Zenki', ['nouraldin', 'zenki']],
    ['أبو بكر السعيد', ['ابوبكر', 'سعيد']],
    ['Ali Alsaud', ['ali', 'saud']],
    ['إلياس', ['الياس']],
    ['Elias', ['elias']],
    ['Sa\'ad O’Brien', ['saad', 'obrien']],
    ['José İbrahim', ['jose', 'ibrahim']],
    ['سارة ١٢', ['ساره', '12']],
    ['🌸', []],
    ['د', ['د']],
    ['Bin', ['bin']],
  ])('%s', (name, words) => expect(nameWords(name)).toEqual(words));
});

describe('skeletonOf', () => {
  it.each<[string, readonly string[]]>([
    ['mhmd', ['محمد', 'mohammed', 'muhammad', 'mohamed', 'mehmed']],
    ['hmd', ['احمد', 'ahmed', 'ahmad']],
    ['hsn', ['حسن', 'hassan', 'hasan']],
    ['ysf', ['يوسف', 'yousef', 'youssef', 'yusuf']],
    ['wld', ['وليد', 'walid', 'waleed']],
    ['ftm', ['فاطمه', 'fatima', 'fatimah']],
    ['bdlrhmn', ['عبدالرحمن', 'abdulrahman', 'abdelrahman']],
    ['kld', ['خالد', 'khalid', 'khaled']],
    ['hmd', ['حامد']],
  ])('%s', (skeleton, words) => expect(words.map(skeletonOf)).toEqual(words.map(() => skeleton)));
});

describe('nameLikeness', () => {
  it.each<[number, string, string]>([
    [1, 'محمد القحطاني', 'القحطاني محمد'],
    [1, 'مُحمّد القحطاني', 'السيد محمد قحطاني'],
    [1, 'Mohammed Al Qahtani', 'MOHAMMED ALQAHTANI'],
    [1, 'فاطمة الزهراني', 'فاطمه الزهرانى'],
    [1, 'عبد الله سالم', 'عبدالله بن سالم'],
    [0.9, 'محمد القحطاني', 'Mohammed Al-Qahtani'],
    [0.9, 'عبد الرحمن يوسف', 'Abdul Rahman Yousef'],
    [0.95, 'Mohammed Hassan', 'Muhammad Hassan'],
  ])('%s: %s, %s', (score, a, b) => expect(nameLikeness(a, b)).toBe(score));

  it.each<[string, string, number, number]>([
    ['محمد القحطاني', 'محمد عبدالله صالح القحطاني', 0.8, 0.95],
    ['Mohammed', 'Mohammed Al-Qahtani', 0.8, 0.9],
    ['Ahmed Alqahtani', 'Ahmed Alqahtany', 0.9, 0.95],
    ['أحمد الغامدي', 'أحمد الغامد', 0.75, 0.9],
    ['نورة القحطاني', 'محمد القحطاني', 0, 0.5],
    ['حسن علي', 'حسين علي', 0.5, 0.8],
    ['Hassan Ali', 'Hussein Ali', 0.5, 0.8],
    ['Sara Haddad', 'محمد العتيبي', 0, 0.3],
    ['Omar', 'Khalid', 0, 0.3],
  ])('%s, %s: between', (a, b, least, most) => {
    const score = nameLikeness(a, b) ?? -1;
    expect(score).toBeGreaterThanOrEqual(least);
    expect(score).toBeLessThanOrEqual(most);
  });

  it.each([[null, 'Ahmed'], ['', 'Ahmed'], ['🌸', 'Ahmed'], [null, null]])('says nothing of a name that is not known: %s, %s', (a, b) => expect(nameLikeness(a, b)).toBeNull());

  const word = fc.constantFrom('محمد', 'أحمد', 'نورة', 'القحطاني', 'عبدالله', 'حسن', 'حسين', 'Mohammed', 'Muhammad', 'Ahmed', 'Noura', 'Al-Qahtani', 'Hassan', 'Hussein', 'Sara', 'Omar', 'José');
  const name = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(' '));

  it('law: symmetric, from 0 to 1', () => {
    fc.assert(fc.property(fc.oneof(name, fc.string()), fc.oneof(name, fc.string()), (a, b) => {
      const score = nameLikeness(a, b);
      expect(score).toBe(nameLikeness(b, a));
      if (score !== null) expect(score >= 0 && score <= 1).toBe(true);
    }));
  });

  it('law: 1 for equal names, whatever their order, marks, titles and particles', () => {
    fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
      const written = words.join(' ');
      for (const other of [written, words.toReversed().join('  '), `د. ${written}`, `Dr. ${written.toUpperCase()}`, words.join(' بن '), written.replace('محمد', 'مُحمّـد')]) {
        expect([other, nameLikeness(written, other)]).toEqual([other, 1]);
      }
    }));
  });

  it('law: monotone: a word that is added to both never makes them less alike', () => {
    fc.assert(fc.property(name, name, word, (a, b, more) => {
      expect(nameLikeness(`${a} ${more}`, `${b} ${more}`) ?? 0).toBeGreaterThanOrEqual(nameLikeness(a, b) ?? 0);
    }));
  });
});
