/**
 * How records of the two sides are told to be the same person, as the integration file says it:
 *
 *   match: [phone_number, email]                       # rules in order
 *   match:                                             # the same with its settings
 *     rules: [phone_number, { identifier: custom.national_id }, email]
 *     shared: hold
 *     names: { threshold: 0.8, margin: 0.15 }
 */
import { z } from 'zod';

/** A Bevatel field that is mapped by lens phone or email, or a field of one text or number that is declared to name one person. */
export const zMatchRule = z.union([z.string(), z.strictObject({ identifier: z.string() })]);
export type MatchRule = z.output<typeof zMatchRule>;

export const SHARED_RULES = ['hold', 'create'] as const;

const zShare = z.number().min(0).max(1);

const zSettings = z.strictObject({
  rules: z.array(zMatchRule).default(['phone_number', 'email']),
  /** A record whose key another record of its side has already: held as a possible duplicate, or given a partner of its own. */
  shared: z.enum(SHARED_RULES).default('hold'),
  /** Among several candidates the one whose name is so like, and so much more like than the next, is the match (domain/names.ts). */
  names: z.strictObject({ threshold: zShare.default(0.8), margin: zShare.default(0.15) }).prefault({}),
});

export const zMatching = z.preprocess((given) => (Array.isArray(given) ? { rules: given } : given), zSettings).prefault({});
export type Matching = z.output<typeof zSettings>;

/** The settings of `match` and of what stands in it, for whoever misspells one. */
export const MATCH_SETTINGS: Readonly<Record<'match' | 'names' | 'rule', readonly string[]>> = {
  match: Object.keys(zSettings.shape), names: ['threshold', 'margin'], rule: ['identifier'],
};

export function fieldOfRule(rule: MatchRule): string {
  return typeof rule === 'string' ? rule : rule.identifier;
}

export const MERGE_RULES = ['hold', 'merge'] as const;

/** What follows on the named side when two linked records of the other side were merged into one. */
export const zMerges = z.strictObject({
  to_bevatel: z.enum(MERGE_RULES).default('hold'),
  to_external: z.enum(MERGE_RULES).default('hold'),
}).prefault({});
