/** Bevatel's field values as values of an image. */
import type { Value } from '../../schemas/value.ts';

/** Custom attributes stand in images under this prefix. */
export const CUSTOM_PREFIX = 'custom.';

/** Numbers, texts, booleans, null and lists of texts as they are; anything else that SQL may have put there as JSON. */
export function toValue(value: unknown): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  return JSON.stringify(value);
}
