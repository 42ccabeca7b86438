/**
 * The operator's API, what it tells of the past: decisions as they were made, as they would have been made otherwise, and
 * what is taken back. Long answers come line by line (NDJSON), each line one of the shapes here, the last one the sum.
 */
import { z } from 'zod';
import { zApiError, zCount, zFilter, zPair, zSide, zTime, zValues } from './api.ts';
import { CAUSES, CONFLICTS, VERDICTS } from './decision.ts';
import { POLICIES } from './integration.ts';

const zAt = z.coerce.number().int().nonnegative();
const zEdit = z.object({ values: zValues, editedFrom: zTime.nullable(), editedTo: zTime.nullable(), actor: z.string().nullable() });
const zWho = z.object({ tenant: z.string(), integration: z.string(), linkId: z.string(), bevatelId: z.string().nullable(), externalId: z.string().nullable() });
/** While a long answer is under way: how many decisions or links were looked at. */
const zProgress = z.object({ kind: z.literal('progress'), examined: zCount });
/** The answer ends here, unfinished. */
const zFailed = z.object({ kind: z.literal('failed'), error: zApiError });
const zTally = z.record(z.string(), zCount);

// ── history ─────────────────────────────────────────────────────────────────
export const zHistoryQuery = zFilter.extend({
  /** A contact's id on either side, or a link's. */
  contact: z.string().min(1).optional(),
  group: z.string().min(1).optional(),
  /** A rule, or its family: `policy` is every policy. */
  rule: z.string().min(1).optional(),
  verdict: z.enum(VERDICTS).optional(),
  /** From this time, before that one. */
  since: zAt.optional(), until: zAt.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  /** `next` of the page before. */
  after: z.string().optional(),
});
export const zToldVerdict = z.object({
  group: z.string(), verdict: z.enum(VERDICTS), rule: z.string(), conflict: z.enum(CONFLICTS).nullable(),
  bevatel: zEdit.nullable(), external: zEdit.nullable(), base: zPair.nullable(),
  write: z.object({ side: zSide, values: zValues }).nullable(),
  /** Of a write that has landed. */
  attempt: z.string().nullable(), sentAt: zTime.nullable(),
});
export const zToldDecision = zWho.extend({
  id: z.string(), decidedAt: zTime, cause: z.enum(CAUSES), causeId: z.string(), side: zSide.nullable(),
  verdict: z.enum(VERDICTS), groups: z.array(zToldVerdict),
});
export type ToldDecision = z.infer<typeof zToldDecision>;
/** The newest first. A page may be shorter than asked for and yet have a `next`: so many were looked at. */
export const zHistoryPage = z.object({ decisions: z.array(zToldDecision), next: z.string().nullable() });

// ── what if ─────────────────────────────────────────────────────────────────
/** Exactly one of `policies` (by field; `*` is the integration's own) and `config` (a whole integration, as in its file). */
export const zWhatIfBody = z.strictObject({
  tenant: z.string(), integration: z.string(),
  policies: z.record(z.string(), z.enum(POLICIES)).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
  since: zTime, until: zTime.optional(),
}).refine((body) => (body.policies === undefined) !== (body.config === undefined), 'give exactly one of policies and config');
/** What a decision left behind on both sides, by which rule. */
const zEffect = z.object({ effect: z.enum(['written', 'held', 'kept']), side: zSide.nullable(), bevatel: zValues, external: zValues, rule: z.string() });
export const zDifference = zWho.extend({
  kind: z.literal('difference'),
  group: z.string(), fields: z.object({ bevatel: z.array(z.string()), external: z.array(z.string()) }),
  difference: z.enum(['other_winner', 'other_value', 'held_now', 'decided_now', 'written_now', 'not_written', 'not_mapped']),
  decisionId: z.string(), decidedAt: zTime,
  then: zEffect, now: zEffect.nullable(),
});
export const zWhatIfTotals = z.object({
  kind: z.literal('totals'), tenant: z.string(), integration: z.string(), since: zTime, until: zTime,
  decisions: zCount, compared: zCount, differences: zCount,
  byKind: zTally, byGroup: z.record(z.string(), zTally),
  /** Fields of decisions that cannot be decided again, by reason. */
  incomparable: zTally,
  /** Groups of the new configuration whose fields the present one does not record. */
  unrecorded: z.array(z.string()),
});
export type WhatIfTotals = z.infer<typeof zWhatIfTotals>;
export const zWhatIfLine = z.discriminatedUnion('kind', [zDifference, zProgress, zWhatIfTotals, zFailed]);
export type WhatIfLine = z.infer<typeof zWhatIfLine>;

// ── undo ────────────────────────────────────────────────────────────────────
/** Without `token` a preview; with the token of one the deed, of the scope that was previewed. */
export const zUndoBody = z.strictObject({
  tenant: z.string().optional(), integration: z.string().optional(),
  since: zTime.optional(), until: zTime.optional(),
  rule: z.string().min(1).optional(), group: z.string().min(1).optional(), contact: z.string().min(1).optional(),
  token: z.string().optional(),
}).refine((body) => body.token !== undefined || body.since !== undefined, 'give since when')
  .refine((body) => body.integration === undefined || body.tenant !== undefined, 'an integration is named with its tenant');
export type UndoBody = z.infer<typeof zUndoBody>;
const zUndoField = zWho.extend({ group: z.string(), side: zSide, present: zValues, back: zValues, rule: z.string().nullable() });
const zUndoSkipped = zWho.extend({ group: z.string(), side: zSide, reason: z.string() });
export const zUndoResult = z.object({
  kind: z.literal('undo'),
  /** Null for a preview; else what the decisions of the undo have for their cause. */
  undoId: z.string().nullable(),
  /** For the deed, of a preview. */
  token: z.string().nullable(),
  tenant: z.string(), integrations: z.array(z.string()), since: zTime, until: zTime,
  /** Fields that are taken back, and the links that they are of. */
  fields: zCount, links: zCount, byGroup: zTally, bySide: zTally,
  samples: z.array(zUndoField),
  skipped: zTally, skippedSamples: z.array(zUndoSkipped),
  /** Skipped because something happened to them after the preview; each is named, up to a thousand. */
  moved: zCount, movedFields: z.array(zUndoSkipped),
  /** Records that were made: they are never deleted by an undo. */
  created: zTally, createdSamples: z.array(zWho.extend({ side: zSide })),
});
export type UndoResult = z.infer<typeof zUndoResult>;
export const zUndoLine = z.discriminatedUnion('kind', [zProgress, zUndoResult, zFailed]);
export type UndoLine = z.infer<typeof zUndoLine>;
