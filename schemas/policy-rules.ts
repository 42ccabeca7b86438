/** What a field's policy needs of the field: a set to be merged, an order to tell what is more restrictive. */
import { contactFieldRule } from './contact.ts';
import type { FieldMapping } from './integration.ts';
import type { IntegrationFault } from './integration-shape.ts';

export function policyFaults(mapping: FieldMapping): readonly IntegrationFault[] {
  return [...unionFaults(mapping), ...restrictiveFaults(mapping), ...timeFaults(mapping)];
}

function unionFaults(mapping: FieldMapping): readonly IntegrationFault[] {
  if (mapping.policy !== 'union' || isSet(mapping)) return [];
  return [{ path: ['policy'], message: 'union is for sets only', advice: 'such as tags; choose latest_wins, non_empty_wins, bevatel_wins, external_wins or manual' }];
}

function isSet({ lens, bevatel }: FieldMapping): boolean {
  return lens === 'set' || (lens === 'text' && contactFieldRule(bevatel)?.type === 'set');
}

function restrictiveFaults(mapping: FieldMapping): readonly IntegrationFault[] {
  const { restrictive, policy, bevatel, lens } = mapping;
  const isRestrictive = policy === 'most_restrictive' || (policy === undefined && bevatel === 'consent' && lens !== 'constant');
  if (!isRestrictive) return restrictive === undefined ? [] : [{ path: ['restrictive'], message: 'is for policy: most_restrictive only' }];
  if (typeof bevatel !== 'string' || lens === 'constant') return [{ path: ['policy'], message: 'most_restrictive is for one field on each side' }];
  if (restrictive === undefined) return bevatel === 'consent' ? [] : [{ path: ['restrictive'], message: 'is missing', advice: 'list Bevatel\'s values from the most restrictive on, such as [opted_out, opted_in]; what is not listed is no statement' }];
  const options = contactFieldRule(bevatel)?.options ?? ('values' in mapping && mapping.values ? Object.keys(mapping.values) : undefined);
  const strange = options ? restrictive.findIndex((value) => !options.includes(String(value))) : -1;
  const double = restrictive.findIndex((value, index) => restrictive.indexOf(value) !== index);
  return [
    ...(strange < 0 || !options ? [] : [{ path: ['restrictive', strange], message: `is not a value of "${bevatel}"`, advice: `it has ${options.join(', ')}` }]),
    ...(double < 0 ? [] : [{ path: ['restrictive', double], message: 'stands twice' }]),
  ];
}

const TIMELESS = new Set(['bevatel_wins', 'external_wins', 'manual', 'union', 'most_restrictive']);

function timeFaults(mapping: FieldMapping): readonly IntegrationFault[] {
  const { policy } = mapping;
  if (policy === undefined || !TIMELESS.has(policy)) return [];
  return (['toleranceMs', 'fallback'] as const).filter((name) => mapping[name] !== undefined).map((name) => ({ path: [name], message: `has no effect with policy: ${policy}, which asks no clock` }));
}
