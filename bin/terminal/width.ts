/**
 * How many columns a text takes on a terminal: Arabic marks and joiners none, CJK and emoji two (Unicode TR11, TR51).
 *
 * A grapheme is as wide as its first visible code point says; whoever prints more than that is shown cut anyway.
 */
const GRAPHEMES = new Intl.Segmenter('und', { granularity: 'grapheme' });
const INVISIBLE = /^[\p{Control}\p{Format}\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u;
const WIDE = /^(?:\p{Emoji_Presentation}|\p{Regional_Indicator}|\p{Extended_Pictographic}\u{FE0F}|[\u{1100}-\u{115F}\u{2E80}-\u{303E}\u{3041}-\u{33FF}\u{3400}-\u{4DBF}\u{4E00}-\u{9FFF}\u{A000}-\u{A4CF}\u{AC00}-\u{D7A3}\u{F900}-\u{FAFF}\u{FE30}-\u{FE6F}\u{FF00}-\u{FF60}\u{FFE0}-\u{FFE6}\u{20000}-\u{3FFFD}])/u;
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) {
    if (!INVISIBLE.test(segment)) width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}

/** Keeps right-to-left text from turning the cells around it over: isolated by FSI and PDI (UAX #9). */
export function isolated(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/** Without line breaks, tabs and control characters, which would break the table or the terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Control}\u2028\u2029\u202A-\u202E\u2066-\u2069]+/gu, ' ');
}

/** The beginning of a text in at most `columns`, with an ellipsis where something was cut. */
export function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  for (const { segment } of GRAPHEMES.segment(text)) {
    if (displayWidth(kept) + displayWidth(segment) > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}
