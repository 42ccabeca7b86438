/** The operator's API for who is whom: links, the words on them, and records that share a key. */
import { z } from 'zod';
import { zCount, zFilter, zSide, zTime } from './api.ts';
import { CONFLICTS, VERDICTS } from './decision.ts';

const zLimit = z.coerce.number().int().min(1).max(1_000).default(100);

// ── links ───────────────────────────────────────────────────────────────────
/** `alone`: without a partner. `held`: something of it waits for a person. */
export const LINK_FILTERS = ['paired', 'alone', 'held', 'gone', 'erased'] as const;
export const zLink = z.object({
  tenant: z.string(), integration: z.string(), linkId: z.string(),
  bevatelId: z.string().nullable(), externalId: z.string().nullable(),
  /** `unmatched`: whether the other side has this person is still being found out. */
  state: z.enum(['paired', 'alone', 'unmatched', 'gone', 'erased']),
  /** The name as each side has it; null where it is not known. */
  names: z.object({ bevatel: z.string().nullable(), external: z.string().nullable() }),
  /** What holds the link as a whole. */
  hold: z.string().nullable(),
  /** Why it has no partner and gets none: `parted` by an operator, `unlinked` by a deletion. */
  alone: z.string().nullable(),
});
export type LinkView = z.infer<typeof zLink>;
export const zLinkQuery = zFilter.extend({ state: z.enum(LINK_FILTERS).optional(), limit: zLimit, after: z.string().optional() });
export const zLinkList = z.object({ links: z.array(zLink), next: z.string().nullable() });

const zCandidate = zLink.pick({ linkId: true, bevatelId: true, externalId: true, names: true }).extend({ /** How like the names are, from 0 to 1; null where one is not known. */ score: z.number().nullable() });
export const zLinkDetail = zLink.extend({
  /** Of a hold for who it is: the id that `conflicts resolve` takes, and the others that come into question. */
  conflict: z.object({ id: z.string(), type: z.string(), since: zTime, rule: z.string().nullable(), candidates: z.array(zCandidate) }).nullable(),
  /** What its records are matched by; values are masked. */
  keys: z.array(z.object({ side: zSide, kind: z.string(), value: z.string() })),
  /** Records from which one of these was parted, and by which rule or whom. */
  apart: z.array(z.object({ side: zSide, id: z.string(), at: zTime, by: z.string() })),
  /** Ids that went into these records by merges. */
  formerIds: z.object({ bevatel: z.array(z.string()), external: z.array(z.string()) }),
});
export type LinkDetail = z.infer<typeof zLinkDetail>;
/** A link's own id, or an id that one of its records has, or had before a merge. */
export const zLinkShowQuery = zFilter.extend({ name: z.string().min(1) });
export const zLinkShow = z.object({ links: z.array(zLinkDetail) });

// ── words on links ──────────────────────────────────────────────────────────
/** `bevatel:<id>`, `external:<id>`, or either without the prefix; or a link's id. */
const zName = z.string().min(1);
const common = {
  tenant: z.string().optional(), integration: z.string().optional(),
  dryRun: z.boolean(),
  /** Of a preview: what has changed since is refused. */
  token: z.string().optional(),
};
/** Both have no partner: they are one person. */
export const zLinkBody = z.strictObject({ a: zName, b: zName, ...common });
/** The two are one person, whatever partners they have; those stand alone afterwards. */
export const zRelinkBody = zLinkBody;
/** The two records are no pair, and never will be by a rule; both stand alone. */
export const zUnlinkBody = z.strictObject({ link: zName, ...common });
/** The link mixes two people: each gets the partner that is named, or one of its own. */
export const zSplitBody = z.strictObject({ link: zName, bevatelWith: zName.optional(), externalWith: zName.optional(), ...common });
export type LinkBody = z.infer<typeof zLinkBody>;
export type UnlinkBody = z.infer<typeof zUnlinkBody>;
export type SplitBody = z.infer<typeof zSplitBody>;

const zVerdict = z.object({ group: z.string(), verdict: z.enum(VERDICTS), rule: z.string(), conflict: z.enum(CONFLICTS).nullable(), writeTo: zSide.nullable() });
export const zLinksChange = z.object({
  dryRun: z.boolean(),
  tenant: z.string(), integration: z.string(),
  /** Names what is there now: give it to carry out what was shown. */
  token: z.string(),
  before: z.array(zLink),
  /** `fields`: what is decided of a new pair at once; `score`: how like its names are. */
  after: z.array(zLink.extend({ score: z.number().nullable(), fields: z.array(zVerdict) })),
});
export type LinksChange = z.infer<typeof zLinksChange>;

// ── duplicates ──────────────────────────────────────────────────────────────
export const zDuplicates = z.object({
  side: zSide, kind: z.string(),
  /** What they share; masked. */
  value: z.string(),
  /** How many there are; twenty at most are named. */
  count: zCount,
  records: z.array(z.object({
    linkId: z.string(), id: z.string(), name: z.string().nullable(), partnerId: z.string().nullable(), hold: z.string().nullable(),
    /** How like its name is to the first one's, from 0 to 1; null where one is not known. */
    score: z.number().nullable(),
  })),
});
export type Duplicates = z.infer<typeof zDuplicates>;
export const zDuplicateQuery = z.object({ tenant: z.string(), integration: z.string(), limit: zLimit, after: z.string().optional() });
/** A page may be shorter than asked for and yet have a `next`: so many keys were looked at. */
export const zDuplicateList = z.object({ groups: z.array(zDuplicates), next: z.string().nullable() });
