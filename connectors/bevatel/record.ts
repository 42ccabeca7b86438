/** Between Bevatel's contacts and images: custom attributes are `custom.<name>` in an image. */
import type { Image, Value } from '../../schemas/value.ts';
import type { RecordImage } from '../connector.ts';
import type { ContactAnswer } from './answers.ts';
import { CUSTOM_PREFIX, toValue } from './values.ts';

/** The fields asked for; one that the contact lacks is null, since the answer is the whole contact. */
export function toRecordImage(contact: ContactAnswer, fields: readonly string[]): RecordImage {
  const custom = contact.fields['custom'];
  const attributes: Record<string, unknown> = typeof custom === 'object' && custom !== null ? { ...custom } : {};
  const values: Record<string, Value> = {};
  for (const field of fields) {
    const value = field.startsWith(CUSTOM_PREFIX) ? attributes[field.slice(CUSTOM_PREFIX.length)] : contact.fields[field];
    values[field] = toValue(value ?? null);
  }
  const modifiedAt = Date.parse(contact.updated_at ?? '');
  return {
    id: contact.id,
    revision: String(contact.version),
    values,
    fieldTimes: {},
    histories: {},
    modifiedAt: Number.isNaN(modifiedAt) ? null : modifiedAt,
    references: contact.external_references,
    mergedIds: [],
  };
}

/** The body's `fields`: only what is in the image, null clears. Custom attributes hold no lists: these are one text, joined by semicolons. */
export function toFields(values: Image): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const custom: Record<string, Value> = {};
  for (const [name, value] of Object.entries(values)) {
    if (name.startsWith(CUSTOM_PREFIX)) custom[name.slice(CUSTOM_PREFIX.length)] = typeof value === 'object' && value !== null ? value.join(';') : value;
    else fields[name] = value;
  }
  return Object.keys(custom).length === 0 ? fields : { ...fields, custom };
}
