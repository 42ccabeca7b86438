/**
 * The shapes of one entry of `fields` in an integration file, beside the settings that all of them share
 * (schemas/integration.ts).
 *
 * | shape | fields | what it is |
 * |---|---|---|
 * | one to one | one each | a value; the lens is its type |
 * | `full_name` | one ↔ first, last | a person's name |
 * | `group`     | as many each, or one ↔ several | fields that are decided as one, such as an address |
 * | `template`  | one ← several | a text made of the other side's fields |
 * | `constant`  | one | a fixed value |
 */
import { z } from 'zod';

/** `text` takes the type of its Bevatel field; the others impose theirs on both fields. */
export const VALUE_LENSES = ['text', 'number', 'boolean', 'date', 'datetime', 'phone', 'email', 'url', 'picklist', 'set'] as const;
export const LENS_KINDS = [...VALUE_LENSES, 'full_name', 'group', 'template', 'constant'] as const;

/** Ways in which two texts may differ and still say the same (domain/canonical/likeness.ts). */
export const LIKENESSES = ['case', 'blanks', 'html', 'arabic', 'digits', 'punctuation'] as const;
export type Likeness = (typeof LIKENESSES)[number];

const zScalar = z.union([z.string(), z.number(), z.boolean()]);
/** In code points. */
const maxLength = z.int().positive().optional();

export const oneToOneShape = {
  lens: z.enum(VALUE_LENSES).default('text'),
  bevatel: z.string(),
  external: z.string(),
  /** A longer text is not written; with `truncate` it is written cut. */
  maxLength,
  /** text: the external system gets long texts cut to `maxLength`, this mark at their end; Bevatel keeps the whole. */
  truncate: z.string().optional(),
  /** text: these differences of writing are none; what stands there is not rewritten for their sake. */
  alike: z.array(z.enum(LIKENESSES)).min(1).optional(),
  /** A Bevatel value that stands for an invalid one (`invalid: default`) or for none (`empty: default`). */
  default: zScalar.optional(),
  /** `clear`: an emptied field empties the other. `default`: empty and the default say the same, and a new record gets the default. */
  empty: z.enum(['clear', 'default']).optional(),
  /** phone: the region of numbers without a country code (ISO 3166-1 alpha-2). */
  region: z.string().regex(/^[A-Z]{2}$/, 'is not a region; give the ISO 3166-1 code, such as SA').optional(),
  /** datetime: the zone of times without an offset, and of the day that `dateOnly` keeps (IANA name). */
  zone: z.string().optional(),
  /** datetime: the side that has the day alone. */
  dateOnly: z.enum(['bevatel', 'external']).optional(),
  /** picklist, set, boolean: Bevatel's value → the external system's. One to one, unless the direction is to_external. */
  values: z.record(z.string(), z.string()).optional(),
  /**
   * picklist, set: a value that `values` does not have. `invalid`; `keep`: travels as it is; `ignore` (sets): stays
   * where it is; or the value that stands for it on the other side.
   */
  unknown: z.union([z.enum(['invalid', 'keep', 'ignore']), z.strictObject({ to_external: z.string().optional(), to_bevatel: z.string().optional() })]).optional(),
};

export const fullNameShape = {
  lens: z.literal('full_name'),
  /** One side has the full name in one field, the other first and last name in two. */
  bevatel: z.union([z.string(), z.tuple([z.string(), z.string()])]),
  external: z.union([z.string(), z.tuple([z.string(), z.string()])]),
  /** Of each external field. */
  maxLength,
};

const zGroupSide = z.union([z.string(), z.array(z.string()).min(2, 'must be a field name or a list of two or more')]);

export const groupShape = {
  lens: z.literal('group'),
  bevatel: zGroupSide,
  external: zGroupSide,
  /** Between the parts in the one field, where one side has one. */
  separator: z.string().optional(),
  /** Of each external field. */
  maxLength,
};

export const templateShape = {
  lens: z.literal('template'),
  /** Exactly one side is given: the field that gets the text. */
  bevatel: z.string().optional(),
  external: z.string().optional(),
  /** See schemas/template.ts. */
  template: z.string(),
  maxLength,
};

export const constantShape = {
  lens: z.literal('constant'),
  /** Exactly one side is given: the one that gets the constant. */
  bevatel: z.string().optional(),
  external: z.string().optional(),
  value: zScalar,
};
