/** From an entry of the integration file to its lens, and to the types that its fields have on each side. */
import type { Lens } from '../lens.ts';
import { contactFieldRule, isCustomField } from '../../schemas/contact.ts';
import type { FieldRule, FieldType } from '../../schemas/contact.ts';
import { SyncError } from '../../schemas/errors.ts';
import { fieldNames, filledSide } from '../../schemas/integration.ts';
import type { ConstantMapping, FieldMapping, FullNameMapping, GroupMapping, OneToOneMapping, TemplateMapping } from '../../schemas/integration.ts';
import { readTemplate } from '../../schemas/template.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { typeRule } from '../canonical/rule.ts';
import { constantLens } from './constant.ts';
import { dayLens } from './day.ts';
import { fullNameLens } from './full-name.ts';
import { pairedLens, separatedLens } from './group.ts';
import { optionLens } from './options.ts';
import { plainLens } from './plain.ts';
import { templateLens } from './template.ts';

const TEXT: FieldRule = { type: 'text' };
const DEFAULT_SEPARATOR = ', ';

/** Throws SyncError `configuration_invalid` for what only an unchecked integration can hold. */
export function lensOf(mapping: FieldMapping): Lens {
  switch (mapping.lens) {
    case 'constant': return constantOf(mapping);
    case 'full_name': return fullNameOf(mapping);
    case 'group': return groupOf(mapping);
    case 'template': return templateOf(mapping);
    default: return oneToOneOf(mapping);
  }
}

/** What a field is and, where that is known, which values it may be given or is compared to; as its side is to hold it. */
export interface FieldKind {
  readonly type: FieldType;
  readonly values?: readonly string[];
  /** Values besides these come about too. */
  readonly open?: true;
}

const BOOLEANS = ['true', 'false'];

export function kindOf(mapping: FieldMapping, side: Side): FieldKind {
  switch (mapping.lens) {
    // One known value, which a free text field takes as well as a picklist.
    case 'constant': return { type: mapping.bevatel === undefined ? 'picklist' : valueRule(mapping).type, values: [String(mapping.value)] };
    case 'full_name':
    case 'group':
    case 'template': return { type: 'text' };
    default: return oneToOneKind(mapping, side);
  }
}

function oneToOneKind(mapping: OneToOneMapping, side: Side): FieldKind {
  const { type, options } = ruleOf(mapping);
  if (mapping.dateOnly !== undefined) return { type: mapping.dateOnly === side ? 'date' : 'datetime' };
  if (!mapping.values) return { type, ...(type === 'boolean' ? { values: BOOLEANS } : options ? { values: options } : {}) };
  const standIn = typeof mapping.unknown === 'object' ? mapping.unknown[`to_${side}`] : undefined;
  const values = [...(side === 'bevatel' ? Object.keys(mapping.values) : Object.values(mapping.values)), ...(standIn === undefined ? [] : [standIn])];
  return { type: type === 'boolean' && side === 'external' ? 'picklist' : type, values: [...new Set(values)], ...(mapping.unknown === 'keep' ? { open: true } : {}) };
}

function oneToOneOf(mapping: OneToOneMapping): Lens {
  const { bevatel, external, zone, dateOnly } = mapping;
  const whenEmpty: Value | undefined = mapping.empty === 'default' ? mapping.default : undefined;
  if (dateOnly !== undefined && zone !== undefined) return dayLens({ bevatel, external, dateOnly, zone, whenEmpty });
  const rule = ruleOf(mapping);
  if (mapping.values) return optionLens({ bevatel, external, rule, values: mapping.values, unknown: mapping.unknown ?? 'invalid', whenEmpty });
  return plainLens({ bevatel, external, rule, zone, region: mapping.region, maxLength: mapping.maxLength, truncate: mapping.truncate, alike: mapping.alike, whenEmpty });
}

/** The lens's type with the Bevatel field's length and options; `text` has the field's own type. */
function ruleOf({ lens, bevatel }: OneToOneMapping): FieldRule {
  const own = bevatelRule(bevatel);
  return lens === 'text' ? own : { ...own, type: lens };
}

function constantOf(mapping: ConstantMapping): Lens {
  const side = filledSide(mapping) ?? 'external';
  const field = mapping[side];
  if (field === undefined) throw new SyncError('configuration_invalid', 'a constant names no field');
  const rule = valueRule(mapping);
  return constantLens({ side, field, value: mapping.value, rule: typeRule(rule), maxLength: rule.maxLength });
}

/** Of the field that gets the constant; a custom attribute takes the type of the value that is written. */
function valueRule({ bevatel, value }: ConstantMapping): FieldRule {
  if (bevatel === undefined) return TEXT;
  const own = bevatelRule(bevatel);
  return isCustomField(bevatel) && typeof value !== 'string' ? { type: typeof value === 'number' ? 'number' : 'boolean' } : own;
}

function fullNameOf(mapping: FullNameMapping): Lens {
  const { bevatel, external } = mapping;
  const maxLength = lengthsOf(mapping);
  if (typeof bevatel === 'string' && typeof external !== 'string') return fullNameLens({ fullSide: 'bevatel', full: bevatel, first: external[0], last: external[1], maxLength });
  if (typeof external === 'string' && typeof bevatel !== 'string') return fullNameLens({ fullSide: 'external', full: external, first: bevatel[0], last: bevatel[1], maxLength });
  throw new SyncError('configuration_invalid', 'a full name needs one field on one side and two on the other');
}

function groupOf(mapping: GroupMapping): Lens {
  const { bevatel, external, separator = DEFAULT_SEPARATOR } = mapping;
  const maxLength = lengthsOf(mapping);
  const name = fieldNames(mapping, 'bevatel').join('+');
  if (typeof bevatel === 'string' && typeof external !== 'string') return separatedLens({ name, wholeSide: 'bevatel', whole: bevatel, parts: external, separator, maxLength });
  if (typeof external === 'string' && typeof bevatel !== 'string') return separatedLens({ name, wholeSide: 'external', whole: external, parts: bevatel, separator, maxLength });
  if (typeof external === 'string' || typeof bevatel === 'string' || bevatel.length !== external.length) throw new SyncError('configuration_invalid', 'a group needs as many fields on each side, or one on one of them');
  return pairedLens(name, bevatel.map((field, index) => plainLens({ bevatel: field, external: external[index] ?? '', rule: bevatelRule(field), maxLength: mapping.maxLength })));
}

function templateOf(mapping: TemplateMapping): Lens {
  const side = filledSide(mapping) ?? 'external';
  const filled = mapping[side];
  const reading = readTemplate(mapping.template);
  if (filled === undefined || !reading.ok) throw new SyncError('configuration_invalid', 'a template names no field, or is none');
  return templateLens({ filledSide: side, filled, template: reading.template, fields: fieldNames(mapping, otherSide(side)), maxLength: lengthsOf(mapping) });
}

/** Of Bevatel's fields their own, of the external ones what the mapping says. */
function lengthsOf(mapping: FullNameMapping | GroupMapping | TemplateMapping): ReadonlyMap<string, number> {
  const own = fieldNames(mapping, 'bevatel').map((name) => [name, bevatelRule(name).maxLength ?? Infinity] as const);
  return new Map([...own, ...fieldNames(mapping, 'external').map((name) => [name, mapping.maxLength ?? Infinity] as const)]);
}

function bevatelRule(field: string): FieldRule {
  return contactFieldRule(field) ?? TEXT;
}
