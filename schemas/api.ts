/**
 * The operator's API: what its endpoints take and answer. The CLI's `--json` prints these very shapes.
 *
 * Times are epoch milliseconds. Values are shown to the operator, who may see them; they go into no log (I11).
 */
import { z } from 'zod';
import { zValue } from './contact.ts';
import { CAUSES, CONFLICTS, VERDICTS } from './decision.ts';
import { WINNING_POLICIES } from './integration.ts';
import { LANES, SIDES } from './value.ts';
import { zRunningVerification, zSweepStatus } from './verification-status.ts';

export const zSide = z.enum(SIDES);
export const zTime = z.int().nonnegative();
export const zCount = z.int().nonnegative();
export const zValues = z.array(zValue);

/** `code` is one of schemas/errors.ts. */
export const zApiError = z.object({
  code: z.string(),
  message: z.string(),
  advice: z.string(),
  faults: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  /** `state_moved`: what changed since it was shown. */
  changed: z.array(z.object({ side: zSide, was: zValues.nullable(), now: zValues })).optional(),
});
export type ApiError = z.infer<typeof zApiError>;
/** Body of every refusal. */
export const zRefusal = z.object({ error: zApiError }).meta({ id: 'Refusal' });

export const zFilter = z.object({ tenant: z.string().optional(), integration: z.string().optional() });

// ── status ──────────────────────────────────────────────────────────────────
export const INTEGRATION_STATES = ['connected', 'degraded', 'error', 'paused', 'starting'] as const;
/** Source change → written on the other side, over the last `windowMs`. */
const zLag = z.object({ count: zCount, p50Ms: z.number(), p95Ms: z.number(), p99Ms: z.number() });
const zQueue = z.object({ kind: z.enum(['write', 'create']), lane: z.enum(LANES), due: zCount, waiting: zCount });

export const zIntegrationStatus = z.object({
  tenant: z.string(),
  integration: z.string(),
  system: z.string(),
  /** Never `connected` before the first success. */
  state: z.enum(INTEGRATION_STATES),
  /** Why it is not connected. */
  reason: z.object({ code: z.string(), message: z.string(), advice: z.string(), at: zTime.nullable() }).nullable(),
  lastSuccessAt: zTime.nullable(),
  lag: z.object({ windowMs: zCount, external: zLag.nullable(), bevatel: zLag.nullable() }),
  /** Age of the longest waiting change; null when nothing waits. */
  oldestMs: zCount.nullable(),
  queue: z.array(zQueue),
  links: z.object({ paired: zCount, oneSided: zCount, erased: zCount }),
  conflicts: z.object({ links: zCount, holds: zCount }),
  deadLetters: zCount,
  /** Change-sets that wait for an approval. */
  approvals: zCount,
  /** Nothing is written: the file says `dryRun`. */
  dryRun: z.boolean(),
  listings: z.array(z.object({ side: zSide, state: z.enum(['listing', 'listed', 'stored']), records: zCount, total: zCount.nullable() })),
  /** Sides on which an edit between guard read and write can be overwritten unnoticed: neither conditional writes nor a history (I2). */
  blindWindows: z.array(z.object({ side: zSide, reason: z.string() })),
  /** Comparisons and repairs that are under way, the sweep apart. */
  verifications: z.array(zRunningVerification),
  sweep: zSweepStatus,
});
export type IntegrationStatus = z.infer<typeof zIntegrationStatus>;

export const zConsumerLag = z.object({
  group: z.string(), topic: z.string(), records: zCount,
  /** How long the oldest unread record has waited, as far as was watched; null when that is not known. */
  seconds: z.number().nullable(),
});
export const zStatus = z.object({
  at: zTime,
  /** False when an integration is degraded or in error, or Kafka does not answer. */
  ok: z.boolean(),
  integrations: z.array(zIntegrationStatus),
  kafka: z.object({ answers: z.boolean(), consumers: z.array(zConsumerLag) }),
  /** Open ones, those that no integration can be told of included. */
  deadLetters: z.object({ open: zCount, byCode: z.record(z.string(), zCount) }),
});
export type Status = z.infer<typeof zStatus>;

// ── integrations ────────────────────────────────────────────────────────────
export const zIntegrationSummary = z.object({
  tenant: z.string(), integration: z.string(), system: z.string(), paused: z.boolean(), appliedAt: zTime,
  /** When the first listings of both sides were stored; partners are created from then on. */
  matchedAt: zTime.nullable(),
});
export const zIntegrationList = z.object({ integrations: z.array(zIntegrationSummary) });
export const zIntegrationDetail = zIntegrationSummary.extend({ config: z.record(z.string(), z.unknown()) });
export const zIntegrationParams = z.object({ tenant: z.string(), integration: z.string() });
export const zPaused = z.object({ tenant: z.string(), integration: z.string(), paused: z.boolean() });

// ── explain ─────────────────────────────────────────────────────────────────
const zSideValues = z.object({
  fields: z.array(z.string()),
  /** Null while unknown. */
  values: zValues.nullable(),
  /** When it was edited there: between these; both null is unknown. */
  editedFrom: zTime.nullable(), editedTo: zTime.nullable(), actor: z.string().nullable(),
});
export const zPair = z.object({ bevatel: zValues, external: zValues });

/** One link in the chain from an edit to the value that stands there now. */
export const zChainStep = z.object({
  /** Where it was decided: in a hub, a value may have come through another integration. */
  integration: z.string(), linkId: z.string(),
  /** `causeId` is the change, the attempt, or of an operator's word the entry in the audit. */
  decision: z.object({ id: z.string(), at: zTime, cause: z.enum(CAUSES), causeId: z.string(), verdict: z.enum(VERDICTS), rule: z.string(), conflict: z.enum(CONFLICTS).nullable() }),
  /** The edit that it took; null where it took none (an undo, a constant), or both sides had made it. */
  edit: z.object({ side: zSide, values: zValues, editedFrom: zTime.nullable(), editedTo: zTime.nullable(), actor: z.string().nullable() }).nullable(),
  /** What it gave up for it. */
  overridden: z.object({ side: zSide, values: zValues, editedFrom: zTime.nullable(), editedTo: zTime.nullable(), actor: z.string().nullable() }).nullable(),
  /** What it wanted written; `attempt` once that is known to have landed: `answered` by the system, or `proven` by what it showed. */
  write: z.object({ side: zSide, values: zValues, landed: z.object({ attempt: z.string(), sentAt: zTime.nullable(), at: zTime, how: z.enum(['answered', 'proven']) }).nullable() }).nullable(),
});
export type ChainStep = z.infer<typeof zChainStep>;

export const zFieldExplanation = z.object({
  group: z.string(),
  bevatel: zSideValues,
  external: zSideValues,
  /** The pair at the last agreement. */
  base: zPair.nullable(),
  wanted: z.object({ side: zSide, values: zValues }).nullable(),
  held: z.object({ type: z.enum(CONFLICTS), since: zTime, detail: z.string().nullable() }).nullable(),
  skipped: z.string().nullable(),
  /** Where the present value came from: the side (null: both had it), and the decision that brought it. */
  origin: z.object({ side: zSide.nullable(), verdict: z.enum(VERDICTS), rule: z.string(), decidedAt: zTime, editedAt: zTime.nullable(), actor: z.string().nullable() }).nullable(),
  /** Edits that were overridden by a named verdict, the newest first (I2). */
  overridden: z.array(z.object({ side: zSide, values: zValues, editedAt: zTime.nullable(), actor: z.string().nullable(), by: zValues, rule: z.string(), decidedAt: zTime })),
  /** From the original edit to the present value, as far as decisions are kept; the oldest first. */
  chain: z.array(zChainStep),
});
export const zExplanation = z.object({
  tenant: z.string(), integration: z.string(), linkId: z.string(),
  bevatelId: z.string().nullable(), externalId: z.string().nullable(),
  state: z.enum(['paired', 'one_sided', 'gone', 'erased']),
  hold: z.object({ kind: z.string(), since: zTime, detail: z.string() }).nullable(),
  attempts: z.array(z.object({ id: z.string(), side: zSide, kind: z.enum(['create', 'update', 'remove', 'merge']), groups: z.array(z.string()), sentAt: zTime, status: z.enum(['outstanding', 'unresolved']) })),
  retry: z.object({ at: zTime, count: zCount }).nullable(),
  /** The rule by which the file's filter keeps one of the records outside. */
  filtered: z.string().nullable(),
  fields: z.array(zFieldExplanation),
});
export type Explanation = z.infer<typeof zExplanation>;
export const zExplainQuery = zFilter.extend({ contact: z.string().min(1) });
export const zExplainAnswer = z.object({ links: z.array(zExplanation) });

// ── conflicts ───────────────────────────────────────────────────────────────
const zConflictSide = z.object({ values: zValues, editedFrom: zTime.nullable(), editedTo: zTime.nullable(), actor: z.string().nullable() });
export const zConflict = z.object({
  /** Names the hold and the pair as shown: `<link>/<group>@<tag>`, without the group for a hold on the link as a whole. */
  id: z.string(),
  tenant: z.string(), integration: z.string(), linkId: z.string(),
  bevatelId: z.string().nullable(), externalId: z.string().nullable(),
  group: z.string().nullable(),
  type: z.string(),
  since: zTime,
  bevatel: zConflictSide.nullable(), external: zConflictSide.nullable(),
  /** `overwritten_in_flight`: what the external system held before our write came on top. */
  overwritten: zValues.nullable(),
  detail: z.string().nullable(),
  /** `oscillation`: the side that should own the field (`direction: to_<the other>`), because something there keeps setting it. */
  owner: zSide.nullable(),
  /** The other links that it may be one with, the likeliest first. */
  candidates: z.array(z.string()),
  /** Beside each, how like the names are, from 0 to 1; null where one is not known. */
  scores: z.array(z.number().nullable()),
});
export type Conflict = z.infer<typeof zConflict>;
export const zConflictQuery = zFilter.extend({ limit: z.coerce.number().int().min(1).max(1_000).default(100), after: z.string().optional() });
export const zConflictList = z.object({ conflicts: z.array(zConflict), next: z.string().nullable() });

/**
 * Exactly one of `winner` (a held group); and for a hold on the link `retry` (it is dropped), `linkWith` (two links are one
 * person), `apart` (none of the candidates is this person) and `merge` (the partners are one person, as their records are).
 */
export const zResolveBody = z.strictObject({
  id: z.string().min(1),
  winner: zSide.optional(),
  retry: z.literal(true).optional(),
  linkWith: z.string().optional(),
  apart: z.literal(true).optional(),
  merge: z.literal(true).optional(),
}).refine((body) => [body.winner, body.retry, body.linkWith, body.apart, body.merge].filter((one) => one !== undefined).length === 1, 'give exactly one of winner, retry, linkWith, apart and merge');
export type ResolveBody = z.infer<typeof zResolveBody>;
export const zResolveAnswer = z.object({
  resolved: z.literal(true), linkId: z.string(), group: z.string().nullable(),
  /** What is to be written now, and where; null when nothing has to be. */
  write: z.object({ side: zSide, values: zValues }).nullable(),
});

// ── conflicts that are alike ────────────────────────────────────────────────
/** Conflicts of one field, type and cause; what is not given is any. */
export const zConflictSelector = z.strictObject({
  tenant: z.string(), integration: z.string(),
  /** The field's name; null for holds on links as a whole. */
  group: z.string().nullable().optional(), type: z.string().optional(), cause: z.string().optional(),
});
export type ConflictSelector = z.infer<typeof zConflictSelector>;
export const zConflictCluster = z.object({
  tenant: z.string(), integration: z.string(), group: z.string().nullable(), type: z.string(),
  /** Why the values differ (`phone_format`, `writing:case`, `options:KSA→SA`, …), or why a write did not go through. */
  cause: z.string(),
  count: zCount, since: zTime,
  /** Settings for the field's entry in the integration file that would end these conflicts, with what would become of each then. */
  fix: z.object({ settings: z.record(z.string(), z.unknown()), /** Both sides say the same. */ agree: zCount, /** Decided, and one side is written. */ written: zCount, held: zCount }).nullable(),
  samples: z.array(zConflict),
});
export type ConflictCluster = z.infer<typeof zConflictCluster>;
export const zClusterQuery = zFilter.extend({ limit: z.coerce.number().int().min(1).max(1_000).default(50) });
export const zClusterList = z.object({ clusters: z.array(zConflictCluster), conflicts: zCount, /** False when there were more conflicts than are looked at. */ isWhole: z.boolean() });

/** Exactly one of `winner`, `by` (a policy that names one) and `anew` (drop the hold and decide or try again). */
export const zSettleBody = z.strictObject({
  select: zConflictSelector,
  winner: zSide.optional(), by: z.enum(WINNING_POLICIES).optional(), anew: z.literal(true).optional(),
  dryRun: z.boolean().default(false),
  /** The time of the preview that was agreed to: what was held later, or has moved since, is left as it is. */
  asOf: zTime.optional(),
}).refine((body) => [body.winner, body.by, body.anew].filter((one) => one !== undefined).length === 1, 'give exactly one of winner, by and anew');
export type SettleBody = z.infer<typeof zSettleBody>;
export const zSettleAnswer = z.object({
  dryRun: z.boolean(), asOf: zTime, matched: zCount, resolved: zCount,
  /** Held, or moved, after `asOf`: to be looked at again. */
  moved: zCount,
  /** Left as they are, by reason. */
  left: z.record(z.string(), zCount),
  samples: z.array(z.object({ conflict: zConflict, /** What is to be written; null when nothing has to be. */ write: z.object({ side: zSide, values: zValues }).nullable() })),
});
export type SettleAnswer = z.infer<typeof zSettleAnswer>;

// ── change-sets ─────────────────────────────────────────────────────────────
export const CHANGE_SET_STATES = ['open', 'approved', 'rejected'] as const;
/** Risky work that waits for an approval, because more records did the same than the integration allows. */
export const zChangeSet = z.object({
  id: z.string(), tenant: z.string(), integration: z.string(),
  kind: z.enum(['delete', 'blanking', 'same_value', 'create', 'merge', 'canary']),
  /** Where it would be written; null for a canary, which is about everything. */
  side: zSide.nullable(), group: z.string().nullable(),
  state: z.enum(CHANGE_SET_STATES),
  /** Records held in it; and how many did the same within the window when it was opened, beside the limit. */
  records: zCount, counted: zCount, allowed: zCount,
  /** Names exactly what is held now: approve what was shown. */
  token: z.string(),
  openedAt: zTime, closedAt: zTime.nullable(), closedBy: z.string().nullable(),
});
export type ChangeSet = z.infer<typeof zChangeSet>;
export const zChangeSetQuery = zFilter.extend({ state: z.enum(CHANGE_SET_STATES).optional(), limit: z.coerce.number().int().min(1).max(1_000).default(100) });
export const zChangeSetList = z.object({ changeSets: z.array(zChangeSet) });
export const zChangeSetParams = z.object({ id: z.string() });
export const zChangeSetDetailQuery = z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(50), after: z.string().optional() });
export const zChangeSetDetail = zChangeSet.extend({
  items: z.array(z.object({
    linkId: z.string(), bevatelId: z.string().nullable(), externalId: z.string().nullable(), group: z.string().nullable(),
    /** What stands there, and what would be written over it; null where it is about the record as a whole. */
    before: zValues.nullable(), after: zValues.nullable(),
    /** False when it is not wanted any more: an approval does not bring it back. */
    isWanted: z.boolean(),
  })),
  next: z.string().nullable(),
});
export type ChangeSetDetail = z.infer<typeof zChangeSetDetail>;
export const zDecideChangeSetBody = z.strictObject({ decision: z.enum(['approve', 'reject']), /** As it was shown. */ token: z.string(), dryRun: z.boolean().default(false) });
export type DecideChangeSetBody = z.infer<typeof zDecideChangeSetBody>;
export const zDecideChangeSetAnswer = z.object({ id: z.string(), decision: z.enum(['approve', 'reject']), dryRun: z.boolean(), /** Records that go out now, or stay as they are. */ records: zCount });

// ── dead letters ────────────────────────────────────────────────────────────
export const zDeadLetter = z.object({
  id: z.string(), tenant: z.string().nullable(), integration: z.string().nullable(), side: zSide.nullable(), recordId: z.string().nullable(),
  code: z.string(), detail: z.string().nullable(), advice: z.string(), stage: z.enum(['capture', 'reconcile', 'deliver']),
  topic: z.string(), partition: zCount, offset: z.string(),
  /** `superseded`: a newer valid image of the record came; nothing is left to do. */
  status: z.enum(['open', 'replayed', 'superseded']),
  deadAt: zTime, size: zCount,
});
export const zDeadLetterQuery = zFilter.extend({
  status: z.enum(['open', 'replayed', 'superseded']).optional(), code: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100), after: z.string().optional(),
});
export const zDeadLetterList = z.object({ deadLetters: z.array(zDeadLetter), total: zCount, next: z.string().nullable() });
export const zDeadLetterParams = z.object({ id: z.string() });
export const zDeadLetterDetail = zDeadLetter.extend({ key: z.string().nullable(), bytesBase64: z.string(), /** The event, where the bytes can be decoded. */ decoded: z.unknown().nullable() });
/** One letter, or all open ones of a code. `dryRun` counts only. */
export const zReplayBody = z.strictObject({
  id: z.string().optional(), code: z.string().optional(), tenant: z.string().optional(), integration: z.string().optional(), dryRun: z.boolean().default(false),
}).refine((body) => (body.id === undefined) !== (body.code === undefined), 'give exactly one of id and code');
export const zReplayAnswer = z.object({ dryRun: z.boolean(), matched: zCount, replayed: zCount });

// ── plan (of the command line; it calls no service) ─────────────────────────
const zPerSide = z.object({ bevatel: zCount, external: zCount });
const zTally = z.record(z.string(), zCount);
/** What applying a file would do. Nothing is written to find out. */
export const zPlan = z.object({
  tenant: z.string(), integration: z.string(),
  /** False when the mapping does not fit the systems; then nothing was listed. */
  ok: z.boolean(),
  faults: z.array(z.object({ side: zSide, field: z.string(), code: z.string(), message: z.string(), advice: z.string() })),
  records: zPerSide,
  pairs: zCount,
  /** Pairs by what matched them: `reference`, `phone`, `email`, an identifier's field; `phone+name` where names told candidates apart. */
  matches: zTally,
  /** Records for which several partners come into question: held until a person decides. */
  multiMatch: zPerSide,
  /** Records that share a key with another of their side: held as possible duplicates, unless the file says `shared: create`. */
  sharedMatch: zPerSide,
  creates: zPerSide,
  /** Records that get no partner, by reason. */
  notCreated: zTally,
  /** Existing records that are written to, the partner's id included. */
  updates: zPerSide,
  fields: z.array(z.object({
    group: z.string(), equal: zCount,
    /** Empty on the named side, filled from the other. */
    fills: zPerSide,
    /** Both have a value: decided by policy (the side that is overwritten), or held. */
    overwrites: zPerSide, held: zCount,
    invalid: zTally, skipped: zTally,
  })),
  /** Calls to write it all, at the documented batch sizes. */
  calls: zPerSide,
  samples: z.array(z.object({ what: z.string(), bevatelId: z.string().nullable(), externalId: z.string().nullable(), /** Values are masked. */ detail: z.string() })),
});
export type Plan = z.infer<typeof zPlan>;

// ── lint (of the command line; it calls no service) ─────────────────────────
/** Of the values on one side that go to the other; `rewritten` ones come back in another writing. */
const zSurvival = z.object({ values: zCount, survive: zCount, rewritten: zCount, losses: zTally });
/** Which values of the tenant's own data do not survive the way to the other side and back. Nothing is written to find out. */
export const zLint = z.object({
  tenant: z.string(), integration: z.string(),
  /** False when a value that was tried does not survive. */
  ok: z.boolean(),
  /** Records that were read, and those among them that the filter keeps outside. */
  records: zPerSide, outside: zPerSide,
  fields: z.array(z.object({
    group: z.string(), direction: z.enum(['both', 'to_external', 'to_bevatel']),
    /** What the other side may have less of, by the lens. */
    mayLose: z.string().nullable(),
    /** Null where nothing goes from that side. */
    bevatel: zSurvival.nullable(), external: zSurvival.nullable(),
  })),
  /** Values are masked; `back` is what would come back, null where nothing would. */
  samples: z.array(z.object({ side: zSide, recordId: z.string(), group: z.string(), reason: z.string(), value: z.string(), back: z.string().nullable() })),
});
export type Lint = z.infer<typeof zLint>;
