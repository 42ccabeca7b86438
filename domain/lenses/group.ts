/**
 * Fields that belong together, such as those of an address: one unit of base, wanted and conflict, so that no address is
 * made of two edits. As many fields on each side, pair by pair; or one text on one side, with a separator.
 *
 * Parts are written from the specific to the general ("Olaya St, Riyadh, 12345"). Of a text with fewer parts than
 * fields the last fields stay empty, unless as many fields have a value already as the text has parts: then these
 * keep their places. What is too much belongs to the first field.
 */
import type { Lens, LensResult, Values } from '../lens.ts';
import type { Side } from '../../schemas/value.ts';
import { trimInvisible } from '../canonical/text.ts';
import { joinedLens } from './joined.ts';
import type { Parts } from './joined.ts';

export interface SeparatedLens {
  readonly name: string;
  /** The side whose one field holds the whole text. */
  readonly wholeSide: Side;
  readonly whole: string;
  readonly parts: readonly string[];
  /** With its blanks: `", "`. Texts are split also where the blanks are missing. */
  readonly separator: string;
  /** Longest text by field, in code points. */
  readonly maxLength: ReadonlyMap<string, number>;
}

export function separatedLens({ separator, ...spec }: SeparatedLens): Lens {
  const count = spec.parts.length;
  return joinedLens({
    ...spec,
    tidyWhole: (text) => piecesOf(text, separator).join(separator),
    tidyPart: (text) => text,
    join: (parts) => parts.filter((part) => part !== null).join(separator) || null,
    split: (text, present) => placed(piecesOf(text, separator), count, separator, present),
  });
}

function piecesOf(text: string, separator: string): readonly string[] {
  return text.split(separator.trim() || separator).map(trimInvisible).filter((piece) => piece !== '');
}

function placed(pieces: readonly string[], count: number, separator: string, present: Parts | null): Parts {
  const surplus = pieces.length - count;
  if (surplus > 0) return [pieces.slice(0, surplus + 1).join(separator), ...pieces.slice(surplus + 1)];
  const filled = present?.flatMap((part, index) => (part === null ? [] : [index])) ?? [];
  const places = filled.length === pieces.length ? filled : pieces.map((_, index) => index);
  return Array.from({ length: count }, (_, index) => pieces[places.indexOf(index)] ?? null);
}

/** `lenses` are of one field on each side. */
export function pairedLens(name: string, lenses: readonly Lens[]): Lens {
  const fields = (side: Side): readonly string[] => lenses.flatMap((lens) => lens.fields[side]);
  return {
    name,
    fields: { bevatel: fields('bevatel'), external: fields('external') },
    canonical: (side, values) => each(lenses, (lens, index) => lens.canonical(side, [values[index] ?? null])),
    toBevatel: (external, current) => each(lenses, (lens, index) => lens.toBevatel([external[index] ?? null], current && [current[index] ?? null])),
    toExternal: (bevatel, current) => each(lenses, (lens, index) => lens.toExternal([bevatel[index] ?? null], current && [current[index] ?? null])),
  };
}

function each(lenses: readonly Lens[], translate: (lens: Lens, index: number) => LensResult): LensResult {
  const values: Values[number][] = [];
  for (const [index, lens] of lenses.entries()) {
    const result = translate(lens, index);
    if (!result.ok) return result;
    values.push(result.values[0] ?? null);
  }
  return { ok: true, values };
}
