/** When a link is due, and for what: "due" means that something is wanted, never that the sides differ (design §6). */
import { SIDES } from '../schemas/value.ts';
import { LATE_WRITE_MS, SKIPPED_REVISION_PATIENCE_MS } from './context.ts';
import type { Attempt, Link, LinkState } from './link.ts';

export interface Due {
  /** Not before (our clock, epoch ms). */
  readonly at: number;
  /** `create` waits for the first listings of both sides (design §5, Matching). */
  readonly kind: 'write' | 'create';
}

/** Margin between a call's deadline and the read that closes its attempt (ms). */
export const CLOSING_MARGIN_MS = 1_000;

export function dueOf(link: Link, now: number): Due | null {
  const { state } = link;
  const notBefore = state.retry?.at ?? 0;
  if (state.attempts.length > 0) {
    const outstanding = state.attempts.filter((attempt) => attempt.status === 'outstanding');
    if (outstanding.length > 0) return { at: Math.max(notBefore, ...outstanding.map((attempt) => attempt.deadline + CLOSING_MARGIN_MS)), kind: 'write' };
  }
  const reads = state.readDue ? SIDES.flatMap((side) => state.readDue?.[side]?.at ?? []) : [];
  if (reads.length > 0) return { at: Math.max(Math.min(...reads), notBefore), kind: 'write' };
  if (state.referenceDue !== undefined || state.erasing || isAnythingWanted(state)) return { at: Math.max(now, notBefore), kind: 'write' };
  if (state.create && state.guarded === undefined) return { at: Math.max(now, notBefore), kind: 'create' };
  if (state.attempts.length === 0 && state.forgetAt === undefined) return null;
  const later = [...state.attempts.flatMap((attempt) => lookAgainAt(attempt, state) ?? []), ...(state.forgetAt === undefined ? [] : [state.forgetAt])];
  return later.length > 0 ? { at: Math.max(Math.min(...later), notBefore), kind: 'write' } : null;
}

/** Wanted, and not waiting for an approval. */
function isAnythingWanted({ groups, guarded, merge, remove }: LinkState): boolean {
  if (guarded !== undefined) return false;
  if (remove !== undefined || merge !== undefined) return true;
  for (const name in groups) if (groups[name]?.wanted !== undefined && groups[name].guarded === undefined) return true;
  return false;
}

/**
 * When the side of an unresolved conditional write is read again, which then proves, holds or forgets it: after the
 * patience with a revision that was skipped, else when the write cannot land any more. Null where nothing waits for it.
 */
export function lookAgainAt(attempt: Attempt, state: LinkState): number | null {
  if (attempt.condition === null || attempt.status === 'outstanding') return null;
  const isSkipped = state.seen[attempt.side]?.revision !== attempt.condition;
  return attempt.deadline + (isSkipped ? SKIPPED_REVISION_PATIENCE_MS : LATE_WRITE_MS);
}

/** How many conflicts and holds of the link wait for an operator. */
export function heldCount({ state }: Link): number {
  let count = state.hold ? 1 : 0;
  for (const name in state.groups) if (state.groups[name]?.held !== undefined) count += 1;
  return count;
}
