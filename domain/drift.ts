/**
 * Drift: what verify cannot explain, by kind, and how it is mended through the ordinary decision path. Pure.
 *
 * | drift | is | mended by |
 * |---|---|---|
 * | `unseen`    | an edit that was not captured | reading both records by id |
 * | `gone`      | a record that vanished unnoticed | reading it by its id, which proves its absence (I9) |
 * | `stray`     | a record that no link knows | reading it, which makes or finds its link |
 * | `unlinked`  | a record whose partner is missing without a reason | deciding its link anew |
 * | `differing` | a difference that nothing explains | deciding the link anew; reading, where a value is not known |
 */
import type { Drift } from '../schemas/drift.ts';
import type { Finding } from './verify.ts';

export type Remedy = 'read' | 'decide';

const GONE = /^(?:bevatel|external)_(?:not_found|deleted|erased|merged)$/;

/** Reading tells more than deciding: what is unseen goes first. Null when everything is explained. */
export function driftOf(findings: readonly Finding[]): Drift | null {
  if (findings.some(isGone)) return 'gone';
  if (findings.some(({ kind }) => kind === 'unseen')) return 'unseen';
  const unlinked = findings.find(({ kind }) => kind === 'unlinked');
  if (unlinked) return unlinked.reason.startsWith('no_link:') ? 'stray' : 'unlinked';
  return findings.some(({ kind }) => kind === 'differing') ? 'differing' : null;
}

/** A record that its system does not have any more, and whose link does not know. */
export function isGone({ kind, reason }: Finding): boolean {
  return kind === 'unseen' && GONE.test(reason);
}

export function remedyOf(findings: readonly Finding[]): Remedy | null {
  const drift = driftOf(findings);
  switch (drift) {
    case null: return null;
    case 'unseen':
    case 'gone':
    case 'stray': return 'read';
    case 'unlinked': return 'decide';
    case 'differing': return findings.some(({ kind, reason }) => kind === 'differing' && reason === 'unknown_value') ? 'read' : 'decide';
    default: return drift satisfies never;
  }
}

const MANY_GONE = 20;
const SHARE_GONE = 0.05;

/**
 * So many records at once are rarely deleted by people: a table was truncated, a backup was put back, a token shows
 * another account. Such deletions are named and wait for a word (I9).
 */
export function isMassAbsence(gone: number, examined: number): boolean {
  return gone > MANY_GONE && gone > examined * SHARE_GONE;
}
