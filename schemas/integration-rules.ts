/**
 * What an integration file must keep beyond its shape: lenses that fit their fields, matching that can work, no secrets.
 *
 * Works on what is well-formed even when other parts are not, so that all faults are told at once.
 */
import { isSupportedCountry } from 'libphonenumber-js/core';
import type { CountryCode } from 'libphonenumber-js/core';
import metadata from 'libphonenumber-js/metadata.max';
import { contactFieldRule } from './contact.ts';
import type { FieldType } from './contact.ts';
import { fieldNames, zFieldMapping, zIntegration } from './integration.ts';
import type { FieldMapping } from './integration.ts';
import { isObject, valueAt } from './integration-shape.ts';
import type { IntegrationFault, Path } from './integration-shape.ts';
import { policyFaults } from './policy-rules.ts';

export function semanticFaults(data: unknown): readonly IntegrationFault[] {
  const raw = valueAt(data, ['fields']);
  const mappings = Array.isArray(raw) ? raw.map((field) => zFieldMapping.safeParse(field).data ?? null) : [];
  return [
    ...crossFieldFaults(data, mappings),
    ...mappings.flatMap((mapping, index) => (mapping ? mappingFaults(mapping).map(at(['fields', index])) : [])),
    ...nameFaults(data, mappings),
    ...matchFaults(data, mappings),
    ...connectionFaults(data),
    ...secretFaults(data, []),
  ];
}

type Fault = IntegrationFault;
type Mappings = readonly (FieldMapping | null)[];

function at(above: Path): (fault: Fault) => Fault {
  return (fault) => ({ ...fault, path: [...above, ...fault.path] });
}

function fault(path: Path, message: string, advice?: string): Fault {
  return { path, message, ...(advice === undefined ? {} : { advice }) };
}

/**
 * zIntegration's own rules across fields run only on a whole file; here they run on one whose broken parts are
 * replaced, so that they are told together with what broke.
 */
function crossFieldFaults(data: unknown, mappings: Mappings): readonly Fault[] {
  if (mappings.length === 0) return [];
  const match = valueAt(data, ['match']);
  const fields = mappings.map((mapping, index) => mapping ?? standIn(valueAt(data, ['fields', index]), index));
  const parsed = zIntegration.safeParse({
    integration: 'x', tenant: 'x', system: 'hubspot', connection: { tokenEnv: 'X' }, bevatel: { baseUrl: 'http://x', keyEnv: 'X' }, fields,
    ...(Array.isArray(match) && match.every((name) => typeof name === 'string') ? { match } : match === undefined ? {} : { match: [] }),
  });
  return parsed.success ? [] : parsed.error.issues.filter((issue) => issue.code === 'custom').map((issue) => fault(issue.path as Path, issue.message));
}

/** For a broken mapping: a sound one of the same names, as far as they are told. */
function standIn(raw: unknown, index: number): unknown {
  const named = (side: string): string | undefined => (isObject(raw) && typeof raw[side] === 'string' ? raw[side] : undefined);
  const bevatel = named('bevatel');
  const external = named('external') ?? ` ${index}`;
  return bevatel === undefined ? { lens: 'constant', external, value: 'x' } : { bevatel, external };
}

function mappingFaults(mapping: FieldMapping): readonly Fault[] {
  const blank = (['bevatel', 'external'] as const).filter((side) => fieldNames(mapping, side).some((name) => name.trim() === '')).map((side) => fault([side], 'a field name is empty'));
  return [...blank, ...lensFaults(mapping), ...policyFaults(mapping)];
}

function lensFaults(mapping: FieldMapping): readonly Fault[] {
  switch (mapping.lens) {
    case 'constant': return constantFaults(mapping);
    case 'full_name': return fullNameFaults(mapping);
    case 'text':
    case 'phone':
    case 'email':
    case 'picklist': return oneToOneFaults(mapping);
    default: return mapping satisfies never;
  }
}

type OneToOne = Extract<FieldMapping, { lens: 'text' | 'phone' | 'email' | 'picklist' }>;

/** Which types of a Bevatel field a lens can carry. */
const CARRIES: Readonly<Record<OneToOne['lens'], readonly FieldType[]>> = {
  text: ['text', 'number', 'boolean', 'date', 'datetime', 'url', 'picklist', 'set'],
  phone: ['phone', 'text'],
  email: ['email', 'text'],
  picklist: ['picklist', 'text'],
};

function oneToOneFaults(mapping: OneToOne): readonly Fault[] {
  const faults: Fault[] = [];
  const type = contactFieldRule(mapping.bevatel)?.type;
  if (type && !CARRIES[mapping.lens].includes(type)) faults.push(fault(['lens'], `${mapping.lens} does not fit "${mapping.bevatel}", which is of type ${type}`, type === 'phone' || type === 'email' ? `use lens: ${type}` : 'use lens: text'));
  if (mapping.region !== undefined && mapping.lens !== 'phone') faults.push(fault(['region'], 'is for lens: phone only'));
  if (mapping.region !== undefined && !isSupportedCountry(mapping.region as CountryCode, metadata)) faults.push(fault(['region'], 'is not a region', 'give the ISO 3166-1 code, such as SA'));
  if (mapping.invalid === 'default' && mapping.default === undefined) faults.push(fault(['default'], 'is missing', 'give the value that stands for an invalid one, or choose invalid: skip'));
  return [...faults, ...picklistFaults(mapping)];
}

function picklistFaults(mapping: OneToOne): readonly Fault[] {
  const pairs = Object.entries(mapping.values ?? {});
  if (mapping.lens !== 'picklist') return mapping.values ? [fault(['values'], 'is for lens: picklist only')] : [];
  if (pairs.length === 0) return [fault(['values'], 'is missing', 'list Bevatel\'s values and the external system\'s internal ones')];
  const options = contactFieldRule(mapping.bevatel)?.options;
  const taken = new Map<string, string>();
  const faults: Fault[] = [];
  for (const [bevatel, external] of pairs) {
    const other = taken.get(external);
    if (other !== undefined) faults.push(fault(['values', bevatel], `maps to the same value as "${other}"`, 'the map must be one to one'));
    if (bevatel.trim() !== bevatel || external.trim() !== external || bevatel === '' || external === '') faults.push(fault(['values', bevatel], 'a value is empty or has blanks at its ends', 'an empty field needs no entry'));
    if (options && !options.includes(bevatel)) faults.push(fault(['values', bevatel], `is not a value of "${mapping.bevatel}"`, `it has ${options.join(', ')}`));
    taken.set(external, bevatel);
  }
  if (mapping.default !== undefined && !Object.hasOwn(mapping.values ?? {}, mapping.default)) faults.push(fault(['default'], 'is not among Bevatel\'s values in `values`'));
  return faults;
}

function constantFaults(mapping: Extract<FieldMapping, { lens: 'constant' }>): readonly Fault[] {
  const faults: Fault[] = [];
  const given = (['bevatel', 'external'] as const).filter((side) => mapping[side] !== undefined);
  if (given.length !== 1) faults.push(fault([], 'a constant names exactly one of bevatel and external', 'the side that gets the value'));
  if (given.length === 1 && mapping.direction !== undefined && mapping.direction !== `to_${given[0]}`) faults.push(fault(['direction'], 'contradicts the side that gets the constant', 'leave it out'));
  if (mapping.value.trim() === '') faults.push(fault(['value'], 'is empty'));
  const options = mapping.bevatel === undefined ? undefined : contactFieldRule(mapping.bevatel)?.options;
  if (options && !options.includes(mapping.value)) faults.push(fault(['value'], `must be one of ${options.join(', ')}`));
  if (mapping.invalid === 'default') faults.push(fault(['invalid'], 'a constant has no default'));
  return faults;
}

function fullNameFaults(mapping: Extract<FieldMapping, { lens: 'full_name' }>): readonly Fault[] {
  const faults: Fault[] = [];
  if (typeof mapping.bevatel === typeof mapping.external) faults.push(fault([], 'a full name is one field on one side and [first, last] on the other', 'where both sides have two fields, map each with lens: text'));
  const strange = fieldNames(mapping, 'bevatel').find((name) => (contactFieldRule(name)?.type ?? 'text') !== 'text');
  if (strange !== undefined) faults.push(fault(['bevatel'], `"${strange}" is not a text field`));
  if (mapping.invalid === 'default') faults.push(fault(['invalid'], 'a full name has no default', 'choose skip or quarantine'));
  return faults;
}

/** Lens groups are told apart by name, and a constant in the external system has its field's. */
function nameFaults(data: unknown, mappings: Mappings): readonly Fault[] {
  const reference = valueAt(data, ['connection', 'referenceProperty']) ?? 'bevatel_contact_id';
  const groups = new Set(mappings.map((mapping) => mapping && fieldNames(mapping, 'bevatel').join('+')));
  return mappings.flatMap((mapping, index) => {
    if (!mapping) return [];
    const clash = mapping.lens === 'constant' && mapping.external !== undefined && groups.has(mapping.external);
    return [
      ...(clash ? [fault(['fields', index, 'external'], 'has the name of a mapped Bevatel field')] : []),
      ...(fieldNames(mapping, 'external').some((name) => name === reference) ? [fault(['fields', index, 'external'], 'is the reference property, which holds the Bevatel contact\'s id')] : []),
    ];
  });
}

function matchFaults(data: unknown, mappings: Mappings): readonly Fault[] {
  const match = valueAt(data, ['match']);
  if (!Array.isArray(match)) return [];
  return match.flatMap((name, index) => {
    const mapping = mappings.find((one) => one && fieldNames(one, 'bevatel').includes(name));
    const usable = !mapping || mapping.lens === 'phone' || mapping.lens === 'email';
    const double = match.indexOf(name) !== index;
    return [
      ...(usable ? [] : [fault(['match', index], `"${name}" is not mapped by lens phone or email`, 'other values do not tell persons apart')]),
      ...(double ? [fault(['match', index], `"${name}" stands twice`)] : []),
    ];
  });
}

function connectionFaults(data: unknown): readonly Fault[] {
  const secret = valueAt(data, ['connection', 'webhookSecretEnv']);
  const account = valueAt(data, ['connection', 'account']);
  return secret !== undefined && account === undefined ? [fault(['connection', 'account'], 'is missing', 'webhooks are told apart by the account that they name (HubSpot: the portal id)')] : [];
}

const INLINE_ADVICE = 'write the NAME of an environment variable, set the secret there, and renew this one if the file was shared';
/** HubSpot's private app tokens, JSON web tokens, Authorization headers. */
const SECRET = /\bpat-[a-z]{2,4}\d*-[0-9a-f-]{12,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.|^(?:bearer|basic)\s/i;

/** Values that look like secrets, wherever they stand, and never repeated. */
function secretFaults(value: unknown, path: Path): readonly Fault[] {
  if (typeof value === 'string') return isSecret(value, String(path.at(-1))) ? [fault(path, 'looks like a secret', INLINE_ADVICE)] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => secretFaults(item, [...path, index]));
  return isObject(value) ? Object.entries(value).flatMap(([key, item]) => secretFaults(item, [...path, key])) : [];
}

function isSecret(value: string, key: string): boolean {
  if (SECRET.test(value)) return true;
  if (key.endsWith('Env')) return value.length > 64 || /^[0-9A-F]{16,}$/.test(value);
  const url = key.endsWith('Url') ? URL.parse(value) : null;
  return url !== null && (url.username !== '' || url.password !== '' || url.search !== '');
}
