/**
 * Splitting a full name into first and last name, and joining them; Arabic and Latin.
 *
 * The first name is the first given name with its titles; all the rest is the last name. That suits Arabic chains
 * (given, father, grandfather, family) and leaves compound family names whole ("آل سعود", "Al Saud", "بن سلمان",
 * "van der Berg"). Given names of two words stay together: عبد الرحمن, أبو بكر, نور الدين, Abdul Rahman.
 * For every name, joining what was split gives the name again.
 */
import { trimInvisible } from '../canonical/text.ts';

export interface NameParts {
  readonly first: string | null;
  readonly last: string | null;
}

/** Words that belong to the word after them when a name begins with them. */
export const LEADING = new Set([
  'عبد', 'أبو', 'ابو', 'أبا', 'أم', 'ام', 'ابن', 'إبن', 'بن', 'بنت', 'آل', 'ال',
  'abd', 'abdul', 'abdel', 'abdal', 'abu', 'abou', 'umm', 'um', 'ibn', 'bin', 'bint', 'ben', 'al', 'el',
]);
/** Words that belong to the word before them. */
export const TRAILING = new Set([
  'الله', 'الدين', 'الإسلام', 'الاسلام', 'الحق', 'المولى',
  'allah', 'eddin', 'eddine', 'aldin', 'al-din', 'el-din', 'ud-din', 'uddin', 'al-islam', 'ul-islam', 'al-haq', 'ul-haq',
]);
export const TITLES = new Set([
  'د', 'م', 'أ', 'ا', 'أ.د', 'ا.د', 'دكتور', 'دكتورة', 'الدكتور', 'الدكتورة', 'مهندس', 'مهندسة', 'المهندس', 'المهندسة',
  'أستاذ', 'أستاذة', 'الأستاذ', 'الأستاذة', 'الشيخ', 'الشيخة', 'الأمير', 'الأميرة', 'السيد', 'السيدة', 'الحاج', 'الحاجة',
  'البروفيسور', 'المستشار', 'المستشارة', 'المحامي', 'المحامية', 'اللواء', 'العميد', 'العقيد', 'الكابتن',
  'dr', 'eng', 'mr', 'mrs', 'ms', 'miss', 'prof', 'sheikh', 'shaikh', 'sheikha', 'prince', 'princess', 'sir', 'capt', 'hajj', 'haji',
]);

/** Single blanks between words, and each word without invisible marks at its ends: what a split can keep. */
export function singleSpaced(name: string): string {
  return name.split(/\s+/u).map(trimInvisible).filter((word) => word !== '').join(' ');
}

export function joinName(parts: NameParts): string | null {
  const words = [parts.first, parts.last].filter((part) => part !== null);
  return words.length === 0 ? null : singleSpaced(words.join(' '));
}

/** `present`: the split that stands there; its border is kept where one of its parts survived an edit of the other. */
export function splitName(full: string | null, present: NameParts | null): NameParts {
  if (full === null) return { first: null, last: null };
  const name = singleSpaced(full);
  return (present && keepBorder(name, present)) ?? splitAt(name.split(' '));
}

function keepBorder(name: string, present: NameParts): NameParts | null {
  const { first, last } = present;
  if (joinName(present) === name) return present;
  if (last !== null && name.endsWith(` ${last}`)) return { first: name.slice(0, -last.length - 1), last };
  if (first !== null && name.startsWith(`${first} `)) return { first, last: name.slice(first.length + 1) };
  return null;
}

function splitAt(words: readonly string[]): NameParts {
  let end = 0;
  while (end < words.length - 1 && TITLES.has(bare(words[end]))) end += 1;
  while (end < words.length - 1 && LEADING.has(bare(words[end]))) end += isAbdAl(words, end) ? 2 : 1;
  end += 1;
  if (end < words.length && TRAILING.has(bare(words[end]))) end += 1;
  const last = words.slice(end).join(' ');
  return { first: words.slice(0, end).join(' '), last: last === '' ? null : last };
}

/** "Abd Al Rahman": two particles, then the name. */
function isAbdAl(words: readonly string[], at: number): boolean {
  return bare(words[at]) === 'abd' && ['al', 'el'].includes(bare(words[at + 1])) && at + 2 < words.length;
}

/** Without case and the dots, slashes and commas that titles are written with. */
function bare(word: string | undefined): string {
  return (word ?? '').toLowerCase().replace(/[./،,:]+$/u, '');
}
