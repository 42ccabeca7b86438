/**
 * Likeness: ways in which two texts may differ and still mean the same, each by name. A field may be compared without
 * regard to some of them (`alike:` in the integration file), and a conflict that is nothing but such a difference is
 * told by it (domain/conflict-cause.ts). What is written is never changed by it: only the comparison is.
 *
 * Arabic: people and systems write alif with and without hamza, taa marbuta as haa, alif maqsura as yaa, and put in or
 * leave out short vowels and the tatweel; the letters are folded as search engines fold them.
 */
import { decodeHTML } from 'entities';
import { LIKENESSES } from '../../schemas/field-mapping.ts';
import type { Likeness } from '../../schemas/field-mapping.ts';

const VOWELS_AND_TATWEEL = /[\u0610-\u061A\u0640\u064B-\u065F\u0670\u06D6-\u06ED]/g;
const LETTERS: Readonly<Record<string, string>> = { 'أ': 'ا', 'إ': 'ا', 'آ': 'ا', 'ٱ': 'ا', 'ة': 'ه', 'ى': 'ي', 'ی': 'ي', 'ئ': 'ي', 'ؤ': 'و', 'ک': 'ك' };
const EASTERN_DIGITS = /[\u0660-\u0669\u06F0-\u06F9]/g;
const HAS_LETTERS_TO_FOLD = /[أإآٱةىیئؤک]/g;

const FOLD: Readonly<Record<Likeness, (text: string) => string>> = {
  case: (text) => text.toLowerCase(),
  blanks: (text) => text.replace(/[\s\u200B-\u200F\u202A-\u202E\u2060-\u2069\u061C\uFEFF]+/gu, ' ').trim(),
  html: unescaped,
  arabic: (text) => text.replace(VOWELS_AND_TATWEEL, '').replace(HAS_LETTERS_TO_FOLD, (letter) => LETTERS[letter] ?? letter),
  digits: (text) => text.replace(EASTERN_DIGITS, (digit) => String(digit.charCodeAt(0) & 0xf)),
  punctuation: (text) => text.replace(/[\p{P}\p{S}]+/gu, ' ').replace(/\s+/gu, ' ').trim(),
};

/** What was escaped twice is unescaped twice, so that folding once more changes nothing. */
function unescaped(text: string): string {
  const decoded = decodeHTML(text);
  return decoded === text ? text : unescaped(decoded);
}

/** What was escaped is unescaped first, and blanks are counted once everything else that leaves some is gone. */
const ORDER: readonly Likeness[] = ['html', 'arabic', 'digits', 'case', 'punctuation', 'blanks'];

/** The text without regard to these differences; folded once more it stays as it is. */
export function folded(text: string, likenesses: readonly Likeness[]): string {
  return ORDER.reduce((form, one) => (likenesses.includes(one) ? FOLD[one](form) : form), text);
}

/** The fewest differences that explain why two texts are not the same, the coarser ones last resort; null where they differ in more. */
export function likenessOf(a: string, b: string): readonly Likeness[] | null {
  const single = LIKENESSES.find((one) => folded(a, [one]) === folded(b, [one]));
  if (single) return [single];
  if (folded(a, LIKENESSES) !== folded(b, LIKENESSES)) return null;
  return LIKENESSES.toReversed().reduce<readonly Likeness[]>((kept, one) => {
    const fewer = kept.filter((other) => other !== one);
    return folded(a, fewer) === folded(b, fewer) ? fewer : kept;
  }, LIKENESSES);
}
