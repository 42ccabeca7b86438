/** Revisions order the images of one record as far as its system promises (design §4). */
import type { Capabilities } from '../schemas/system.ts';

export type RevisionOrder = 'newer' | 'equal' | 'older' | 'unknown';

/**
 * How `next` stands to `known`. Revisions are decimal integers (row versions, epoch milliseconds) or ISO instants;
 * of equal length they compare as text, integers of unequal length by length.
 */
export function compareRevisions(kind: Capabilities['revisions'], known: string | null, next: string | null): RevisionOrder {
  if (kind === 'none' || known === null || next === null) return 'unknown';
  if (known === next) return 'equal';
  if (known.length !== next.length) return next.length > known.length ? 'newer' : 'older';
  return next > known ? 'newer' : 'older';
}

/** On strict sides a write conditional on `condition` makes exactly the revision after it. */
export function isNextRevision(condition: string, revision: string): boolean {
  return BigInt(revision) === BigInt(condition) + 1n;
}
