/** What the `values` of a picklist, a boolean or a set must keep: a map that goes both ways, over options that exist. */
import { contactFieldRule } from './contact.ts';
import type { Integration, OneToOneMapping } from './integration.ts';
import { fault } from './integration-shape.ts';
import type { IntegrationFault } from './integration-shape.ts';

type Faults = readonly IntegrationFault[];

/** `direction` is the entry's own, the integration's considered. */
export function optionFaults(mapping: OneToOneMapping, direction: Integration['direction']): Faults {
  const { lens, values, unknown } = mapping;
  if (lens === 'picklist' && Object.keys(values ?? {}).length === 0) return [fault(['values'], 'is missing', 'list Bevatel\'s values and the external system\'s internal ones')];
  if (!values) return unknown === undefined ? [] : [fault(['unknown'], 'is for entries with values only')];
  const own = ownOptions(mapping);
  return [
    ...(direction === 'to_external' ? [] : doubled(values)),
    ...Object.entries(values).flatMap(([bevatel, external]) => pairFaults(mapping, own, bevatel, external)),
    ...(mapping.default === undefined || lens === 'set' || Object.hasOwn(values, String(mapping.default)) ? [] : [fault(['default'], 'is not among Bevatel\'s values in `values`')]),
    ...unknownFaults(mapping, own),
  ];
}

/** What Bevatel's field can hold at all, where it has a list of that. */
function ownOptions({ lens, bevatel }: OneToOneMapping): readonly string[] | undefined {
  return lens === 'boolean' ? ['true', 'false'] : contactFieldRule(bevatel)?.options;
}

function doubled(values: Readonly<Record<string, string>>): Faults {
  const taken = new Map<string, string>();
  return Object.entries(values).flatMap(([bevatel, external]) => {
    const other = taken.get(external);
    taken.set(external, bevatel);
    return other === undefined ? [] : [fault(['values', bevatel], `maps to the same value as "${other}"`, 'the map must be one to one, unless the direction is to_external')];
  });
}

function pairFaults({ lens, bevatel: field }: OneToOneMapping, own: readonly string[] | undefined, bevatel: string, external: string): Faults {
  const at = ['values', bevatel];
  const isBlank = [bevatel, external].some((value) => value.trim() !== value || value === '');
  return [
    ...(isBlank ? [fault(at, 'a value is empty or has blanks at its ends', 'an empty field needs no entry')] : []),
    ...(own && !own.includes(bevatel) ? [fault(at, `is not a value of "${field}"`, `it has ${own.join(', ')}`)] : []),
    ...(lens === 'set' && `${bevatel}${external}`.includes(';') ? [fault(at, 'has a ; in it, which separates the items of a set')] : []),
  ];
}

function unknownFaults({ lens, unknown }: OneToOneMapping, own: readonly string[] | undefined): Faults {
  if (unknown === undefined) return [];
  if (unknown === 'ignore' && lens !== 'set') return [fault(['unknown'], 'ignore is for sets, of which each side can keep its own items', 'choose invalid, keep or { to_external: …, to_bevatel: … }')];
  if (typeof unknown !== 'object') return [];
  const blank = Object.entries(unknown).filter(([, value]) => value?.trim() === '').map(([key]) => fault(['unknown', key], 'is empty'));
  const strange = own && unknown.to_bevatel !== undefined && !own.includes(unknown.to_bevatel) ? [fault(['unknown', 'to_bevatel'], 'is not a value of the Bevatel field', `it has ${own.join(', ')}`)] : [];
  return [...(Object.keys(unknown).length === 0 ? [fault(['unknown'], 'names no value', 'give to_external, to_bevatel or both')] : []), ...blank, ...strange];
}
