/** Cutting a text to a length in code points, with a mark that shows it; never within what is seen as one letter. */
import { codePoints, trimInvisible } from '../canonical/text.ts';

const letters = new Intl.Segmenter();

/** `mark` must be shorter than the lengths that are asked for. */
export function cutter(mark: string): (text: string, maxLength: number) => string {
  const room = codePoints(mark);
  return (text, maxLength) => {
    const kept = unitsOf(text, Math.max(0, maxLength - room));
    const border = letters.segment(text).containing(kept)?.index ?? kept;
    return trimInvisible(text.slice(0, border)) + mark;
  };
}

/** The length in code units of the first `count` code points. */
function unitsOf(text: string, count: number): number {
  let units = 0;
  for (let points = 0; points < count && units < text.length; points += 1) units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  return units;
}
