/**
 * What PostgreSQL's jsonb and UTF-8 can hold: no NUL, no unpaired surrogate. A change with such a value is quarantined
 * (I8); in a record that delivery reads, the value is left out and so unknown.
 */
import type { Image, Value } from '../schemas/value.ts';

/** The first field whose value cannot be stored; null when all can. */
export function unstorableField(image: Image): string | null {
  for (const field in image) {
    if (!isStorable(image[field] ?? null)) return field;
  }
  return null;
}

/** The image without such values; the image itself when there are none. */
export function storable(image: Image): Image {
  if (unstorableField(image) === null) return image;
  return Object.fromEntries(Object.entries(image).filter(([, value]) => isStorable(value)));
}

function isStorable(value: Value): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  return Array.isArray(value) ? value.every(isStorable) : true;
}
