/** Points in time as a person writes them: `2026-04-16`, `2026-04-16T07:00Z`, or so long ago: `90m`, `24h`, `7d`. */
import { SyncError } from '../../schemas/errors.ts';

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Epoch milliseconds; a date without a time is its beginning in UTC, a time needs its offset. Throws SyncError `change_malformed`. */
export function momentOf(text: string, now: number): number {
  const { count, unit } = /^(?<count>\d{1,9})(?<unit>[smhd])$/.exec(text)?.groups ?? {};
  if (count !== undefined && unit !== undefined) return now - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  const at = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(at)) throw new SyncError('change_malformed', `"${text}" is no time; write 2026-04-16, 2026-04-16T07:00Z, or how long ago: 90m, 24h, 7d`);
  return at;
}
