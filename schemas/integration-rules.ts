/**
 * What an integration file must keep beyond its shape: lenses that fit their fields, matching that can work, no secrets.
 *
 * Works on what is well-formed even when other parts are not, so that all faults are told at once.
 */
import { filterFaults, whenFaults } from './condition-rules.ts';
import { deleteFaults } from './integration-deletes.ts';
import { fieldNames, filledSide, isReadOnlyUse, zFieldMapping, zIntegration } from './integration.ts';
import type { FieldMapping, Integration } from './integration.ts';
import { fault, isObject, valueAt } from './integration-shape.ts';
import type { IntegrationFault, Path } from './integration-shape.ts';
import { lensFaults } from './lens-rules.ts';
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

function matchFaults(data: unknown, mappings: Mappings): readonly Fault[] {
  const match = valueAt(data, ['match']);
  if (!Array.isArray(match)) return [];
  return match.flatMap((name, index) => {
    const mapping = mappings.find((one) => one && !isReadOnlyUse(one, 'bevatel') && fieldNames(one, 'bevatel').includes(name));
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
