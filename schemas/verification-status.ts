/** How comparisons of both sides fare, as the status shows it: where each is, what it waits for, what a sweep found. */
import { z } from 'zod';
import { DRIFT_KINDS } from './drift.ts';

const zTime = z.int().nonnegative();
const zCount = z.int().nonnegative();

export const zRunKind = z.enum(['verify', 'repair', 'sweep']);
/** `settling`: what was in doubt is looked at again. */
export const zRunPhase = z.enum(['bevatel', 'external', 'links', 'settling', 'ended']);

/** Why it does not go on, and until when as far as is known (I10). */
export const zRunWaiting = z.object({ code: z.string(), advice: z.string(), since: zTime, until: zTime });

export const zRunningVerification = z.object({
  id: z.string(), kind: zRunKind, phase: zRunPhase,
  /** Links and records without one that were looked at, of so many links. */
  examined: zCount, total: zCount, startedAt: zTime,
  /** Until it is through, at the pace so far; null while that is not known. */
  etaMs: zCount.nullable(),
  waiting: zRunWaiting.nullable(),
});
export type RunningVerification = z.infer<typeof zRunningVerification>;

const zDrift = z.record(z.enum(DRIFT_KINDS), zCount);

export const zSweepStatus = z.object({
  /** `resting`: between two rounds, or before the first listings of both sides are stored. */
  state: z.enum(['off', 'paused', 'resting', 'sweeping']),
  recordsPerHour: zCount,
  /** The round under way. */
  round: zRunningVerification.extend({ drift: zDrift }).nullable(),
  /** The last full round: the drift that it found and what of it nothing explained at its end. */
  lastRound: z.object({ certificate: z.string(), startedAt: zTime, finishedAt: zTime, drift: zDrift, unexplained: zCount }).nullable(),
});
export type SweepStatus = z.infer<typeof zSweepStatus>;
