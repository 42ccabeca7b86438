/**
 * What an integration file must keep beyond its shape: lenses that fit their fields, matching that can work, no secrets.
 *
 * Works on what is well-formed even when other parts are not, so that all faults are told at once.
 */
import { filterFaults, whenFaults } from './condition-rules.ts';
import { contactFieldRule } from './contact.ts';
import type { FieldType } from './contact.ts';
import { deleteFaults } from './integration-deletes.ts';
import { fieldNames, filledSide, isReadOnlyUse, zFieldMapping, zIntegration } from './integration.ts';
import type { FieldMapping, Integration } from './integration.ts';
import { asWritten, fault, isObject, valueAt } from './integration-shape.ts';
import type { IntegrationFault, Path } from './integration-shape.ts';
import { lensFaults } from './lens-rules.ts';
import { fieldOfRule, zMatchRule } from './matching.ts';
import { policyFaults } from './policy-rules.ts';

export function semanticFaults(data: unknown): readonly IntegrationFault[] {
  const raw = valueAt(data, ['fields']);
  const mappings = Array.isArray(raw) ? raw.map((field) => zFieldMapping.safeParse(field).data ?? null) : [];
  return [
    ...crossFieldFaults(data, mappings),
    ...mappings.flatMap((mapping, index) => (mapping ? mappingFaults(mapping, directionIn(data)).map(at(['fields', index])) : [])),
    ...filterFaults(valueAt(data, ['filter'])).map(at(['filter'])),
    ...nameFaults(data, mappings),
    ...matchFaults(data, mappings),
    ...connectionFaults(data),
    ...deleteFaults(data),
    ...secretFaults(data, []),
  ];
}

type Fault = IntegrationFault;
type Mappings = readonly (FieldMapping | null)[];

function at(above: Path): (fault: Fault) => Fault {
  return (fault) => ({ ...fault, path: [...above, ...fault.path] });
}

/**
 * zIntegration's own rules across fields run only on a whole file; here they run on one whose broken parts are
 * replaced, so that they are told together with what broke.
 */
function crossFieldFaults(data: unknown, mappings: Mappings): readonly Fault[] {
  if (mappings.length === 0) return [];
  const match = rulesIn(data);
  const fields = mappings.map((mapping, index) => mapping ?? standIn(valueAt(data, ['fields', index]), index));
  const parsed = zIntegration.safeParse({
    integration: 'x', tenant: 'x', system: 'hubspot', connection: { tokenEnv: 'X' }, bevatel: { baseUrl: 'http://x', keyEnv: 'X' }, fields,
    ...(match === undefined ? {} : { match: match.every((rule) => zMatchRule.safeParse(rule).success) ? match : [] }),
  });
  return parsed.success ? [] : parsed.error.issues.filter((issue) => issue.code === 'custom').map((issue) => fault(asWritten(issue.path as Path, data), issue.message));
}

/** For a broken mapping: a sound one of the same names, as far as they are told. */
function standIn(raw: unknown, index: number): unknown {
  const named = (side: string): string | undefined => (isObject(raw) && typeof raw[side] === 'string' ? raw[side] : undefined);
  const bevatel = named('bevatel');
  const external = named('external') ?? ` ${index}`;
  return bevatel === undefined ? { lens: 'constant', external, value: 'x' } : { bevatel, external };
}

/** Of the integration; what is wrong with it is told elsewhere. */
function directionIn(data: unknown): Integration['direction'] {
  const direction = valueAt(data, ['direction']);
  return direction === 'to_external' || direction === 'to_bevatel' ? direction : 'both';
}

function mappingFaults(mapping: FieldMapping, direction: Integration['direction']): readonly Fault[] {
  const blank = (['bevatel', 'external'] as const).filter((side) => fieldNames(mapping, side).some((name) => name.trim() === '')).map((side) => fault([side], 'a field name is empty'));
  return [...blank, ...lensFaults(mapping, direction), ...policyFaults(mapping), ...whenFaults(mapping, direction)];
}

/** Lens groups are told apart by name, and one that fills a field of the external system has that field's. */
function nameFaults(data: unknown, mappings: Mappings): readonly Fault[] {
  const reference = valueAt(data, ['connection', 'referenceProperty']) ?? 'bevatel_contact_id';
  const groups = new Set(mappings.map((mapping) => mapping && filledSide(mapping) !== 'external' && fieldNames(mapping, 'bevatel').join('+')));
  return mappings.flatMap((mapping, index) => {
    if (!mapping) return [];
    const clash = filledSide(mapping) === 'external' && groups.has(fieldNames(mapping, 'external')[0] ?? '');
    return [
      ...(clash ? [fault(['fields', index, 'external'], 'has the name of a mapped Bevatel field')] : []),
      ...(fieldNames(mapping, 'external').some((name) => name === reference) ? [fault(['fields', index, 'external'], 'is the reference property, which holds the Bevatel contact\'s id')] : []),
    ];
  });
}

/** The rules of `match`, which may be their list itself; undefined where none are written. */
function rulesIn(data: unknown): readonly unknown[] | undefined {
  const match = valueAt(data, ['match']);
  const rules = Array.isArray(match) ? match : valueAt(data, ['match', 'rules']);
  return Array.isArray(rules) ? rules : match === undefined || isObject(match) ? undefined : [];
}

/** Types of a Bevatel field whose values can name one person. */
const IDENTIFYING: readonly FieldType[] = ['text', 'number'];

function matchFaults(data: unknown, mappings: Mappings): readonly Fault[] {
  const rules = (rulesIn(data) ?? []).map((rule) => zMatchRule.safeParse(rule).data ?? null);
  const names = rules.map((rule) => rule && fieldOfRule(rule));
  return rules.flatMap((rule, index) => {
    if (rule === null) return [];
    const name = fieldOfRule(rule);
    const path = asWritten(['match', 'rules', index], data);
    const mapping = mappings.find((one) => one && !isReadOnlyUse(one, 'bevatel') && fieldNames(one, 'bevatel').includes(name)) ?? null;
    const wrong = mapping && (typeof rule === 'string' ? plainRuleFault(mapping, name) : identifierFault(mapping, name));
    return [
      ...(wrong ? [fault(path, ...wrong)] : []),
      ...(names.indexOf(name) === index ? [] : [fault(path, `"${name}" stands twice`)]),
    ];
  });
}

type Why = readonly [message: string, advice: string];

function plainRuleFault({ lens }: FieldMapping, name: string): Why | null {
  if (lens === 'phone' || lens === 'email') return null;
  return [`"${name}" is not mapped by lens phone or email`, `other values do not tell persons apart; where each of these names one person, write { identifier: ${name} }`];
}

function identifierFault(mapping: FieldMapping, name: string): Why | null {
  const { lens } = mapping;
  if (lens === 'phone' || lens === 'email') return [`"${name}" is mapped by lens ${lens}`, `write ${name} alone`];
  const type = contactFieldRule(name)?.type ?? 'text';
  const isOne = (lens === 'text' && IDENTIFYING.includes(type)) || lens === 'number';
  return isOne ? null : [`"${name}" cannot identify a person`, 'an identifier is one text or number on each side, mapped by lens text or number'];
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
