/**
 * The words of a person's name as they are compared: without case, marks, titles and particles; what is written in one
 * word or in several (عبد الرحمن, عبدالرحمن, Abd al-Rahman) in one.
 */
import { folded } from '../canonical/likeness.ts';
import { LEADING, TITLES, TRAILING } from '../lenses/person-name.ts';

const APOSTROPHES = /['’‘ʼ`ʿʾ´]/gu;
/** Letters that Unicode does not take apart into a letter and a mark. */
const LATIN: Readonly<Record<string, string>> = { 'ı': 'i', 'ß': 'ss', 'ø': 'o', 'æ': 'ae', 'œ': 'oe', 'đ': 'd', 'ł': 'l', 'þ': 'th', 'ð': 'd' };
const LATIN_LETTERS = /[ıßøæœđłþð]/gu;

function foldedWords(text: string): readonly string[] {
  const plain = folded(text.replace(APOSTROPHES, ''), ['case', 'blanks', 'arabic', 'digits', 'punctuation'])
    .normalize('NFKD').replace(/\p{M}/gu, '').replace(LATIN_LETTERS, (letter) => LATIN[letter] ?? letter);
  return plain.split(' ').filter((word) => word !== '');
}

function foldedSet(words: Iterable<string>): ReadonlySet<string> {
  return new Set([...words].flatMap((word) => (/[.-]/.test(word) ? [] : foldedWords(word))));
}

const TITLE_WORDS = foldedSet(TITLES);
/** "Son of", "daughter of", the article: they come and go between writings of one name. */
const PARTICLES = foldedSet(['بن', 'ابن', 'بنت', 'ال', 'آل', 'bin', 'ben', 'ibn', 'bint', 'al', 'el']);
const ARTICLES = foldedSet(['ال', 'al', 'el']);
/** What makes one word with the next: abd al-Rahman, Abu Bakr, Umm Kulthum. */
const PREFIXES = new Set([...foldedSet(LEADING)].filter((word) => !PARTICLES.has(word)));
/** What makes one word with the one before: Nour al-Din. */
const SUFFIXES = new Set([...foldedSet(TRAILING), 'دين', 'اسلام', 'din', 'islam']);
const LONGEST = 8;

/** At most eight words, which no name of a person exceeds. A name of particles and titles alone keeps them. */
export function nameWords(name: string): readonly string[] {
  const all = foldedWords(name);
  const words = joined(all.filter((word, index) => !TITLE_WORDS.has(word) || (index > 0 && [...word].length === 1)));
  return (words.length > 0 ? words : all).slice(0, LONGEST);
}

function joined(words: readonly string[]): readonly string[] {
  const result: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as string;
    if (PREFIXES.has(word) && at + 1 < words.length) {
      const hasArticle = ARTICLES.has(words[at + 1] ?? '') && at + 2 < words.length;
      result.push(words.slice(at, at + (hasArticle ? 3 : 2)).join(''));
      at += hasArticle ? 2 : 1;
    } else if (ARTICLES.has(word) && SUFFIXES.has(words[at + 1] ?? '') && result.length > 0) {
      result.push(`${result.pop() ?? ''}${word}${words[at + 1]}`);
      at += 1;
    } else if (SUFFIXES.has(word) && result.length > 0) result.push(`${result.pop() ?? ''}${word}`);
    else if (!PARTICLES.has(word)) result.push(withoutArticle(word));
  }
  return result;
}

const GLUED_ARTICLE = /^(?:ال(?=[^اوي\s]{1}.{2})|(?:al|el)(?=[^aeiouy\s].{2}))/u;

/** السعود and Alsaud are سعود and Saud; Ali, Elias and إلياس are not touched: a vowel follows, or too little is left. */
function withoutArticle(word: string): string {
  return word.replace(GLUED_ARTICLE, '');
}
