/**
 * Which records of both sides have match keys in common, for planning: ids and 48-bit fingerprints of keys, no values and
 * no images, some 200 bytes per record. Two keys share a fingerprint once in thousands of million-record plans; a plan may.
 */
import { createHash } from 'node:crypto';
import { CROWD } from '../../../domain/pairing.ts';
import type { Bearer, Identity } from '../../../domain/pairing.ts';
import type { Side } from '../../../schemas/value.ts';

/** A record as the index knows it: its keys are fingerprints, and its name is not known. */
export type Indexed = Bearer;

export interface MatchIndex {
  add(identity: Identity, claims: boolean): void;
  /** Records that hang together by keys; those that share none with anybody are left out. */
  groups(): Iterable<readonly Indexed[]>;
  /** Records with a key that too many bear to be told apart by it, and whether the other side bears it too. */
  crowded(): Iterable<{ readonly record: Indexed; readonly kind: string; readonly isOnBothSides: boolean }>;
}

export function createMatchIndex(): MatchIndex {
  const records: Indexed[] = [];
  const known = new Set<string>();
  /** Per key, how many bear it on [Bevatel, external]. */
  const bearers = new Map<string, [number, number]>();

  function isCrowded(key: string): boolean {
    return (bearers.get(key) ?? []).some((count) => count > CROWD);
  }
  return {
    add({ side, recordId, keys }, claims) {
      const name = `${side}/${recordId}`;
      if (known.has(name)) return;
      known.add(name);
      const indexed = keys.map((key) => ({ ...key, key: fingerprint(key.key) }));
      for (const { key } of indexed) {
        const counts = bearers.get(key) ?? [0, 0];
        counts[side === 'bevatel' ? 0 : 1] += 1;
        bearers.set(key, counts);
      }
      records.push({ linkId: name, side, recordId, keys: indexed, name: null, apart: [], claims });
    },
    *groups() {
      const roots = unite(records.map(({ keys }) => keys.filter(({ key }) => !isCrowded(key) && sum(bearers.get(key)) > 1).map(({ key }) => key)));
      const members = new Map<number, Indexed[]>();
      records.forEach((record, index) => {
        const root = roots(index);
        const group = members.get(root);
        const apart = { ...record, keys: record.keys.filter(({ key }) => !isCrowded(key)) };
        if (group) group.push(apart);
        else members.set(root, [apart]);
      });
      for (const group of members.values()) if (group.length > 1) yield group;
    },
    *crowded() {
      for (const record of records) {
        const crowd = crowdOf(record);
        if (crowd) yield { record, ...crowd };
      }
    },
  };

  function crowdOf({ side, keys }: Indexed): { readonly kind: string; readonly isOnBothSides: boolean } | null {
    const crowded = keys.find(({ key }) => isCrowded(key));
    return crowded ? { kind: crowded.kind, isOnBothSides: (bearers.get(crowded.key)?.[side === 'bevatel' ? 1 : 0] ?? 0) > 0 } : null;
  }
}

function sum(counts: readonly [number, number] | undefined): number {
  return counts ? counts[0] + counts[1] : 0;
}

/** Union-find over whatever has a name in common; gives the root of each index. */
function unite(names: readonly (readonly string[])[]): (index: number) => number {
  const parents = Int32Array.from(names, (_, index) => index);
  const find = (index: number): number => {
    let at = index;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at] as number] as number;
      at = parents[at] as number;
    }
    return at;
  };
  const first = new Map<string, number>();
  names.forEach((list, index) => {
    for (const name of list) {
      const other = first.get(name);
      if (other === undefined) first.set(name, index);
      else parents[find(index)] = find(other);
    }
  });
  return find;
}

function fingerprint(key: string): string {
  return createHash('sha256').update(key).digest().subarray(0, 6).toString('base64');
}

export function nameOfRecord(side: Side, recordId: string): string {
  return `${side}/${recordId}`;
}
