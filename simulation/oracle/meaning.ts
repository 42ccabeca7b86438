/**
 * What values mean: the oracle's own, simple way to tell that two writings say the same. It knows only what the schedule's
 * people type, and shares nothing with the product.
 */
import type { Group } from '../schedule/groups.ts';
import { STAGES } from '../schedule/groups.ts';
import type { Image, Value } from '../../schemas/value.ts';

/** '' for "empty". */
export type Meaning = string;
type Side = 'bevatel' | 'external';

export function meaningOf(group: Group, side: Side, image: Image): Meaning {
  const values = group[side].map((field) => image[field] ?? null);
  switch (group.kind) {
    case 'text': return text(values[0]);
    case 'email': return text(values[0]).toLowerCase();
    case 'phone': return phone(text(values[0]));
    case 'picklist': return side === 'bevatel' ? text(values[0]) : stageOf(text(values[0]));
    case 'set': return set(values[0] ?? null);
    case 'name': return values.map(text).filter((part) => part !== '').join(' ').replace(/\s+/g, ' ');
    default: return group.kind satisfies never;
  }
}

/** Of values in the order of the group's fields. */
export function meaningOfValues(group: Group, side: Side, values: readonly Value[]): Meaning {
  return meaningOf(group, side, Object.fromEntries(group[side].map((field, index) => [field, values[index] ?? null])));
}

function text(value: Value | undefined): string {
  return value === null || value === undefined ? '' : String(value).normalize('NFC').trim();
}

function phone(written: string): string {
  const digits = written.replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660)).replace(/[^0-9]/g, '');
  return digits === '' ? '' : digits.replace(/^00/, '').replace(/^0/, '966');
}

function stageOf(external: string): string {
  return Object.entries(STAGES).find(([, value]) => value === external)?.[0] ?? external;
}

function set(value: Value): string {
  const items = typeof value === 'object' && value !== null ? value : text(value).split(';');
  return [...new Set(items.map((item) => item.trim()).filter((item) => item !== ''))].sort().join(';');
}
