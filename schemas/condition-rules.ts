/** What conditions must keep beyond their shape: fields that exist, comparisons that can hold, sides that matter. */
import { comparedFields, readCondition } from './condition.ts';
import type { Condition, Test } from './condition.ts';
import { contactFieldRule } from './contact.ts';
import { directionOf } from './integration.ts';
import type { FieldMapping, Integration } from './integration.ts';
import { fault, isObject } from './integration-shape.ts';
import type { IntegrationFault } from './integration-shape.ts';
import { otherSide, SIDES } from './value.ts';

type Faults = readonly IntegrationFault[];

/** `filter` as it stands in the file. */
export function filterFaults(filter: unknown): Faults {
  if (!isObject(filter)) return [];
  if (SIDES.every((side) => filter[side] === undefined)) return [fault([], 'names no condition', 'give bevatel, external or both; without a filter all records take part')];
  const contradiction = filter['outside'] === 'receives' && filter['leaving'] === 'unlink';
  return [...(contradiction ? [fault(['leaving'], 'unlink contradicts outside: receives', 'who still receives is not unlinked: choose keep or freeze')] : []), ...bevatelFaults(filter['bevatel'])];
}

/** `direction` is the integration's. */
export function whenFaults(mapping: FieldMapping, direction: Integration['direction']): Faults {
  const { when } = mapping;
  if (!when) return [];
  const own = directionOf(mapping, { direction });
  const given = SIDES.filter((side) => when[side] !== undefined);
  return [
    ...(given.length === 0 ? [fault(['when'], 'names no condition', 'give bevatel, external or both')] : []),
    ...given.filter((side) => own === `to_${side}`).map((side) => fault(['when', side], `is never asked, since nothing goes ${own === 'to_bevatel' ? 'to the external system' : 'to Bevatel'} here`, `a condition is on the record that gives the value: use when.${otherSide(side)}`)),
    ...bevatelFaults(when.bevatel).map((one) => ({ ...one, path: ['when', ...one.path] })),
  ];
}

function bevatelFaults(source: unknown): Faults {
  if (source === undefined) return [];
  const { condition, faults } = readCondition(source);
  if (faults.length > 0) return [];
  return [...comparedFields(condition).keys()].flatMap((field) => {
    const rule = contactFieldRule(field);
    if (!rule) return [fault(['bevatel'], `Bevatel has no field "${field}"`)];
    if (rule.type === 'set' && isComparedWhole(condition, field)) return [fault(['bevatel'], `"${field}" is a set`, `write { ${field}: { contains: … } }`)];
    const { options } = rule;
    const strange = (comparedFields(condition).get(field) ?? []).filter((value) => options && !options.includes(value));
    return strange.length === 0 ? [] : [fault(['bevatel'], `"${field}" never is ${strange.map((value) => `"${value}"`).join(' or ')}`, `it has ${(options ?? []).join(', ')}`)];
  });
}

function isComparedWhole(condition: Condition, field: string): boolean {
  switch (condition.kind) {
    case 'field': return condition.field === field && comparesWhole(condition.test);
    case 'not': return isComparedWhole(condition.of, field);
    case 'all':
    case 'any': return condition.of.some((one) => isComparedWhole(one, field));
    default: return condition satisfies never;
  }
}

function comparesWhole(test: Test): boolean {
  if (test.op === 'not') return comparesWhole(test.test);
  return test.op === 'all' ? test.tests.some(comparesWhole) : test.op === 'in';
}
