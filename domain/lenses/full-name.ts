/**
 * A full name in one field ↔ first and last name in two, in either direction (person-name.ts has the rules of splitting).
 *
 * Blanks between words count once and invisible marks at a word's ends not at all, here and only here, because a split
 * cannot keep them. A split that gives the name already stays, wherever its border lies.
 */
import type { Lens } from '../lens.ts';
import type { Side } from '../../schemas/value.ts';
import { joinedLens } from './joined.ts';
import type { Parts } from './joined.ts';
import { joinName, singleSpaced, splitName } from './person-name.ts';
import type { NameParts } from './person-name.ts';

export interface FullNameLens {
  /** The side whose one field holds the full name. */
  readonly fullSide: Side;
  readonly full: string;
  readonly first: string;
  readonly last: string;
  /** Longest text by field, in code points. */
  readonly maxLength: ReadonlyMap<string, number>;
}

export function fullNameLens({ fullSide, full, first, last, maxLength }: FullNameLens): Lens {
  return joinedLens({
    name: fullSide === 'bevatel' ? full : `${first}+${last}`,
    wholeSide: fullSide, whole: full, parts: [first, last], maxLength,
    tidyWhole: singleSpaced, tidyPart: singleSpaced,
    join: (parts) => joinName(nameOf(parts)),
    split: (name, present) => {
      const split = splitName(name, present && nameOf(present));
      return [split.first, split.last];
    },
  });
}

function nameOf([first, last]: Parts): NameParts {
  return { first: first ?? null, last: last ?? null };
}
