/**
 * Why the two values of a conflict differ, if it is the kind of difference that comes in hundreds, and what change of
 * the mapping would end all of them. Pure; it looks at the held pair alone and decides nothing.
 */
import type { Value } from '../schemas/value.ts';
import { phoneRule } from './canonical/phone.ts';
import { canonicalNumber, canonicalDate, canonicalDatetime } from './canonical/scalar.ts';
import { likenessOf } from './canonical/likeness.ts';
import type { Likeness } from '../schemas/field-mapping.ts';
import { canonicalText } from './canonical/text.ts';
import type { Values } from './lens.ts';
import type { MappedLens } from './lenses/mapping.ts';
import type { Held } from './link.ts';

export interface Cause {
  /**
   * What conflicts of one cause are gathered by: `one_side_empty`, `phone_format`, `writing:<likenesses>`, `number_format`,
   * `date_format`, `cut_short`, `same_words`, `set_items`, `consent`, `options:<Bevatel's>→<the system's>`, `other`.
   */
  readonly name: string;
  /** Settings of the field in the integration file that would end conflicts of this cause; null where only people can tell. */
  readonly fix: Readonly<Record<string, unknown>> | null;
}

/** Longer differences are no cause that comes in hundreds. */
const LONGEST_OPTION = 40;

export function causeOf(rule: MappedLens, held: Pick<Held, 'bevatel' | 'external'>): Cause {
  if (rule.conflicts.policy === 'most_restrictive') return { name: 'consent', fix: null };
  const [bevatel, external] = [soleText(held.bevatel), soleText(held.external)];
  if (Array.isArray(held.bevatel[0]) || rule.type === 'set') return { name: 'set_items', fix: { policy: 'union' } };
  if (bevatel === null || external === null) return emptySide(bevatel, external);
  return textCause(rule, bevatel, external);
}

/** The group's value where it is one text; joined by blanks where the group has several fields. Null when empty. */
function soleText(values: Values): string | null {
  const texts = values.flatMap((value: Value) => {
    const form = canonicalText(value);
    return form.ok && form.value !== null ? [String(form.value)] : [];
  });
  return texts.length > 0 ? texts.join(' ') : null;
}

function emptySide(bevatel: string | null, external: string | null): Cause {
  const isOne = (bevatel === null) !== (external === null);
  return { name: isOne ? 'one_side_empty' : 'other', fix: isOne ? { policy: 'non_empty_wins' } : null };
}

function textCause(rule: MappedLens, bevatel: string, external: string): Cause {
  const likeness = likenessOf(bevatel, external);
  if (samePhone(bevatel, external)) return { name: 'phone_format', fix: { lens: 'phone', region: 'SA' } };
  if (likeness) return writing(likeness, rule);
  if (sameForm(canonicalNumber, bevatel, external)) return { name: 'number_format', fix: { lens: 'number' } };
  if (sameForm(canonicalDate, bevatel, external)) return { name: 'date_format', fix: { lens: 'date' } };
  if (sameForm(canonicalDatetime, bevatel, external)) return { name: 'date_format', fix: { lens: 'datetime' } };
  if (isCut(bevatel, external) || isCut(external, bevatel)) return { name: 'cut_short', fix: { truncate: '…', maxLength: Math.min([...bevatel].length, [...external].length) } };
  if (sameWords(bevatel, external)) return { name: 'same_words', fix: null };
  const isOption = rule.lens.fields.bevatel.length === 1 && [...bevatel].length <= LONGEST_OPTION && [...external].length <= LONGEST_OPTION;
  return isOption ? { name: `options:${bevatel}→${external}`, fix: null } : { name: 'other', fix: null };
}

/** Only a text of one field can be compared without regard to its writing. */
function writing(likeness: readonly Likeness[], { lens, type }: MappedLens): Cause {
  const isPlain = type === 'text' && lens.fields.bevatel.length === 1 && lens.fields.external.length === 1;
  return { name: `writing:${likeness.join('+')}`, fix: isPlain ? { alike: [...likeness] } : null };
}

const SAUDI = phoneRule({ region: 'SA', remembered: 2 });

function samePhone(a: string, b: string): boolean {
  return sameForm(SAUDI, a, b);
}

function sameForm(form: (value: Value) => ReturnType<typeof canonicalText>, a: string, b: string): boolean {
  const [first, second] = [form(a), form(b)];
  return first.ok && second.ok && first.value !== null && first.value === second.value;
}

/** `short` is the beginning of `long`, perhaps with an ellipsis. */
function isCut(short: string, long: string): boolean {
  const stem = short.replace(/(?:…|\.\.\.)$/u, '').trimEnd();
  return stem.length >= 8 && stem.length < long.length && long.startsWith(stem);
}

function sameWords(a: string, b: string): boolean {
  const words = (text: string): string => text.toLowerCase().split(/\s+/u).sort().join(' ');
  return words(a) === words(b);
}
