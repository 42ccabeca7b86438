/** Times, spans and values in words for a person at the terminal. */
import { SyncError } from '../../schemas/errors.ts';
import type { Value } from '../../schemas/value.ts';

/** UTC, to the second; `-` when there is none. */
export function when(at: number | null): string {
  return at === null ? '-' : new Date(at).toISOString().replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}

export function span(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

/** Of an option that takes seconds. */
export function milliseconds(option: string, seconds: string): number {
  const ms = Math.round(Number(seconds) * 1_000);
  if (!Number.isFinite(ms) || ms < 0 || seconds.trim() === '') throw new SyncError('change_malformed', `${option} takes seconds, not "${seconds}"`);
  return ms;
}

/** An unknown value is `?`, an empty one `∅`. */
export function values(list: readonly Value[] | null): string {
  return list === null ? '?' : list.map(value).join(' · ');
}

function value(one: Value): string {
  if (one === null) return '∅';
  return typeof one === 'object' ? one.join(', ') : String(one);
}
