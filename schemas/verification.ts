/**
 * Comparing both sides over the operator's API: verify, repair, and the certificates that they end with.
 *
 * A certificate names ids, groups and rules, never values: it may be kept and shown (I11).
 */
import { z } from 'zod';
import { zApiError, zFilter } from './api.ts';
import { DRIFT_KINDS } from './drift.ts';
import { SIDES } from './value.ts';
import { zRunKind, zRunningVerification } from './verification-status.ts';

const zTime = z.int().nonnegative();
const zCount = z.int().nonnegative();
const zPerSide = z.object({ bevatel: zCount, external: zCount });
const zLimit = z.coerce.number().int().min(1).max(1_000).default(100);
/** How long differences that are not explained yet are looked at again (ms). */
const zSettleMs = z.int().min(0).max(600_000);

export const zVerifyBody = z.strictObject({ tenant: z.string(), integration: z.string(), settleMs: zSettleMs.default(10_000) });

/** Without `contact` and `certificate` the whole integration is compared, and what drifted is mended. */
export const zRepairBody = z.strictObject({
  tenant: z.string(), integration: z.string(),
  /** The links of one contact, by either of its ids, or a record without a link. */
  contact: z.string().min(1).optional(),
  /** What this certificate left unexplained or on its way. */
  certificate: z.string().min(1).optional(),
  /** How long what was asked for is looked at again. */
  settleMs: zSettleMs.default(0),
  /** Compares and counts what would be asked for; nothing is. */
  dryRun: z.boolean().default(false),
  /** Also of records that vanished by the hundred, which wait for this word otherwise (I9). */
  includeGone: z.boolean().default(false),
}).refine(({ contact, certificate }) => contact === undefined || certificate === undefined, 'give contact or certificate, not both');
export type RepairBody = z.infer<typeof zRepairBody>;

/** What a repair found still there at a second look, and did. */
export const zRepairReport = z.object({
  dryRun: z.boolean(),
  drift: z.record(z.enum(DRIFT_KINDS), zCount),
  /** Records whose read by id was asked for. */
  reads: zPerSide,
  /** Links that were decided anew. */
  decided: zCount,
  /**
   * Left alone, by reason. `mass_absence`: too many vanished at once. `strays_first`: a partner may be among the records without
   * a link; repair again. `not_listed`: it may be among records that were not looked for; repair the whole integration.
   */
  deferred: z.record(z.string(), zCount),
});

const zFinding = z.object({ linkId: z.string().nullable(), bevatelId: z.string().nullable(), externalId: z.string().nullable(), kind: z.string(), group: z.string().nullable(), reason: z.string() });

/** Pairs are counted once, as their worst group. */
export const zCertificate = z.object({
  id: z.string(), kind: zRunKind, tenant: z.string(), integration: z.string(), requestedBy: z.string(),
  /** `integration`, `contact` or `certificate:<id>`. */
  scope: z.string(),
  startedAt: zTime, finishedAt: zTime,
  /** Of the mapping and rules that decide what agrees. */
  rules: z.string(),
  /** Of every (link, group, outcome): two certificates with the same one found the same. */
  digest: z.string(),
  /** True when nothing is unexplained: no `differing`, `unseen`, `unlinked`. */
  ok: z.boolean(),
  unexplained: zCount,
  /** Proven equal; `lossy` ones agree, though one side cannot say all that the other holds; `normalised` ones are kept in another form by a system. */
  pairs: zCount, equal: zCount, lossy: zCount, normalised: zCount,
  /** Excluded by a rule, in conflict, in flight; not captured yet, and without any reason. */
  skipped: zCount, held: zCount, inFlight: zCount, unseen: zCount, differing: zCount,
  /** Records with a link but without a partner, and records that wait for their link: explained and not. */
  oneSided: z.object({ explained: zCount, unlinked: zCount }),
  /** Records that their system lists, that no link knows, and that nothing explains. */
  unlinked: zPerSide,
  byReason: z.record(z.string(), zCount),
  /** How many records each side listed; none where only a part was compared. */
  listed: zPerSide,
  calls: z.object({ list: zCount, read: zCount }),
  samples: z.array(zFinding),
  /** Of a repair or a sweep. */
  repair: zRepairReport.nullable(),
});
export type Certificate = z.infer<typeof zCertificate>;

export const zVerification = zRunningVerification.extend({
  tenant: z.string(), integration: z.string(), requestedBy: z.string(),
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  finishedAt: zTime.nullable(),
  error: zApiError.nullable(),
  certificate: zCertificate.nullable(),
});
export type Verification = z.infer<typeof zVerification>;
export const zVerificationParams = z.object({ id: z.string() });
export const zVerificationQuery = zFilter.extend({ limit: zLimit });
export const zVerificationList = z.object({ verifications: z.array(zVerification) });

export const zCertificateSummary = zCertificate.omit({ byReason: true, samples: true, listed: true, calls: true, repair: true });
export type CertificateSummary = z.infer<typeof zCertificateSummary>;
export const zCertificateQuery = zFilter.extend({ kind: zRunKind.optional(), limit: zLimit, after: z.string().optional() });
export const zCertificateList = z.object({ certificates: z.array(zCertificateSummary), next: z.string().nullable() });

export const zFindingQuery = z.object({ limit: zLimit, after: z.string().optional() });
/** What a certificate left unexplained or on its way, whole. `side` is null for a link. */
export const zFindingList = z.object({
  findings: z.array(z.object({
    side: z.enum(SIDES).nullable(), linkId: z.string().nullable(), bevatelId: z.string().nullable(), externalId: z.string().nullable(),
    groups: z.array(z.object({ kind: z.string(), group: z.string().nullable(), reason: z.string() })),
    asked: z.enum(['read', 'decide']).nullable(), deferred: z.string().nullable(),
  })),
  next: z.string().nullable(),
});
