/**
 * Erasure: nothing personal stays with the link, nothing is written for it ever again, except that its records may have
 * to be erased in their systems too (GDPR Art. 17, PDPL; I9, I11). The ids stay: they keep the person from coming back.
 */
import type { ReadResult, WriteOutcome } from '../schemas/record.ts';
import type { GoneHow } from '../schemas/system.ts';
import type { Side } from '../schemas/value.ts';
import { idOn } from './link.ts';
import type { Link, LinkState } from './link.ts';

/** A system tells that it erased the record for privacy. */
export function eraseForSystem(link: Link, side: Side, observedFrom: number, now: number): Link {
  return { ...link, erased: true, state: { seen: {}, groups: {}, attempts: [], gone: { [side]: { how: 'erased', at: now, observedFrom } } } };
}

/** An operator erases; `sides` are those whose record is to be erased in its system. What was erased before stays with its erasure. */
export function eraseForOperator(link: Link, erasure: string, sides: readonly Side[]): Link {
  const erasing = sides.filter((side) => idOn(link, side) !== null);
  const state: LinkState = link.erased ? link.state : { seen: {}, groups: {}, attempts: [], erasure };
  return { ...link, erased: true, state: { ...state, ...(erasing.length > 0 ? { erasing } : {}) } };
}

/** What became of an erasure in a system: done there, given up with a code, or to be tried again. */
export type ErasedThere = { readonly kind: 'done' } | { readonly kind: 'refused'; readonly code: string } | { readonly kind: 'again' };

export function erasedThere(outcome: WriteOutcome | ReadResult): ErasedThere {
  switch (outcome.kind) {
    case 'removed': return { kind: 'done' };
    case 'gone': return goneThere(outcome.how);
    case 'merged': return { kind: 'refused', code: 'merged' };
    case 'rejected': return { kind: 'refused', code: outcome.error.code };
    default: return { kind: 'again' };
  }
}

/** A record that is merely deleted or archived still holds the person. */
function goneThere(how: GoneHow): ErasedThere {
  if (how === 'deleted') return { kind: 'again' };
  return how === 'merged' ? { kind: 'refused', code: 'merged' } : { kind: 'done' };
}

/** The link after an attempt to erase there has ended: without the attempt, and without the side when nothing is left to do. */
export function afterErasing(link: Link, side: Side, attemptId: string, there: ErasedThere): Link {
  const { erasing: before = [], retry: _retry, ...rest } = link.state;
  const erasing = there.kind === 'again' ? before : before.filter((one) => one !== side);
  const attempts = rest.attempts.filter((attempt) => attempt.id !== attemptId);
  return { ...link, state: { ...rest, attempts, ...(erasing.length > 0 ? { erasing } : {}) } };
}
