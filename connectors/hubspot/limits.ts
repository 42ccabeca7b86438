/** HubSpot's documented limits (fact sheet §3, §6), and what a 429 asks for where it has no Retry-After. */
import type { RateLimit } from '../connector.ts';

export type CallKind = 'calls' | 'search';

/** Largest numbers of records in one request. */
export const LIST_PAGE = 100;
export const SEARCH_PAGE = 200;
export const BATCH_SIZE = 100;
/** A batch read with histories is refused beyond 50 inputs ("maximum number of inputs … for property histories is 50"). */
export const HISTORY_BATCH_SIZE = 50;

const TEN_SECONDS_MS = 10_000;
/** The smallest documented burst: a private app of a Free or Starter account. */
const DEFAULT_CALLS_PER_TEN_SECONDS = 100;
/** Per account, shared by all of its apps. */
const DEFAULT_SEARCHES_PER_SECOND = 5;
const SECONDLY_PAUSE_MS = 1_000;
/** Where the account's time zone is not known, a used-up day is looked at again after this. */
const DAILY_RECHECK_MS = 900_000;

export function hubSpotRateLimits(own: { readonly callsPerTenSeconds?: number | undefined; readonly searchesPerSecond?: number | undefined }): readonly RateLimit[] {
  return [
    { kind: 'calls' satisfies CallKind, points: own.callsPerTenSeconds ?? DEFAULT_CALLS_PER_TEN_SECONDS, perMs: TEN_SECONDS_MS },
    { kind: 'search' satisfies CallKind, points: own.searchesPerSecond ?? DEFAULT_SEARCHES_PER_SECOND, perMs: 1_000 },
  ];
}

/** How long to wait after a 429 without Retry-After: DAILY lasts until midnight in the account's time zone. */
export function pauseOfPolicy(policyName: string | undefined, at: { readonly nowMs: number; readonly timeZone: string | undefined; readonly kind: CallKind }): number {
  if (policyName === 'DAILY') return at.timeZone === undefined ? DAILY_RECHECK_MS : untilMidnight(at.nowMs, at.timeZone);
  return policyName === 'SECONDLY' || at.kind === 'search' ? SECONDLY_PAUSE_MS : TEN_SECONDS_MS;
}

function untilMidnight(nowMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).formatToParts(nowMs);
  const part = (type: string): number => Number(parts.find((item) => item.type === type)?.value ?? 0);
  const elapsedSeconds = part('hour') * 3_600 + part('minute') * 60 + part('second');
  return (86_400 - elapsedSeconds) * 1_000;
}
