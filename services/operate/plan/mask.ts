/** Values as a plan shows them: enough to recognise, too little to tell (I11). */
import type { Value } from '../../../schemas/value.ts';

/** The first and the last character of each word-like part, `•` between; short ones wholly hidden. */
export function masked(value: Value): string {
  if (value === null) return '∅';
  if (typeof value === 'boolean') return String(value);
  const text = typeof value === 'object' ? value.join(', ') : String(value);
  return text.split(/([\s@,]+)/u).map((part, index) => (index % 2 === 1 ? part : maskedPart(part))).join('');
}

export function maskedList(values: readonly Value[]): string {
  return values.map(masked).join(' · ');
}

function maskedPart(part: string): string {
  const letters = [...part];
  return letters.length <= 3 ? '•'.repeat(letters.length) : `${letters[0] ?? ''}${'•'.repeat(Math.min(5, letters.length - 2))}${letters.at(-1) ?? ''}`;
}
