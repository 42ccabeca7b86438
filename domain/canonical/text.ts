/**
 * Text: NFC, without white space and invisible marks at its ends; everything inside stays as it was typed.
 *
 * Direction marks and zero-width characters come along when names are pasted from right-to-left text and chat
 * applications. Inside a name they can be meant (a zero-width joiner in an emoji, a non-joiner in Persian).
 * NUL and unpaired surrogates are refused: neither Avro nor jsonb can hold them. Lengths count code points (issue's type rules).
 */
import type { Value } from '../../schemas/value.ts';
import { CLEARED, invalid, valid } from './form.ts';
import type { Canonical } from './form.ts';

/** White space, zero-width characters (ZWSP … RLM), bidi embeddings and isolates, word joiner, Arabic letter mark, BOM. */
const INVISIBLE = /^[\s\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2069\u061C\uFEFF]$/;

/** Bounds found from both ends, so that a long inner run of blanks costs nothing (a regex would be quadratic). */
export function trimInvisible(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isInvisible(text, start)) start += 1;
  while (end > start && isInvisible(text, end - 1)) end -= 1;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isInvisible(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit > 0x20 && unit < 0x7f) return false;
  return INVISIBLE.test(text[at] ?? '');
}

/** The value as text: numbers and booleans are what some systems return for text; a list is not text. */
export function asText(value: Value): string | null | undefined {
  if (value === null || typeof value === 'string') return value;
  return typeof value === 'object' ? undefined : String(value);
}

export function canonicalText(value: Value): Canonical {
  const text = asText(value);
  if (text === null || (typeof value === 'object' && value !== null && value.length === 0)) return CLEARED;
  if (text === undefined || !isStorable(text)) return invalid('type');
  const trimmed = trimInvisible(text.normalize('NFC'));
  return trimmed === '' ? CLEARED : valid(trimmed);
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Length in code points, as maximum lengths count it. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit <= 0xdbff) count -= 1;
  }
  return count;
}
