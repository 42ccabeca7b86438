/**
 * The canonical contact: Bevatel's typed fields (requirements document 000, §6) with their type rules.
 *
 * Lengths count code points, phones are E.164, instants ISO 8601. Custom attributes are addressed as `custom.<name>`.
 */
import { z } from 'zod';

export const FIELD_TYPES = ['text', 'number', 'boolean', 'date', 'datetime', 'phone', 'email', 'url', 'picklist', 'set'] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

export interface FieldRule {
  readonly type: FieldType;
  /** In code points. */
  readonly maxLength?: number;
  readonly options?: readonly string[];
}

export const CONTACT_FIELDS = {
  contact_first_name: { type: 'text', maxLength: 100 },
  contact_last_name: { type: 'text', maxLength: 100 },
  phone_number: { type: 'phone', maxLength: 32 },
  email: { type: 'email', maxLength: 254 },
  company_name: { type: 'text', maxLength: 255 },
  source_channel: { type: 'text', maxLength: 100 },
  crm_url: { type: 'url', maxLength: 2048 },
  language: { type: 'text', maxLength: 16 },
  tags: { type: 'set' },
  consent: { type: 'picklist', options: ['opted_in', 'opted_out', 'unknown'] },
  owner: { type: 'text', maxLength: 254 },
} as const satisfies Record<string, FieldRule>;

export type ContactField = keyof typeof CONTACT_FIELDS;

const CUSTOM = /^custom\.[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Custom attributes hold texts, numbers and booleans; which, the mapping says. */
export function isCustomField(name: string): boolean {
  return CUSTOM.test(name);
}

/** The rule of a Bevatel field, custom attributes included; undefined when there is no such field. */
export function contactFieldRule(name: string): FieldRule | undefined {
  if (Object.hasOwn(CONTACT_FIELDS, name)) return CONTACT_FIELDS[name as ContactField];
  return isCustomField(name) ? { type: 'text', maxLength: 65_536 } : undefined;
}

/** What a value may be in JSON at our doors; the type rules proper are the reconciler's (a bad value is quarantined, not refused). */
export const zValue = z.union([z.null(), z.boolean(), z.number(), z.string().max(65_536), z.array(z.string().max(1_000)).max(1_000)]);

/** A full image of a Bevatel contact at our doors: known fields only, all optional; absent is unknown, null is cleared. */
export const zContactImage = z.record(z.string(), zValue).superRefine((image, context) => {
  for (const name of Object.keys(image)) {
    if (!contactFieldRule(name)) context.addIssue({ code: 'custom', path: [name], message: `unknown field; known are ${Object.keys(CONTACT_FIELDS).join(', ')} and custom.<name>` });
  }
});
