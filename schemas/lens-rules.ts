/** What one entry of `fields` must keep beyond its shape: a lens that fits its fields and settings that fit the lens. */
import { isSupportedCountry } from 'libphonenumber-js/core';
import type { CountryCode } from 'libphonenumber-js/core';
import metadata from 'libphonenumber-js/metadata.max';
import { contactFieldRule, isCustomField } from './contact.ts';
import type { FieldType } from './contact.ts';
import { directionOf, fieldNames } from './integration.ts';
import type { ConstantMapping, FieldMapping, FullNameMapping, GroupMapping, Integration, OneToOneMapping, TemplateMapping } from './integration.ts';
import { fault } from './integration-shape.ts';
import type { IntegrationFault } from './integration-shape.ts';
import { optionFaults } from './option-rules.ts';
import { notInvertible, readTemplate, templateFields } from './template.ts';

type Faults = readonly IntegrationFault[];
type Lens = OneToOneMapping['lens'];

/** `direction` is the integration's. */
export function lensFaults(mapping: FieldMapping, direction: Integration['direction']): Faults {
  switch (mapping.lens) {
    case 'constant': return constantFaults(mapping);
    case 'full_name': return fullNameFaults(mapping);
    case 'group': return groupFaults(mapping);
    case 'template': return templateFaults(mapping);
    default: return oneToOneFaults(mapping, direction);
  }
}

/** Which types of a Bevatel field a lens can carry; a custom attribute takes the type of its lens. */
const CARRIES: Readonly<Record<Lens, readonly FieldType[]>> = {
  text: ['text', 'number', 'boolean', 'date', 'datetime', 'url', 'picklist', 'set'],
  number: ['number'],
  boolean: ['boolean'],
  date: ['date'],
  datetime: ['datetime'],
  phone: ['phone', 'text'],
  email: ['email', 'text'],
  url: ['url', 'text'],
  picklist: ['picklist', 'text'],
  set: ['set'],
};

/** The lenses that a setting is for; what is not named here is for all. */
const FOR: Readonly<Partial<Record<keyof OneToOneMapping, readonly Lens[]>>> = {
  region: ['phone'],
  zone: ['datetime'],
  dateOnly: ['datetime'],
  values: ['picklist', 'boolean', 'set'],
  unknown: ['picklist', 'boolean', 'set'],
  truncate: ['text'],
  alike: ['text'],
  maxLength: ['text', 'phone', 'email', 'url', 'picklist'],
};

function oneToOneFaults(mapping: OneToOneMapping, direction: Integration['direction']): Faults {
  const misplaced = Object.entries(FOR).flatMap(([setting, lenses]) =>
    (mapping[setting as keyof OneToOneMapping] === undefined || lenses.includes(mapping.lens) ? [] : [fault([setting], `is for lens: ${lenses.join(', ')} only`)]));
  return [
    ...typeFaults(mapping), ...misplaced, ...defaultFaults(mapping), ...timeFaults(mapping), ...truncateFaults(mapping), ...alikeFaults(mapping),
    ...(misplaced.some(({ path }) => path[0] === 'values') ? [] : optionFaults(mapping, directionOf(mapping, { direction }))),
    ...(mapping.region === undefined || isSupportedCountry(mapping.region as CountryCode, metadata) ? [] : [fault(['region'], 'is not a region', 'give the ISO 3166-1 code, such as SA')]),
  ];
}

function typeFaults({ bevatel, lens }: OneToOneMapping): Faults {
  const type = contactFieldRule(bevatel)?.type;
  if (!type || isCustomField(bevatel) || CARRIES[lens].includes(type)) return [];
  return [fault(['lens'], `${lens} does not fit "${bevatel}", which is of type ${type}`, type === 'phone' || type === 'email' ? `use lens: ${type}` : 'use lens: text')];
}

function defaultFaults(mapping: OneToOneMapping): Faults {
  const wanted = mapping.invalid === 'default' ? 'an invalid one' : mapping.empty === 'default' ? 'an empty one' : null;
  if (mapping.default === undefined) return wanted === null ? [] : [fault(['default'], 'is missing', `give the value that stands for ${wanted}, or choose ${mapping.invalid === 'default' ? 'invalid: skip' : 'empty: clear'}`)];
  const isFitting = mapping.lens === 'number' ? Number.isFinite(Number(mapping.default)) : mapping.lens !== 'boolean' || ['true', 'false'].includes(String(mapping.default));
  return isFitting ? [] : [fault(['default'], `is not a ${mapping.lens}`)];
}

function timeFaults({ zone, dateOnly }: OneToOneMapping): Faults {
  if (dateOnly !== undefined && zone === undefined) return [fault(['zone'], 'is missing', 'name the zone whose day it is, such as Asia/Riyadh')];
  return zone === undefined || isZone(zone) ? [] : [fault(['zone'], 'is not a time zone', 'give its IANA name, such as Asia/Riyadh')];
}

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '' && !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

function truncateFaults({ bevatel, truncate, maxLength }: OneToOneMapping): Faults {
  if (truncate === undefined) return [];
  const type = contactFieldRule(bevatel)?.type ?? 'text';
  if (type !== 'text') return [fault(['truncate'], `"${bevatel}" is of type ${type}`, 'only a text means something when it is cut')];
  if (truncate.trim() === '' || /^\p{M}/u.test(truncate)) return [fault(['truncate'], 'must be a mark that can be seen', 'such as "…"')];
  if (maxLength === undefined) return [fault(['maxLength'], 'is missing', 'the length of the external field, to which texts are cut')];
  return [...truncate].length < maxLength ? [] : [fault(['truncate'], 'must be shorter than maxLength')];
}

function alikeFaults({ bevatel, alike }: OneToOneMapping): Faults {
  const type = contactFieldRule(bevatel)?.type ?? 'text';
  if (alike === undefined || type === 'text') return [];
  return [fault(['alike'], `"${bevatel}" is of type ${type}`, 'only texts are written in several ways')];
}

function constantFaults(mapping: ConstantMapping): Faults {
  const faults: IntegrationFault[] = [...oneFilledFaults(mapping, 'a constant', 'leave it out')];
  if (String(mapping.value).trim() === '') faults.push(fault(['value'], 'is empty'));
  const { bevatel, value } = mapping;
  const rule = bevatel === undefined ? undefined : contactFieldRule(bevatel);
  if (rule?.options && !rule.options.includes(String(value))) faults.push(fault(['value'], `must be one of ${rule.options.join(', ')}`));
  else if (bevatel !== undefined && rule && !isCustomField(bevatel) && typeof value !== 'string') faults.push(fault(['value'], 'must be a text', 'put it in quotes'));
  return [...faults, ...noDefault(mapping, 'a constant has no default')];
}

/** A text or a value that one side gets. */
function oneFilledFaults(mapping: ConstantMapping | TemplateMapping, what: string, advice: string): Faults {
  const given = (['bevatel', 'external'] as const).filter((side) => mapping[side] !== undefined);
  if (given.length !== 1) return [fault([], `${what} names exactly one of bevatel and external`, 'the side that gets the value')];
  const isPossible = mapping.direction === undefined || mapping.direction === `to_${given[0] ?? ''}` || (mapping.lens === 'template' && mapping.direction === 'both');
  return isPossible ? [] : [fault(['direction'], `contradicts the side that gets ${what === 'a constant' ? 'the constant' : 'the text'}`, advice)];
}

function fullNameFaults(mapping: FullNameMapping): Faults {
  const isOneToTwo = typeof mapping.bevatel !== typeof mapping.external;
  return [
    ...(isOneToTwo ? [] : [fault([], 'a full name is one field on one side and [first, last] on the other', 'where both sides have two fields, map each with lens: text')]),
    ...textOnly(mapping),
    ...noDefault(mapping, 'a full name has no default', 'choose skip or quarantine'),
  ];
}

function groupFaults(mapping: GroupMapping): Faults {
  const { bevatel, external, separator } = mapping;
  const isOneText = typeof bevatel !== typeof external;
  const isPaired = typeof bevatel !== 'string' && typeof external !== 'string' && bevatel.length === external.length;
  return [
    ...(isOneText || isPaired ? [] : [fault([], 'a group is as many fields on each side, or one field on one of them', typeof bevatel === 'string' ? 'for one field on each side leave lens: group out' : undefined)]),
    ...(separator === undefined || isOneText ? [] : [fault(['separator'], 'is for a group with one text on one side only')]),
    ...(separator === '' ? [fault(['separator'], 'is empty')] : []),
    ...(isOneText ? textOnly(mapping) : []),
    ...noDefault(mapping, 'a group has no default', 'choose skip or quarantine'),
  ];
}

function templateFaults(mapping: TemplateMapping): Faults {
  const faults = [...oneFilledFaults(mapping, 'a template', 'leave it out, or write both'), ...noDefault(mapping, 'a template has no default', 'choose skip or quarantine')];
  const reading = readTemplate(mapping.template);
  if (!reading.ok) return [...faults, fault(['template'], reading.fault, 'fields stand in {braces}, parts that may be left out in [brackets]')];
  const why = notInvertible(reading.template);
  return [
    ...faults,
    ...(templateFields(mapping.template).length === 0 ? [fault(['template'], 'has no field in it', 'for a fixed text use lens: constant')] : []),
    ...(mapping.direction === 'both' && why !== null ? [fault(['direction'], `the template cannot be read backwards: ${why}`, 'leave direction out, so that it goes one way')] : []),
    ...(mapping.direction === 'both' || mapping.bevatel !== undefined ? textOnly(mapping) : []),
  ];
}

/** Texts are joined and split; other types would lose what they are. */
function textOnly(mapping: FieldMapping): Faults {
  const strange = fieldNames(mapping, 'bevatel').find((name) => (contactFieldRule(name)?.type ?? 'text') !== 'text');
  return strange === undefined ? [] : [fault([mapping.lens === 'template' && mapping.bevatel === undefined ? 'template' : 'bevatel'], `"${strange}" is not a text field`)];
}

function noDefault(mapping: FieldMapping, message: string, advice?: string): Faults {
  return mapping.invalid === 'default' ? [fault(['invalid'], message, advice)] : [];
}
