/**
 * Checks a mapping against the account's own properties (fact sheet §7 "Discovery") before the first run: an unknown
 * property, a read-only one or an unknown option would make whole writes fail later. All faults are returned at once.
 */
import { z } from 'zod';
import type { CallOptions, FieldUse, MappingFault } from '../connector.ts';
import { isSyncError } from '../../schemas/errors.ts';
import type { HubSpotAnswer, HubSpotClient } from './client.ts';
import { CONTACT_PROPERTIES_PATH, CONTACTS_PATH } from './paths.ts';
import { parseAnswer } from './record.ts';

const zProperty = z.object({
  name: z.string(),
  type: z.string(),
  fieldType: z.string().catch(''),
  options: z.array(z.object({ value: z.string() })).catch([]),
  /** The options are kept elsewhere (owners) and not listed. */
  externalOptions: z.boolean().catch(false),
  hasUniqueValue: z.boolean().catch(false),
  calculated: z.boolean().catch(false),
  modificationMetadata: z.object({ readOnlyValue: z.boolean() }).catch({ readOnlyValue: false }),
});
export type HubSpotProperty = z.infer<typeof zProperty>;

/** HubSpot types into which a use may be written without loss. */
const WRITABLE_TYPES: Readonly<Record<FieldUse['type'], readonly string[]>> = {
  text: ['string', 'phone_number'],
  phone: ['string', 'phone_number'],
  email: ['string'],
  url: ['string'],
  number: ['number', 'string'],
  boolean: ['bool', 'enumeration', 'string'],
  date: ['date', 'datetime', 'string'],
  datetime: ['datetime', 'string'],
  picklist: ['enumeration', 'bool', 'string'],
  set: ['enumeration', 'string'],
};

/** HubSpot makes a contact only with one of these (fact sheet §2). */
const CREATABLE_BY: readonly string[] = ['email', 'firstname', 'lastname'];

export interface MappingCheck {
  readonly uses: readonly FieldUse[];
  readonly creates: boolean;
  readonly referenceProperty: string;
}

export async function checkHubSpotMapping(client: HubSpotClient, { uses, creates, referenceProperty }: MappingCheck, options: CallOptions): Promise<readonly MappingFault[]> {
  const probe = (operation: string, path: string, query: Record<string, string>): Promise<HubSpotAnswer> =>
    client.call({ operation, method: 'GET', path, query, kind: 'calls', isWrite: false }, options);
  const reading = await permitted('crm.objects.contacts.read', () => probe('list', CONTACTS_PATH, { limit: '1' }));
  const discovery = await permitted('crm.schemas.contacts.read', () => probe('properties', CONTACT_PROPERTIES_PATH, { archived: 'false' }));
  const denied = [reading, discovery].flatMap((outcome) => ('fault' in outcome ? [outcome.fault] : []));
  if ('fault' in discovery) return denied;
  const { results } = parseAnswer(z.object({ results: z.array(zProperty) }), discovery.answer.body, 'properties');
  const known = new Map(results.map((property) => [property.name, property]));
  return [
    ...denied, ...(creates ? creationFaults(uses) : []), ...referenceFaults(known.get(referenceProperty), referenceProperty),
    ...uses.flatMap((use) => usageFaults(use, known.get(use.field))),
  ];
}

function creationFaults(uses: readonly FieldUse[]): MappingFault[] {
  if (uses.some(({ field, written }) => written && CREATABLE_BY.includes(field))) return [];
  return [{
    field: '*', code: 'required_missing', message: `HubSpot makes a contact only with one of ${CREATABLE_BY.join(', ')}, and the mapping writes none of them`,
    advice: 'Map one of them, or set create.external to false.',
  }];
}

/** A missing scope is a fault of the mapping check; any other failure is not for it to judge. */
async function permitted(scope: string, call: () => Promise<HubSpotAnswer>): Promise<{ readonly answer: HubSpotAnswer } | { readonly fault: MappingFault }> {
  try {
    return { answer: await call() };
  } catch (error) {
    if (!isSyncError(error) || error.code !== 'missing_scope') throw error;
    return { fault: { field: '*', code: 'missing_scope', message: `The token lacks the scope ${scope}`, advice: `Add ${scope} to the app's scopes and use its new token.` } };
  }
}

function referenceFaults(property: HubSpotProperty | undefined, name: string): MappingFault[] {
  const advice = `Create the contact property "${name}" (internal name) as single-line text with "Require unique values", in Settings > Properties.`;
  if (!property) return [{ field: name, code: 'reference_missing', message: `HubSpot has no contact property "${name}" for the Bevatel id`, advice }];
  if (property.type !== 'string' || !property.hasUniqueValue || isReadOnly(property)) {
    return [{ field: name, code: 'reference_unsuitable', message: `The contact property "${name}" is not a writable text property with unique values`, advice }];
  }
  return [];
}

/** The faults of one use; pure. `property` is undefined where HubSpot has none of that name. */
export function usageFaults(use: FieldUse, property: HubSpotProperty | undefined): MappingFault[] {
  const { field } = use;
  if (!property) {
    return [{ field, code: 'unknown_field', message: `HubSpot has no contact property "${field}"`, advice: 'Use the internal name of an existing contact property, or create it.' }];
  }
  if (!use.written) return optionFaults(use, property);
  if (isReadOnly(property)) {
    return [{ field, code: 'read_only', message: `The contact property "${field}" cannot be written`, advice: 'Set the direction of this field to to_bevatel, or map another property.' }];
  }
  if (!WRITABLE_TYPES[use.type].includes(property.type)) {
    const advice = property.type === 'enumeration' ? 'Use a picklist lens that maps to the internal values of its options.' : 'Map a property of a fitting type, or another lens.';
    return [{ field, code: 'wrong_type', message: `The contact property "${field}" is of type ${property.type}, which does not take ${use.type}`, advice }];
  }
  if (use.type === 'set' && property.type === 'enumeration' && property.fieldType !== 'checkbox') {
    return [{ field, code: 'wrong_type', message: `The contact property "${field}" takes one option, not several`, advice: 'Map a property of the type "Multiple checkboxes", or use lens: picklist.' }];
  }
  return [...openFaults(use, property), ...optionFaults(use, property)];
}

/** A value that is none of its options makes HubSpot refuse the whole write. */
function openFaults({ field, values, open }: FieldUse, { type, externalOptions }: HubSpotProperty): MappingFault[] {
  if (type !== 'enumeration' || externalOptions || (values && !open)) return [];
  return [{
    field, code: 'any_value', message: `The contact property "${field}" takes its own options only, and the mapping may write anything there`,
    advice: 'List the options in values, and choose for the others unknown: invalid, ignore (sets) or { to_external: … }.',
  }];
}

function optionFaults(use: FieldUse, property: HubSpotProperty): MappingFault[] {
  if (property.type !== 'enumeration' || property.externalOptions) return [];
  const options = new Set(property.options.map(({ value }) => value));
  const unknown = (use.values ?? []).filter((value) => !options.has(value));
  if (unknown.length === 0) return [];
  return [{
    field: use.field, code: 'unknown_option', message: `The contact property "${use.field}" has no option ${unknown.map((value) => `"${value}"`).join(', ')}`,
    advice: `Use the internal values, not the labels: ${[...options].slice(0, 20).join(', ')}.`,
  }];
}

function isReadOnly(property: HubSpotProperty): boolean {
  return property.calculated || property.modificationMetadata.readOnlyValue;
}
