/**
 * How like two names of persons are, from 0 to 1; for telling candidates apart that a key cannot, and for nothing else.
 *
 * | score | the two names are |
 * |---|---|
 * | 1          | the same words, in whatever order and writing, with or without titles and particles |
 * | from 0.9   | the same words in the other script, or in another transliteration |
 * | from 0.8   | the same words, of which one name leaves some out (محمد القحطاني, محمد عبدالله القحطاني) |
 * | about 0.75 | nearly the same: one of two words differs by a letter or two (حسن علي, حسين علي) |
 * | below 0.5  | of different persons: at best one word in common |
 *
 * Symmetric; 1 for equal names; a word that is added to both never makes them less alike (property tests).
 */
import { distance } from 'fastest-levenshtein';
import { isArabic, skeletonOf } from './skeleton.ts';
import { nameWords } from './words.ts';

const OTHER_WRITING = 0.9;
/** One consonant is little to go by: علي, Ola and Lea have the same. */
const ONE_CONSONANT = 0.8;
/** Below it two words have nothing to do with each other. */
const NOTHING = 0.4;
const LEFT_OUT = 0.3;

/** Null where one of the names is unknown or empty: then nothing is known of their likeness. */
export function nameLikeness(a: string | null, b: string | null): number | null {
  const [one, other] = [nameWords(a ?? ''), nameWords(b ?? '')];
  if (one.length === 0 || other.length === 0) return null;
  const [fewer, more] = one.length <= other.length ? [one, other] : [other, one];
  const shared = bestSum(fewer.map((word) => more.map((candidate) => wordLikeness(word, candidate))));
  const score = (shared / fewer.length) * (1 - LEFT_OUT * (1 - fewer.length / more.length));
  return Math.round(score * 1_000) / 1_000;
}

/** The largest sum of an assignment of every row to a column of its own; there are at most eight of either. */
function bestSum(rows: readonly (readonly number[])[]): number {
  let best = new Map<number, number>([[0, 0]]);
  for (const row of rows) {
    const next = new Map<number, number>();
    for (const [taken, sum] of best) {
      row.forEach((value, column) => {
        const mask = 1 << column;
        if ((taken & mask) === 0) next.set(taken | mask, Math.max(next.get(taken | mask) ?? 0, sum + value));
      });
    }
    best = next;
  }
  return Math.max(...best.values());
}

function wordLikeness(a: string, b: string): number {
  if (a === b) return 1;
  const likeness = isArabic(a) === isArabic(b) ? sameScript(a, b) : bySkeleton(a, b);
  return likeness < NOTHING ? 0 : likeness;
}

/** In Arabic letters a name is written in one way; in Latin letters the vowels are anybody's (Mohammed, Muhammad). */
function sameScript(a: string, b: string): number {
  const letters = nearness(a, b);
  const isOtherWriting = !isArabic(a) && letters >= 0.6 && skeletonOf(a) !== '' && skeletonOf(a) === skeletonOf(b);
  return isOtherWriting ? OTHER_WRITING : letters * letters;
}

function bySkeleton(a: string, b: string): number {
  const [one, other] = [skeletonOf(a), skeletonOf(b)];
  if (one === '' || other === '') return 0;
  const near = nearness(one, other);
  return near === 1 && one.length === 1 ? ONE_CONSONANT : near * near * OTHER_WRITING;
}

/** The share of letters that need not be changed. */
function nearness(a: string, b: string): number {
  return 1 - distance(a, b) / Math.max(a.length, b.length);
}
