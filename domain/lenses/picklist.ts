/** A picklist: Bevatel's values and the external system's, one to one. A value outside the map is invalid (`picklist`). */
import type { Lens } from '../lens.ts';
import type { Value } from '../../schemas/value.ts';
import { CLEARED, invalid, valid } from '../canonical/form.ts';
import type { Canonical } from '../canonical/form.ts';
import { picklistRule } from '../canonical/picklist.ts';
import { oneToOneLens } from './one-to-one.ts';

export interface PicklistLens {
  readonly bevatel: string;
  readonly external: string;
  /** Bevatel's value → the external system's internal value; both sides are free of doubles. */
  readonly values: Readonly<Record<string, string>>;
}

export function picklistLens(spec: PicklistLens): Lens {
  const pairs = Object.entries(spec.values);
  const outward = new Map(pairs);
  const inward = new Map(pairs.map(([bevatel, external]) => [external, bevatel]));
  return oneToOneLens({
    bevatel: spec.bevatel,
    external: spec.external,
    rules: { bevatel: picklistRule([...outward.keys()]), external: picklistRule([...inward.keys()]) },
    maxLength: {},
    across: { bevatel: through(outward), external: through(inward) },
  });
}

function through(map: ReadonlyMap<string, string>): (value: Value) => Canonical {
  return (value) => {
    if (value === null) return CLEARED;
    const other = map.get(String(value));
    return other === undefined ? invalid('picklist') : valid(other);
  };
}
