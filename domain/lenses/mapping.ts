/**
 * The mapping of an integration: its lenses with the settings of each, ready for deciding, matching and checking.
 *
 * Built once per integration and kept: its phone rules remember what they parsed. A setting of a field stands before
 * the integration's (design §5.3). The integration must have passed `parseIntegrationFile`.
 */
import type { Lens } from '../lens.ts';
import { contactFieldRule } from '../../schemas/contact.ts';
import type { FieldRule, FieldType } from '../../schemas/contact.ts';
import { SyncError } from '../../schemas/errors.ts';
import type { FieldMapping, Integration } from '../../schemas/integration.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { typeRule } from '../canonical/rule.ts';
import { conflictRule } from '../policy.ts';
import type { ConflictRule } from '../policy.ts';
import { constantLens } from './constant.ts';
import { fullNameLens } from './full-name.ts';
import { picklistLens } from './picklist.ts';
import { emailLens, phoneLens, textLens } from './plain.ts';

export interface MappedLens {
  readonly lens: Lens;
  /** What Bevatel's value is. */
  readonly type: FieldType;
  readonly direction: Integration['direction'];
  readonly conflicts: ConflictRule;
  readonly invalid: Integration['invalid'];
  /** A record whose value here is empty is not created on the other side (F8). */
  readonly required: boolean;
  /** Bevatel's value of a one-field lens where `invalid` is `default`; put it through the lens for the other side. */
  readonly defaultValue: Value | null;
}

/** How a field is used, in the shape that a connector checks (connectors/connector.ts, FieldUse). */
export interface MappedField {
  readonly field: string;
  readonly type: FieldType;
  readonly written: boolean;
  /** The values that may be written, where they are known. */
  readonly values?: readonly string[];
}

export interface Mapping {
  readonly lenses: readonly MappedLens[];
  /** By `lens.name`. */
  readonly byName: ReadonlyMap<string, MappedLens>;
  /** Every mapped field of a side, without doubles. */
  readonly fields: Readonly<Record<Side, readonly string[]>>;
  /** How the mapping uses the fields of a side, for `Connector.checkMapping`. */
  uses(side: Side): readonly MappedField[];
}

const TEXT: FieldRule = { type: 'text' };

/** Throws SyncError `configuration_invalid` for what only an unchecked integration can hold. */
export function buildMapping(integration: Integration): Mapping {
  const lenses = integration.fields.map((mapping) => mapped(integration, mapping));
  const byName = new Map(lenses.map((entry) => [entry.lens.name, entry]));
  if (byName.size !== lenses.length) throw new SyncError('configuration_invalid', 'two mappings have the same name');
  const all = (side: Side): readonly string[] => lenses.flatMap(({ lens }) => lens.fields[side]);
  return {
    lenses,
    byName,
    fields: { bevatel: all('bevatel'), external: all('external') },
    uses: (side) => lenses.flatMap((entry, index) => usesOf(entry, integration.fields[index] as FieldMapping, side)),
  };
}

function mapped(integration: Integration, mapping: FieldMapping): MappedLens {
  const given = 'default' in mapping ? mapping.default : undefined;
  const { type } = kindOf(mapping, 'bevatel');
  return {
    lens: lensOf(mapping),
    type,
    direction: mapping.lens === 'constant' ? constantDirection(mapping) : (mapping.direction ?? integration.direction),
    // What stands in a constant's field wins by default: it is filled, not enforced.
    conflicts: conflictRule(integration, mapping.lens === 'constant' ? { policy: `${constantSide(mapping)}_wins`, ...mapping } : mapping, type),
    invalid: mapping.invalid ?? integration.invalid,
    required: mapping.required,
    defaultValue: given ?? null,
  };
}

function lensOf(mapping: FieldMapping): Lens {
  switch (mapping.lens) {
    case 'text': return textLens({ ...mapping, rule: ruleOf(mapping.bevatel) });
    case 'phone': return phoneLens({ ...mapping, rule: ruleOf(mapping.bevatel) });
    case 'email': return emailLens({ ...mapping, rule: ruleOf(mapping.bevatel) });
    case 'picklist': return picklistLens({ bevatel: mapping.bevatel, external: mapping.external, values: mapping.values ?? {} });
    case 'constant': return constantOf(mapping);
    case 'full_name': return fullNameOf(mapping);
    default: return mapping satisfies never;
  }
}

type Constant = Extract<FieldMapping, { lens: 'constant' }>;
type FullName = Extract<FieldMapping, { lens: 'full_name' }>;

function constantSide(mapping: Constant): Side {
  return mapping.bevatel === undefined ? 'external' : 'bevatel';
}

function constantDirection(mapping: Constant): 'to_bevatel' | 'to_external' {
  return `to_${constantSide(mapping)}`;
}

function constantOf(mapping: Constant): Lens {
  const side = constantSide(mapping);
  const field = mapping[side];
  if (field === undefined) throw new SyncError('configuration_invalid', 'a constant names no field');
  const rule = side === 'bevatel' ? ruleOf(field) : TEXT;
  return constantLens({ side, field, value: mapping.value, rule: typeRule(rule), maxLength: rule.maxLength });
}

function fullNameOf(mapping: FullName): Lens {
  const { bevatel, external } = mapping;
  const limits = new Map([bevatel].flat().map((name) => [name, ruleOf(name).maxLength ?? Infinity]));
  if (typeof bevatel === 'string' && typeof external !== 'string') {
    return fullNameLens({ fullSide: 'bevatel', full: bevatel, first: external[0], last: external[1], maxLength: limits });
  }
  if (typeof external === 'string' && typeof bevatel !== 'string') {
    return fullNameLens({ fullSide: 'external', full: external, first: bevatel[0], last: bevatel[1], maxLength: limits });
  }
  throw new SyncError('configuration_invalid', 'a full name needs one field on one side and two on the other');
}

function ruleOf(bevatelField: string): FieldRule {
  return contactFieldRule(bevatelField) ?? TEXT;
}

function usesOf(entry: MappedLens, mapping: FieldMapping, side: Side): readonly MappedField[] {
  const written = entry.direction === 'both' || entry.direction === `to_${side}`;
  return entry.lens.fields[side].map((field) => ({ field, written, ...kindOf(mapping, side) }));
}

/** Type and picklist values of a field as its side is to hold them. */
function kindOf(mapping: FieldMapping, side: Side): Pick<MappedField, 'type' | 'values'> {
  switch (mapping.lens) {
    // One known value, which a free text field takes as well as a picklist.
    case 'constant': return { type: mapping.bevatel === undefined ? 'picklist' : ruleOf(mapping.bevatel).type, values: [mapping.value] };
    case 'full_name': return { type: 'text' };
    case 'picklist': return { type: 'picklist', values: side === 'bevatel' ? Object.keys(mapping.values ?? {}) : Object.values(mapping.values ?? {}) };
    case 'phone':
    case 'email': return { type: mapping.lens };
    case 'text': {
      const { type, options } = ruleOf(mapping.bevatel);
      return { type, ...(options ? { values: options } : {}) };
    }
    default: return mapping satisfies never;
  }
}
