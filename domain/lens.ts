/**
 * A lens: a field mapping that goes both ways, over a group of fields on each side.
 *
 * The group is the unit of base, wanted, attempt and conflict (design §5). Values of a group stand in the order of
 * `fields[side]`; a group of which a field is absent in an image is unknown there.
 *
 * Laws (fast-check, domain/lenses/*.test.ts), with ≡ meaning equal canonical forms:
 * - GetPut: `toExternal(toBevatel(x, b), x)` ≡ `x` wherever both succeed.
 * - PutGet: `toBevatel(toExternal(b, x), b)` ≡ `b` wherever both succeed; where the lens loses information the richer
 *   side keeps its complement, which is why both take the present value of the side that they write.
 * - PutPut: of several writes to a side only the last counts, where that side keeps nothing that the other does not know.
 * - `canonical` is idempotent and preserves emptiness: nulls (and empty strings, empty lists) become null.
 */
import type { Side, Value } from '../schemas/value.ts';

/** The values of one group on one side, in the order of the lens's fields. */
export type Values = readonly Value[];

export type LensResult =
  | { readonly ok: true; readonly values: Values }
  /** `reason` names the rule that was broken, never the value (I11): see InvalidReason in canonical/form.ts. */
  | { readonly ok: false; readonly field: string; readonly reason: string };

export interface Lens {
  /** The group's name, unique in its integration: the Bevatel field names joined by `+` (the filled field for a constant or a template). */
  readonly name: string;
  readonly fields: Readonly<Record<Side, readonly string[]>>;
  /** The form in which values of one side are compared: type rules, trimming, E.164, e-mail case. */
  canonical(side: Side, values: Values): LensResult;
  /** get: what Bevatel should hold for these external values; `current` is what it holds now, for the complement. */
  toBevatel(external: Values, current: Values | null): LensResult;
  /** put: what the external system should hold for these Bevatel values; `current` is what it holds now. */
  toExternal(bevatel: Values, current: Values | null): LensResult;
  /** What the other side may lack of a value, so that only the complement keeps it; left out where nothing is lost. */
  readonly loses?: Loss;
}

/** The end of a text, the border between parts, which of several options it was, the time of a day. */
export type Loss = 'truncated' | 'split' | 'unknown_option' | 'time_of_day';

/** Translates values of `from` for the other side. */
export function translate(lens: Lens, from: Side, values: Values, current: Values | null): LensResult {
  return from === 'external' ? lens.toBevatel(values, current) : lens.toExternal(values, current);
}
