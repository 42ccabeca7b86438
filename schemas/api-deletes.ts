/** The operator's API for deletions, restores and erasures; `--json` of the commands prints these very shapes. */
import { z } from 'zod';
import { zFilter } from './api.ts';
import { zValue } from './contact.ts';
import { ERASURE_PLACES, RECEIPT_STATES } from './erasure.ts';
import { SIDES } from './value.ts';

const zSide = z.enum(SIDES);
const zTime = z.int().nonnegative();
const zCount = z.int().nonnegative();
/** Field names → values, as the record last showed them. */
const zImage = z.record(z.string(), zValue);

// ── deleted ─────────────────────────────────────────────────────────────────
/**
 * `settling`: a merge or a restore may still explain it. `ignored`: the policy; the partner stays. `unproven`: nobody can say
 * what became of the record. `conflict`: it met an edit and is held. `removing`, `restoring`: under way. `deleted`: on both
 * sides. `unlinked`: the pair was dissolved.
 */
export const DELETED_STATES = ['settling', 'ignored', 'unproven', 'conflict', 'removing', 'restoring', 'deleted', 'unlinked'] as const;
const zLost = z.object({
  side: zSide, id: z.string(), how: z.string(), at: zTime,
  /** When the deletion was confirmed, after the settle time; null before. */
  settledAt: zTime.nullable(),
  /** Removed by the service, because its partner had been deleted. */
  ours: z.boolean(),
});
export const zDeleted = z.object({
  tenant: z.string(), integration: z.string(), linkId: z.string(),
  bevatelId: z.string().nullable(), externalId: z.string().nullable(),
  state: z.enum(DELETED_STATES),
  at: zTime,
  lost: z.array(zLost),
  /** When the last images are forgotten; null where they stay for as long as the partner does. */
  keptUntil: zTime.nullable(),
});
export type Deleted = z.infer<typeof zDeleted>;
export const zDeletedQuery = zFilter.extend({ limit: z.coerce.number().int().min(1).max(1_000).default(100), after: z.string().optional() });
export const zDeletedList = z.object({ deleted: z.array(zDeleted), next: z.string().nullable() });
export const zDeletedDetail = zDeleted.extend({
  /** The last image of each side that is gone, and the present one of a side that is not. */
  images: z.array(z.object({ side: zSide, isGone: z.boolean(), image: zImage })),
  decisions: z.array(z.object({ at: zTime, verdict: z.string(), rule: z.string(), conflict: z.string().nullable(), cause: z.string() })),
});
export type DeletedDetail = z.infer<typeof zDeletedDetail>;
export const zDeletedShowQuery = zFilter.extend({ contact: z.string().min(1) });
export const zDeletedShow = z.object({ links: z.array(zDeletedDetail) });

// ── restore ─────────────────────────────────────────────────────────────────
export const zRestoreBody = z.strictObject({ contact: z.string().min(1), tenant: z.string().optional(), integration: z.string().optional(), dryRun: z.boolean() });
export const zRestoreAnswer = z.object({
  dryRun: z.boolean(),
  links: z.array(z.object({
    tenant: z.string(), integration: z.string(), linkId: z.string(),
    /** What is made again, where; each gets a new id. Edits that a living partner has had since go along. */
    sides: z.array(z.object({ side: zSide, formerId: z.string(), image: zImage })),
    /** Another link of the same pair is joined instead: the record is there again by itself. */
    joined: z.string().nullable(),
  })),
  refused: z.array(z.object({ tenant: z.string(), integration: z.string(), linkId: z.string(), reason: z.string(), advice: z.string() })),
});
export type RestoreAnswer = z.infer<typeof zRestoreAnswer>;

// ── erasure ─────────────────────────────────────────────────────────────────
const zReceipt = z.object({
  place: z.enum(ERASURE_PLACES),
  integration: z.string().nullable(),
  state: z.enum(RECEIPT_STATES),
  /** How many were removed or changed; null where they cannot be counted. */
  items: zCount.nullable(),
  at: zTime,
  /** `expires`: nothing is left there after this. */
  until: zTime.nullable(),
  detail: z.string().nullable(),
});
export const zErasure = z.object({
  id: z.string(), tenant: z.string(),
  origin: z.enum(['operator', 'system']), requestedBy: z.string(), requestedAt: zTime,
  records: z.array(z.object({ integration: z.string(), linkId: z.string(), bevatelId: z.string().nullable(), externalId: z.string().nullable() })),
  /** `clearing`: traces are being removed, or a system has not answered yet. `expiring`: what remains goes by its age. */
  state: z.enum(['clearing', 'expiring', 'complete', 'incomplete', 'lifted']),
  /** When the last of what goes by its age is gone; null when nothing remains, or not known yet. */
  completeAt: zTime.nullable(),
  liftedAt: zTime.nullable(), liftedBy: z.string().nullable(),
  receipts: z.array(zReceipt),
});
export type Erasure = z.infer<typeof zErasure>;
export const zErasureQuery = z.object({ tenant: z.string().optional(), limit: z.coerce.number().int().min(1).max(1_000).default(100), before: z.coerce.number().int().optional() });
export const zErasureList = z.object({ erasures: z.array(zErasure), next: zTime.nullable() });
export const zErasureParams = z.object({ tenant: z.string(), id: z.string() });

export const zEraseBody = z.strictObject({
  contact: z.string().min(1), tenant: z.string().optional(), integration: z.string().optional(),
  /** Ask the systems to erase their records too. */
  propagate: z.boolean(), dryRun: z.boolean(),
});
export const zEraseAnswer = z.object({
  dryRun: z.boolean(),
  tenant: z.string(),
  /** Its id, to ask for the receipts by; null in a dry run. */
  erasure: z.string().nullable(),
  records: z.array(z.object({ integration: z.string(), linkId: z.string(), bevatelId: z.string().nullable(), externalId: z.string().nullable(), erasedBefore: z.boolean() })),
  /** What would be, or is, removed at once, by place. */
  items: z.record(z.string(), zCount),
  /** How many hashes keep the person out. */
  hashes: zCount,
  systems: z.array(z.object({ side: zSide, integration: z.string(), id: z.string(), asked: z.boolean() })),
});
export type EraseAnswer = z.infer<typeof zEraseAnswer>;
export const zLiftBody = z.strictObject({ dryRun: z.boolean() });
export const zLiftAnswer = z.object({
  id: z.string(), tenant: z.string(), dryRun: z.boolean(), hashes: zCount,
  /** Records that are read again and may then be linked and created like any other. */
  records: z.array(z.object({ side: zSide, integration: z.string(), id: z.string() })),
});
export type LiftAnswer = z.infer<typeof zLiftAnswer>;
