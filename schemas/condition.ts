/**
 * Conditions on one record, as an integration file writes them: `{ tags: { contains: vip } }`.
 *
 * A condition is a map of field names to what must hold of them; several hold together. `all`, `any` and `not` combine
 * conditions. Of a field: a value (equals), a list (one of them), or operators, of which several hold together.
 */
import { z } from 'zod';

export type Scalar = string | number | boolean;

export type Test =
  | { readonly op: 'in'; readonly values: readonly Scalar[] }
  | { readonly op: 'contains' | 'startsWith' | 'endsWith'; readonly value: string }
  | { readonly op: 'isSet'; readonly value: boolean }
  | { readonly op: 'not'; readonly test: Test }
  | { readonly op: 'all'; readonly tests: readonly Test[] };

export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'field'; readonly field: string; readonly test: Test };

export const OPERATORS = ['equals', 'in', 'contains', 'startsWith', 'endsWith', 'isSet', 'not'] as const;
type Operator = (typeof OPERATORS)[number];

type Path = readonly (string | number)[];

export interface ConditionFault {
  readonly path: Path;
  readonly message: string;
}

/** All faults at once; with any, the condition is not to be used. */
export function readCondition(source: unknown): { readonly condition: Condition; readonly faults: readonly ConditionFault[] } {
  const faults: ConditionFault[] = [];
  return { condition: conditionOf(source, [], faults), faults };
}

/** Kept as it was written; `conditionOf` of what was checked. */
export const zCondition = z.unknown().superRefine((source, context) => {
  for (const { path, message } of readCondition(source).faults) context.addIssue({ code: 'custom', path: [...path], message });
});

const NOTHING: Condition = { kind: 'all', of: [] };

function conditionOf(source: unknown, path: Path, faults: ConditionFault[]): Condition {
  if (!isMap(source) || Object.keys(source).length === 0) {
    faults.push({ path, message: 'must be a map of field names to what must hold of them' });
    return NOTHING;
  }
  const parts = Object.entries(source).map(([key, value]) => partOf(key, value, [...path, key], faults));
  return parts.length === 1 && parts[0] ? parts[0] : { kind: 'all', of: parts };
}

function partOf(key: string, value: unknown, path: Path, faults: ConditionFault[]): Condition {
  if (key === 'not') return { kind: 'not', of: conditionOf(value, path, faults) };
  if (key !== 'all' && key !== 'any') return { kind: 'field', field: key, test: testOf(value, path, faults) };
  if (Array.isArray(value) && value.length > 0) return { kind: key, of: value.map((one, index) => conditionOf(one, [...path, index], faults)) };
  faults.push({ path, message: 'must be a list of conditions' });
  return NOTHING;
}

function testOf(source: unknown, path: Path, faults: ConditionFault[]): Test {
  if (isScalar(source)) return { op: 'in', values: [source] };
  if (Array.isArray(source)) return { op: 'in', values: scalarsOf(source, path, faults) };
  if (!isMap(source) || Object.keys(source).length === 0) {
    faults.push({ path, message: source === null ? 'must be a value; for an empty field write { isSet: false }' : `must be a value, a list of values or one of ${OPERATORS.join(', ')}` });
    return { op: 'all', tests: [] };
  }
  const tests = Object.entries(source).map(([key, value]) => operatorOf(key, value, [...path, key], faults));
  return tests.length === 1 && tests[0] ? tests[0] : { op: 'all', tests };
}

function operatorOf(key: string, value: unknown, path: Path, faults: ConditionFault[]): Test {
  if (!isOperator(key)) {
    faults.push({ path, message: `is not an operator; known are ${OPERATORS.join(', ')}` });
    return { op: 'all', tests: [] };
  }
  switch (key) {
    case 'not': return { op: 'not', test: testOf(value, path, faults) };
    case 'equals': return { op: 'in', values: scalarsOf([value], path, faults) };
    case 'in': return { op: 'in', values: scalarsOf(value, path, faults) };
    case 'isSet': {
      if (typeof value !== 'boolean') faults.push({ path, message: 'must be true or false' });
      return { op: 'isSet', value: value === true };
    }
    case 'contains':
    case 'startsWith':
    case 'endsWith': {
      if (!isScalar(value) || String(value).trim() === '') faults.push({ path, message: 'must be a text' });
      return { op: key, value: String(value) };
    }
    default: return key satisfies never;
  }
}

function scalarsOf(source: unknown, path: Path, faults: ConditionFault[]): readonly Scalar[] {
  const values = Array.isArray(source) ? source.filter(isScalar) : [];
  if (!Array.isArray(source) || source.length === 0 || values.length < source.length) faults.push({ path, message: 'must be a list of texts, numbers or true and false' });
  return values;
}

function isOperator(key: string): key is Operator {
  return (OPERATORS as readonly string[]).includes(key);
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields that a condition looks at, each once, with the values that it compares them to. */
export function comparedFields(condition: Condition): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  visit(condition, (field, test) => {
    found.set(field, [...new Set([...(found.get(field) ?? []), ...comparedValues(test)])]);
  });
  return found;
}

function visit(condition: Condition, see: (field: string, test: Test) => void): void {
  switch (condition.kind) {
    case 'field': return see(condition.field, condition.test);
    case 'not': return visit(condition.of, see);
    case 'all':
    case 'any': return condition.of.forEach((one) => { visit(one, see); });
    default: return condition satisfies never;
  }
}

function comparedValues(test: Test): readonly string[] {
  switch (test.op) {
    case 'in': return test.values.map(String);
    case 'contains': return [test.value];
    case 'not': return comparedValues(test.test);
    case 'all': return test.tests.flatMap(comparedValues);
    case 'startsWith':
    case 'endsWith':
    case 'isSet': return [];
    default: return test satisfies never;
  }
}
