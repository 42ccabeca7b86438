/** Checks a mapping against Bevatel's typed fields. Bevatel has no discovery call: its fields are part of the contract. */
import { contactFieldRule } from '../../schemas/contact.ts';
import type { FieldUse, MappingFault } from '../connector.ts';

export function mappingFaults(uses: readonly FieldUse[]): readonly MappingFault[] {
  return uses.flatMap(({ field, written, values }): MappingFault[] => {
    const rule = contactFieldRule(field);
    if (rule === undefined) {
      return [{ field, code: 'unknown_field', message: `Bevatel has no field "${field}"`, advice: 'Use one of the fields in docs/bevatel-contract.md, or custom.<name>.' }];
    }
    const { options } = rule;
    const strange = written && options !== undefined ? (values ?? []).filter((value) => !options.includes(value)) : [];
    if (strange.length === 0 || options === undefined) return [];
    return [{
      field, code: 'unknown_option', message: `"${field}" has no option ${strange.map((value) => `"${value}"`).join(', ')}`,
      advice: `Map to ${options.join(', ')}.`,
    }];
  });
}
