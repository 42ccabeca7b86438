/**
 * Contact properties: definitions, and the rules for values (fact sheet §2 errors, §7 fields). Values travel as strings;
 * '' clears. An unknown or read-only property, an unknown option or a malformed value makes the whole write fail.
 */
import type { FaultDetail } from './fault.ts';
import { ApiFault, invalid, notFound } from './fault.ts';
import type { Properties } from './model.ts';

export interface PropertyOption {
  readonly label: string;
  readonly value: string;
  readonly hidden: boolean;
  readonly displayOrder: number;
}

export interface PropertyDefinition {
  readonly name: string;
  readonly label: string;
  readonly type: 'string' | 'number' | 'date' | 'datetime' | 'enumeration' | 'bool' | 'phone_number';
  readonly fieldType: string;
  readonly groupName: string;
  readonly options: readonly PropertyOption[];
  readonly hasUniqueValue: boolean;
  readonly readOnly: boolean;
  readonly hubspotDefined: boolean;
  readonly createdAtMs: number;
  readonly archived: boolean;
}

const MAX_VALUE_LENGTH = 65_536;
const MAX_UNIQUE_PROPERTIES = 10;
const EMAIL = /^[^\s@,;<>()]+@[^\s@.,;<>()]+(\.[^\s@.,;<>()]+)+$/u;

/** Stages in their order: an API write cannot go back (fact sheet §7). */
export const LIFECYCLE_STAGES = [
  'subscriber', 'lead', 'marketingqualifiedlead', 'salesqualifiedlead', 'opportunity', 'customer', 'evangelist', 'other',
] as const;

const writable = [
  'firstname', 'lastname', 'company', 'jobtitle', 'address', 'city', 'state', 'zip', 'country', 'website', 'fax',
];
const readOnlyStrings = [
  'hs_object_id', 'hs_additional_emails', 'hs_object_source', 'hs_object_source_id', 'hs_object_source_label',
];
const enumerations: Readonly<Record<string, readonly string[]>> = {
  lifecyclestage: LIFECYCLE_STAGES,
  hs_lead_status: ['NEW', 'OPEN', 'IN_PROGRESS', 'OPEN_DEAL', 'UNQUALIFIED', 'ATTEMPTED_TO_CONTACT', 'CONNECTED', 'BAD_TIMING'],
  hs_language: ['ar', 'ar-sa', 'ar-ae', 'ar-eg', 'en', 'en-us', 'en-gb', 'fr', 'de', 'es', 'ur', 'hi', 'tr'],
  hs_timezone: ['asia_slash_riyadh', 'asia_slash_dubai', 'africa_slash_cairo', 'europe_slash_london', 'etc_slash_utc'],
};

export function optionsOf(values: readonly string[]): PropertyOption[] {
  return values.map((value, displayOrder) => ({ label: value, value, hidden: false, displayOrder }));
}

export function defaultDefinitions(nowMs: number, ownerIds: readonly string[]): PropertyDefinition[] {
  const base = {
    type: 'string', fieldType: 'text', groupName: 'contactinformation', options: [], hasUniqueValue: false,
    readOnly: false, hubspotDefined: true, createdAtMs: nowMs, archived: false,
  } as const;
  const of = (name: string, rest: Partial<PropertyDefinition> = {}): PropertyDefinition => ({ ...base, name, label: name, ...rest });
  return [
    ...writable.map((name) => of(name)),
    ...readOnlyStrings.map((name) => of(name, { readOnly: true })),
    ...['phone', 'mobilephone'].map((name) => of(name, { fieldType: 'phonenumber' })),
    ...['createdate', 'lastmodifieddate', 'hs_lastmodifieddate'].map((name) => of(name, { type: 'datetime', fieldType: 'date', readOnly: true })),
    ...Object.entries(enumerations).map(([name, values]) => of(name, { type: 'enumeration', fieldType: 'select', options: optionsOf(values) })),
    of('hs_merged_object_ids', { type: 'enumeration', fieldType: 'checkbox', readOnly: true }),
    of('email', { hasUniqueValue: true }),
    of('hubspot_owner_id', { type: 'enumeration', fieldType: 'select', options: optionsOf(ownerIds) }),
    of('hs_analytics_source', { type: 'enumeration', fieldType: 'select', options: optionsOf(['OFFLINE', 'DIRECT_TRAFFIC']), readOnly: true }),
    of('hs_email_optout', { type: 'bool', fieldType: 'booleancheckbox', options: optionsOf(['true', 'false']), readOnly: true }),
    of('date_of_birth', { type: 'date', fieldType: 'date' }),
    of('numemployees', { type: 'number', fieldType: 'number' }),
  ];
}

/** The stored form of a value, or the fault code that refuses it. */
function normalise(definition: PropertyDefinition, value: string): { readonly value: string } | { readonly code: string } {
  if (value === '') return { value };
  if (value.length > MAX_VALUE_LENGTH) return { code: 'VALUE_TOO_LONG' };
  switch (definition.type) {
    case 'enumeration':
      return optionsKnown(definition, value) ? { value } : { code: 'INVALID_OPTION' };
    case 'number':
      return Number.isFinite(Number(value)) ? { value } : { code: 'INVALID_INTEGER' };
    case 'bool':
      return value === 'true' || value === 'false' ? { value } : { code: 'INVALID_BOOLEAN' };
    case 'date':
    case 'datetime':
      return normaliseDate(definition.type, value);
    default:
      if (definition.name !== 'email') return { value };
      return EMAIL.test(value.trim()) ? { value: value.trim().toLowerCase() } : { code: 'INVALID_EMAIL' };
  }
}

function optionsKnown(definition: PropertyDefinition, value: string): boolean {
  const chosen = definition.fieldType === 'checkbox' ? value.split(';').filter((part) => part !== '') : [value];
  return chosen.every((part) => definition.options.some((option) => option.value === part));
}

function normaliseDate(type: 'date' | 'datetime', value: string): { readonly value: string } | { readonly code: string } {
  const instant = new Date(/^-?\d+$/.test(value) ? Number(value) : value);
  if (Number.isNaN(instant.getTime())) return { code: 'INVALID_DATE' };
  if (type === 'datetime') return { value: instant.toISOString() };
  return instant.getTime() % 86_400_000 === 0 ? { value: instant.toISOString().slice(0, 10) } : { code: 'INVALID_DATE' };
}

export class PropertyTable {
  readonly #definitions = new Map<string, PropertyDefinition>();

  constructor(definitions: readonly PropertyDefinition[]) {
    for (const definition of definitions) this.#definitions.set(definition.name, definition);
  }

  /** A live definition, or undefined. */
  find(name: string): PropertyDefinition | undefined {
    const definition = this.#definitions.get(name);
    return definition?.archived ? undefined : definition;
  }

  list(archived: boolean): PropertyDefinition[] {
    return [...this.#definitions.values()].filter((definition) => definition.archived === archived);
  }

  get uniqueNames(): string[] {
    return this.list(false).filter((definition) => definition.hasUniqueValue).map((definition) => definition.name);
  }

  /** Adds a definition; an archived name comes back, a live one is a 409 (fact sheet §2, observed). */
  add(definition: PropertyDefinition): PropertyDefinition {
    if (this.find(definition.name)) throw new ApiFault(409, 'OBJECT_ALREADY_EXISTS', `Property ${definition.name} already exists`);
    if (!/^[a-z][a-z0-9_]*$/.test(definition.name)) throw invalid(`Property name ${definition.name} is not valid`);
    if (definition.hasUniqueValue && this.uniqueNames.length > MAX_UNIQUE_PROPERTIES) throw invalid('Too many unique properties');
    this.#definitions.set(definition.name, definition);
    return definition;
  }

  /** Replaces parts of a definition; `options` is replaced as a whole. */
  change(name: string, patch: Partial<PropertyDefinition>): PropertyDefinition {
    const current = this.find(name);
    if (!current) throw notFound();
    const changed = { ...current, ...patch, name };
    this.#definitions.set(name, changed);
    return changed;
  }

  archive(name: string): void {
    this.change(name, { archived: true });
  }

  /** The stored forms of what is written; throws one VALIDATION_ERROR that names every bad property. */
  accept(written: Properties, by: { readonly system: boolean }): Record<string, string> {
    const accepted: Record<string, string> = {};
    const details: FaultDetail[] = [];
    for (const [name, raw] of Object.entries(written)) {
      const definition = this.find(name);
      if (!definition) details.push(refusal(name, 'PROPERTY_DOESNT_EXIST', `Property "${name}" does not exist`));
      else if (definition.readOnly && !by.system) details.push(refusal(name, 'READ_ONLY_VALUE', `"${name}" is a read only property`));
      else {
        const outcome = normalise(definition, raw ?? '');
        if ('value' in outcome) accepted[name] = outcome.value;
        else details.push(refusal(name, outcome.code, `Property "${name}" was not valid`));
      }
    }
    if (details.length === 0) return accepted;
    const summary = details.map(({ message, code, context }) => ({ isValid: false, message, error: code, name: context?.['propertyName']?.[0] }));
    throw invalid(`Property values were not valid: ${JSON.stringify(summary)}`, details);
  }
}

function refusal(name: string, code: string, message: string): FaultDetail {
  return { message, code, context: { propertyName: [name] } };
}

/** A definition as the properties API shows it. */
export function propertyBody(definition: PropertyDefinition): Record<string, unknown> {
  const { readOnly, createdAtMs, ...shown } = definition;
  const instant = new Date(createdAtMs).toISOString();
  return {
    ...shown,
    description: '', displayOrder: -1, calculated: false, externalOptions: false, hidden: false, formField: !readOnly,
    createdAt: instant, updatedAt: instant,
    modificationMetadata: { archivable: !definition.hubspotDefined, readOnlyDefinition: definition.hubspotDefined, readOnlyOptions: false, readOnlyValue: readOnly },
  };
}
