/**
 * The second opinion: reads both systems directly, ties and compares their records with rules written here, and knows
 * nothing of the sync service. What it finds must agree with the service's own certificate.
 */
import type { Properties } from '../../connectors/hubspot/sandbox/model.ts';
import { REFERENCE_PROPERTY, TENANT } from './sides.ts';
import type { Sides } from './sides.ts';

export interface BevatelRecord {
  readonly id: string;
  readonly version: number;
  readonly fields: Readonly<Record<string, string | null>>;
  /** The HubSpot record's id that it carries. */
  readonly reference: string | null;
}

export interface HubSpotRecord {
  readonly id: string;
  readonly properties: Properties;
  /** The Bevatel contact's id that it carries. */
  readonly reference: string | null;
}

export interface BothSides {
  readonly bevatel: readonly BevatelRecord[];
  readonly hubspot: readonly HubSpotRecord[];
}

export interface Pair {
  readonly bevatel: BevatelRecord;
  readonly hubspot: HubSpotRecord;
}

export interface Comparison {
  readonly pairs: number;
  readonly equal: number;
  /** Fields that differ, and in how many pairs. */
  readonly different: ReadonlyMap<string, number>;
  /** Records that carry no partner's id, or one that does not carry theirs. */
  readonly untied: number;
  /** Records beyond the first of their phone number or e-mail address on their side. */
  readonly twice: number;
}

type Form = (value: string) => string;

/** The fields of `hubspot.yaml`, each with the form in which two writings of one value are the same text. */
export const FIELDS: readonly { readonly bevatel: string; readonly hubspot: string; readonly form: Form }[] = [
  { bevatel: 'contact_first_name', hubspot: 'firstname', form: plainText },
  { bevatel: 'contact_last_name', hubspot: 'lastname', form: plainText },
  { bevatel: 'phone_number', hubspot: 'phone', form: plainPhone },
  { bevatel: 'email', hubspot: 'email', form: (value) => plainText(value).toLowerCase() },
  { bevatel: 'company_name', hubspot: 'company', form: plainText },
  { bevatel: 'language', hubspot: 'hs_language', form: plainText },
  { bevatel: 'job_title', hubspot: 'jobtitle', form: plainText },
];

function plainText(value: string): string {
  return value.normalize('NFC').replace(/^[\s\u200B-\u200F\u061C]+|[\s\u200B-\u200F\u061C]+$/gu, '');
}

/** Digits with their country code; numbers that begin with a single 0 are Saudi. What holds no number stays as it is. */
export function plainPhone(value: string): string {
  if (!/[0-9\u0660-\u0669]/.test(value)) return value;
  const digits = value.replace(/[\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) - 0x660)).replace(/[^0-9]/g, '').replace(/^00/, '');
  return digits.startsWith('0') ? `966${digits.slice(1)}` : digits;
}

export async function readBothSides(sides: Sides, integrationId: string): Promise<BothSides> {
  const rows = await sides.bevatel.control.sql<Readonly<Record<string, string | null>> & { id: string; version: number }>(
    `SELECT id, version, contact_first_name, contact_last_name, phone_number, email, company_name, language,
       custom->>'job_title' AS job_title, external_references->>$2 AS reference
     FROM contacts WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY id`, [TENANT, integrationId]);
  const bevatel = rows.map(({ id, version, reference, ...fields }) => ({ id, version, fields: fields as BevatelRecord['fields'], reference: reference ?? null }));
  const hubspot = sides.hubspot.control.contacts().map(({ id, properties }) => ({ id, properties, reference: properties[REFERENCE_PROPERTY] ?? null }));
  return { bevatel, hubspot };
}

/** Pairs whose two records each carry the other's id. */
export function tiedPairs({ bevatel, hubspot }: BothSides): readonly Pair[] {
  const byId = new Map(hubspot.map((record) => [record.id, record]));
  return bevatel.flatMap((record) => {
    const partner = byId.get(record.reference ?? '');
    return partner?.reference === record.id ? [{ bevatel: record, hubspot: partner }] : [];
  });
}

export function compare(both: BothSides): Comparison {
  const pairs = tiedPairs(both);
  const different = new Map<string, number>();
  let equal = 0;
  for (const pair of pairs) {
    const fields = FIELDS.filter((field) => !isSame(pair, field));
    if (fields.length === 0) equal += 1;
    for (const { bevatel } of fields) different.set(bevatel, (different.get(bevatel) ?? 0) + 1);
  }
  return {
    pairs: pairs.length, equal, different,
    untied: both.bevatel.length + both.hubspot.length - 2 * pairs.length,
    twice: twiceOn(both.bevatel.map(({ fields }) => [fields['phone_number'], fields['email']])) + twiceOn(both.hubspot.map(({ properties }) => [properties['phone'], properties['email']])),
  };
}

function isSame({ bevatel, hubspot }: Pair, field: (typeof FIELDS)[number]): boolean {
  return field.form(bevatel.fields[field.bevatel] ?? '') === field.form(hubspot.properties[field.hubspot] ?? '');
}

function twiceOn(records: readonly (readonly [phone: string | null | undefined, email: string | null | undefined])[]): number {
  const seen = new Set<string>();
  let twice = 0;
  for (const [phone, email] of records) {
    const number = plainPhone(phone ?? '');
    const keys = [...(/^[0-9]{8,}$/.test(number) ? [number] : []), ...(email ? [plainText(email).toLowerCase()] : [])].filter((key) => !/^0+$/.test(key));
    if (keys.some((key) => seen.has(key))) twice += 1;
    for (const key of keys) seen.add(key);
  }
  return twice;
}
