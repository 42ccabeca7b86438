/** Which of two edits came later, if that can be known at all (I5: a missing time is unknown, never 0). */
import type { EditTime } from './link.ts';
import { UNKNOWN_TIME } from './link.ts';

/** `unknown` when the intervals overlap, lie within the tolerance (ms) of each other, or are unbounded where it matters. */
export function laterEdit(bevatel: EditTime, external: EditTime, toleranceMs: number): 'bevatel' | 'external' | 'unknown' {
  if (bevatel.from !== null && external.to !== null && bevatel.from - external.to > toleranceMs) return 'bevatel';
  if (external.from !== null && bevatel.to !== null && external.from - bevatel.to > toleranceMs) return 'external';
  return 'unknown';
}

/** The time of a group: that of its latest edited field; unknown when no field's time is known. */
export function groupTime(times: Readonly<Record<string, EditTime>>, fields: readonly string[]): EditTime {
  let latest: EditTime | null = null;
  for (const field of fields) {
    const time = times[field];
    if (time && (latest === null || (time.to ?? 0) > (latest.to ?? 0))) latest = time;
  }
  return latest ?? UNKNOWN_TIME;
}

export function exactly(at: number, actor: string | null): EditTime {
  return { from: at, to: at, actor };
}

export function sameTime(a: EditTime, b: EditTime): boolean {
  return a.from === b.from && a.to === b.to && a.actor === b.actor;
}
