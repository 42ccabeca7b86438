/**
 * Bevatel's answers as the connector takes them: tolerant of what a newer service adds, strict about what we rely on.
 * Values are not judged here; type rules are the reconciler's.
 */
import { z } from 'zod';

export const zContact = z.object({
  id: z.string().min(1),
  version: z.number().int().positive(),
  fields: z.record(z.string(), z.unknown()),
  external_references: z.record(z.string(), z.string()).default({}),
  updated_at: z.string().optional(),
  deleted: z.boolean().default(false),
});
export type ContactAnswer = z.infer<typeof zContact>;

export const zPage = z.object({
  results: z.array(zContact),
  next_cursor: z.string().nullable(),
  total: z.number().int().nonnegative().nullish(),
});

export const zMissing = z.object({ id: z.string(), reason: z.string(), merged_into: z.string().nullish() });
export type MissingAnswer = z.infer<typeof zMissing>;
export const zBatchRead = z.object({ results: z.array(zContact), missing: z.array(zMissing) });

/** The `error` object of a refusal; anything may be missing. */
export const zRefusal = z.object({
  code: z.string().catch(''),
  faults: z.array(z.object({ path: z.string(), message: z.string() })).catch([]),
  contact_id: z.string().optional().catch(undefined),
  merged_into: z.string().optional().catch(undefined),
});
export type Refusal = z.infer<typeof zRefusal>;
export const NO_REFUSAL: Refusal = zRefusal.parse({});

/** The answer to a removal: nothing when it is done, else why it is not. */
export const zRemoval = z.object({ error: zRefusal.optional(), contact: zContact.optional().catch(undefined) }).optional().transform((answer) => answer ?? {});

/** The survivor, or why there is none. */
export const zMerge = z.object({ id: z.string().optional(), error: zRefusal.optional() });

export const zWriteResult = z.object({
  ref: z.string(),
  status: z.number().int(),
  contact: zContact.optional().catch(undefined),
  error: zRefusal.catch(NO_REFUSAL).default(NO_REFUSAL),
});
export type WriteAnswer = z.infer<typeof zWriteResult>;
export const zBatchWrite = z.object({ results: z.array(zWriteResult) });
