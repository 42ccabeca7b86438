/**
 * Which Bevatel contacts have a match key, for planning: ids and 48-bit fingerprints of keys, no values and no images,
 * some 200 bytes per contact. Two keys share a fingerprint once in thousands of million-record plans; a plan may.
 */
import { createHash } from 'node:crypto';
import type { MatchCandidate } from '../../../domain/match.ts';

export interface MatchIndex {
  add(id: string, keys: readonly string[]): void;
  has(id: string): boolean;
  /** Contacts with any of these keys, each with those that it shares. */
  candidates(keys: readonly string[]): readonly MatchCandidate[];
}

export function createMatchIndex(): MatchIndex {
  const ids: string[] = [];
  const known = new Set<string>();
  const byKey = new Map<number, number[]>();
  return {
    add(id, keys) {
      if (known.has(id)) return;
      known.add(id);
      const at = ids.push(id) - 1;
      for (const key of keys) {
        const list = byKey.get(fingerprint(key));
        if (list) list.push(at);
        else byKey.set(fingerprint(key), [at]);
      }
    },
    has: (id) => known.has(id),
    candidates(keys) {
      const found = new Map<number, string[]>();
      for (const key of keys) {
        for (const at of byKey.get(fingerprint(key)) ?? []) found.set(at, [...(found.get(at) ?? []), key]);
      }
      return [...found].map(([at, shared]) => ({ linkId: ids[at] ?? '', keys: shared }));
    },
  };
}

function fingerprint(key: string): number {
  return createHash('sha256').update(key).digest().readUIntBE(0, 6);
}
