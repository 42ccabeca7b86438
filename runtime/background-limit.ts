/**
 * A limiter for work that nobody waits for (verify, repair, sweep): each call takes a place in a share of the quota that
 * all such work has together, and then in the quota itself. The rest of each window is always there for live work.
 */
import { createLimiter } from './rate-limit.ts';
import type { LimiterOptions, QuotaLimiter } from './rate-limit.ts';

/** Half of what the quota lets through. */
const SHARE = 0.5;

/** `options` name and limit the quota that is shared with everybody else. */
export function createBackgroundLimiter(options: LimiterOptions): QuotaLimiter {
  const quota = createLimiter(options);
  const share = createLimiter({ ...options, name: `${options.name}/background`, share: SHARE });
  return {
    take: async (kind, call) => {
      await share.take(kind, call);
      await quota.take(kind, call);
    },
    feedback: (kind, told) => quota.feedback(kind, told),
    waitMs: (kind) => Math.max(share.waitMs(kind), quota.waitMs(kind)),
    dailyRemaining: () => quota.dailyRemaining(),
  };
}
