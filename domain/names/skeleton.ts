/**
 * The consonants of a word, by which a name in Arabic letters and its transliterations are known for the same: محمد,
 * Mohammed and Muhammad are all `mhmd`. Letters that are written for each other in transliteration (q and k, j and g,
 * th and t) are one; vowels, ع and a final h are left out, since they come and go.
 */
const ARABIC: Readonly<Record<string, string>> = {
  'ب': 'b', 'پ': 'b', 'ت': 't', 'ٹ': 't', 'ث': 't', 'ط': 't', 'ج': 'g', 'گ': 'g', 'غ': 'g', 'چ': 's', 'ح': 'h', 'ه': 'h', 'ہ': 'h', 'ھ': 'h', 'خ': 'k',
  'د': 'd', 'ڈ': 'd', 'ذ': 'd', 'ض': 'd', 'ر': 'r', 'ڑ': 'r', 'ز': 'z', 'ژ': 'z', 'ظ': 'z', 'س': 's', 'ش': 's', 'ص': 's', 'ف': 'f', 'ڤ': 'f', 'ق': 'k', 'ك': 'k',
  'ل': 'l', 'م': 'm', 'ن': 'n', 'ں': 'n', 'و': 'w', 'ي': 'y', 'ے': 'y', 'ا': 'a', 'ع': 'a', 'ء': 'a',
};
const DIGRAPHS = /kh|gh|sh|ch|th|dh|ph|ck/g;
const OF_DIGRAPH: Readonly<Record<string, string>> = { kh: 'k', gh: 'g', sh: 's', ch: 's', th: 't', dh: 'd', ph: 'f', ck: 'k' };
const OF_LATIN: Readonly<Record<string, string>> = { q: 'k', c: 'k', v: 'f', p: 'b', j: 'g', x: 'ks', e: 'a', i: 'a', o: 'a', u: 'a' };

/** `word` as nameWords gives it. */
export function skeletonOf(word: string): string {
  const latin = isArabic(word)
    ? [...word].map((letter) => ARABIC[letter] ?? letter).join('')
    : word.replace(DIGRAPHS, (pair) => OF_DIGRAPH[pair] ?? pair).replace(/[qcvpjxeiou]/g, (letter) => OF_LATIN[letter] ?? letter);
  const first = latin.slice(0, 1);
  const rest = latin.slice(1).replace(/[awy]/g, '');
  return `${first === 'a' ? '' : first}${rest}`.replace(/(.)\1+/gu, '$1').replace(/(?<=.)h$/u, '');
}

export function isArabic(word: string): boolean {
  return /\p{Script=Arabic}/u.test(word);
}
