/** What zod found wrong with the shape of an integration file, in words for whoever wrote it. */
import type { z } from 'zod';
import { LENS_KINDS } from './field-mapping.ts';
import { zFieldMapping, zIntegration } from './integration.ts';
import { MATCH_SETTINGS } from './matching.ts';

export type Path = readonly (string | number)[];

export interface IntegrationFault {
  readonly path: Path;
  /** What is wrong; never repeats a value that could be a secret (I11). */
  readonly message: string;
  /** What to do, where the message does not say it. */
  readonly advice?: string;
}

export function fault(path: Path, message: string, advice?: string): IntegrationFault {
  return { path, message, ...(advice === undefined ? {} : { advice }) };
}

type Issue = z.core.$ZodIssue;

/** `data` is what was parsed: it tells a missing value from a wrong one. */
export function structuralFaults(error: z.ZodError, data: unknown): readonly IntegrationFault[] {
  return error.issues.flatMap((issue) => faultsOf(issue, [], data));
}

/** The path as it stands in the text: `match` may be the list of its rules, or be left out. */
export function asWritten(path: Path, data: unknown): Path {
  return path[0] === 'match' && path[1] === 'rules' && !isObject(valueAt(data, ['match'])) ? ['match', ...path.slice(2)] : path;
}

function faultsOf(issue: Issue, above: Path, data: unknown): readonly IntegrationFault[] {
  const path = asWritten([...above, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))], data);
  switch (issue.code) {
    case 'invalid_union': return unionFaults(issue, path, data);
    case 'unrecognized_keys': return issue.keys.map((key) => unknownKey(path, key, data));
    case 'invalid_type': return [wrongType(path, issue.expected, valueAt(data, path))];
    case 'invalid_value': return [{ path, message: `must be one of ${(path.at(-1) === 'lens' ? LENS_KINDS : issue.values).map(String).join(', ')}` }];
    case 'invalid_format': return [{ path, message: issue.format === 'url' ? 'must be an http or https address' : issue.message }];
    default: return [{ path, message: issue.message }];
  }
}

/** A field mapping is one of several shapes; faults are told of the one that its `lens` names. The other unions are of plain values. */
function unionFaults(issue: Issue & { code: 'invalid_union' }, path: Path, data: unknown): readonly IntegrationFault[] {
  const mapping = valueAt(data, path);
  if (path[0] === 'match') return [fault(path, 'must be the name of a field or { identifier: … }', 'the Bevatel field by which records are matched')];
  if (path.length === 2 && !isObject(mapping)) return [wrongType(path, 'object', mapping)];
  if (path.length === 2) return (issue.errors[shapeOf(mapping)] ?? []).flatMap((inner) => faultsOf(inner, path, data));
  return [{ path, ...unionFault(String(path.at(-1)), valueAt(data, path.slice(0, -1)), mapping) }];
}

function unionFault(key: string, mapping: unknown, value: unknown): Omit<IntegrationFault, 'path'> {
  if (value === undefined || value === null) return { message: 'is missing' };
  if (key === 'unknown') return { message: 'must be invalid, keep, ignore or { to_external: …, to_bevatel: … }', advice: 'the values that stand for an unknown one there' };
  if (key === 'value' || key === 'default') return { message: 'must be a text, a number, true or false' };
  return isObject(mapping) && mapping.lens === 'group'
    ? { message: 'must be a field name or a list of two or more' }
    : { message: 'must be a field name or, for the split side of full_name, a list of two', advice: '[first, last]' };
}

/** Index among the options of zFieldMapping. */
const SHAPES: Readonly<Record<string, number>> = { constant: 1, full_name: 2, group: 3, template: 4 };

function shapeOf(mapping: unknown): number {
  const lens = isObject(mapping) && typeof mapping.lens === 'string' ? mapping.lens : '';
  return Object.hasOwn(SHAPES, lens) ? SHAPES[lens] ?? 0 : 0;
}

function wrongType(path: Path, expected: string, value: unknown): IntegrationFault {
  if (value === undefined || value === null) return { path, message: path.length === 0 ? 'the file is empty' : 'is missing' };
  const quotable = expected === 'string' && (typeof value === 'number' || typeof value === 'boolean');
  return { path, message: `must be ${article(expected)}`, ...(quotable ? { advice: 'put it in quotes' } : {}) };
}

function article(expected: string): string {
  const word = expected === 'object' || expected === 'record' ? 'map of keys and values' : expected === 'array' || expected === 'tuple' ? 'list' : expected;
  return `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`;
}

function unknownKey(path: Path, key: string, data: unknown): IntegrationFault {
  const secret = /token|secret|password|passwd|api_?key|credential/i.test(key);
  const known = knownKeys(path, data).join(', ');
  const advice = secret ? 'secrets never stand in the file: name an environment variable in tokenEnv, webhookSecretEnv or keyEnv' : `known here are ${known}`;
  return { path: [...path, key], message: 'is not a setting', advice };
}

function knownKeys(path: Path, data: unknown): readonly string[] {
  const shape = zIntegration.shape;
  switch (path[0]) {
    case undefined: return Object.keys(shape);
    case 'connection': return Object.keys(shape.connection.shape);
    case 'bevatel': return Object.keys(shape.bevatel.shape);
    case 'conflicts': return Object.keys(shape.conflicts.unwrap().shape);
    case 'deletes': return Object.keys(shape.deletes.unwrap().shape);
    case 'create': return Object.keys(shape.create.unwrap().shape);
    case 'guards': return Object.keys(shape.guards.unwrap().shape);
    case 'poll': return Object.keys(shape.poll.unwrap().shape);
    case 'sweep': return Object.keys(shape.sweep.unwrap().shape);
    case 'oscillation': return Object.keys(shape.oscillation.unwrap().shape);
    case 'filter': return Object.keys(shape.filter.unwrap().shape);
    case 'match': return MATCH_SETTINGS[path.length === 1 ? 'match' : path[1] === 'names' ? 'names' : 'rule'];
    case 'merges': return Object.keys(shape.merges.unwrap().shape);
    default: return path[2] === 'when' ? ['bevatel', 'external'] : path[2] === 'unknown' ? ['to_external', 'to_bevatel'] : Object.keys(zFieldMapping.options[shapeOf(valueAt(data, path))]?.shape ?? {});
  }
}

export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? (value as Record<string | number, unknown>)[step] : undefined), data);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
