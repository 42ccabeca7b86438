/**
 * Tally: what verify found, as numbers that can be added to and taken from, so that what is looked at again is counted
 * once, as it was seen last. Plain data: it is stored with its run. Names and ids only, never values (I11).
 *
 * The digest is a sum (modulo 2^256) over one hash per (record, group, outcome). It needs no order and can be taken back,
 * and two runs over the same links with the same outcomes have the same one.
 */
import type { Drift } from '../schemas/drift.ts';
import { SIDES } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { isGone } from './drift.ts';
import { isDoubtful, isUnexplained } from './verify.ts';
import type { Finding, FindingKind } from './verify.ts';

/** What was examined: a link, or a record of a side that no link knows. */
export interface Subject {
  readonly subject: 'link' | Side;
  readonly id: string;
  readonly bevatelId: string | null;
  readonly externalId: string | null;
}

/** `findings`: the worst first, without the equal ones. */
export interface Examined extends Subject {
  readonly findings: readonly Finding[];
}

export interface Sample extends Pick<Finding, 'kind' | 'group' | 'reason'> {
  readonly linkId: string | null;
  readonly bevatelId: string | null;
  readonly externalId: string | null;
}

export interface Tally {
  /** Links and strays looked at, each once. */
  readonly examined: number;
  /** Pairs by their worst group. */
  readonly pairs: Readonly<Partial<Record<FindingKind, number>>>;
  readonly oneSided: { readonly explained: number; readonly unlinked: number };
  /** Records that no link knows and that nothing explains. */
  readonly unlinked: Readonly<Record<Side, number>>;
  readonly byReason: Readonly<Record<string, number>>;
  /** Records that vanished unnoticed, and are not asked about yet. */
  readonly gone: number;
  readonly calls: { readonly list: number; readonly read: number };
  readonly listed: Readonly<Record<Side, number>>;
  /** Of what is explained for good; doubts are kept whole elsewhere. */
  readonly samples: readonly Sample[];
  readonly digest: string;
  /** Drift that was still there when it was looked at again. */
  readonly drift: Readonly<Record<Drift, number>>;
  readonly asked: { readonly reads: Readonly<Record<Side, number>>; readonly decided: number };
  /** Time spent at work, waits included (ms). */
  readonly workedMs: number;
}

/** A hash of the text as a number below 2^256. */
export type Digest = (text: string) => bigint;

const MODULUS = 1n << 256n;
const HEX_DIGITS = 64;
const MAX_SAMPLES = 50;

export const EMPTY_TALLY: Tally = {
  examined: 0, pairs: {}, oneSided: { explained: 0, unlinked: 0 }, unlinked: { bevatel: 0, external: 0 }, byReason: {}, gone: 0,
  calls: { list: 0, read: 0 }, listed: { bevatel: 0, external: 0 }, samples: [], digest: '0'.repeat(HEX_DIGITS),
  drift: { unseen: 0, gone: 0, stray: 0, unlinked: 0, differing: 0 }, asked: { reads: { bevatel: 0, external: 0 }, decided: 0 }, workedMs: 0,
};

/** Counts `added` in and `removed` out; `isNew` when the added ones were not examined before. */
export function counted(tally: Tally, added: readonly Examined[], removed: readonly Examined[], isNew: boolean, digest: Digest): Tally {
  const pairs: Partial<Record<FindingKind, number>> = { ...tally.pairs };
  const oneSided = { ...tally.oneSided };
  const unlinked = { ...tally.unlinked };
  const byReason: Record<string, number> = { ...tally.byReason };
  let { gone } = tally;
  let sum = BigInt(`0x${tally.digest}`);
  function move(one: Examined, by: 1 | -1): void {
    for (const { kind, reason } of one.findings) add(byReason, `${kind}:${reason}`, by);
    for (const line of linesOf(one)) sum += BigInt(by) * digest(line);
    if (one.findings.some(isGone)) gone += by;
    const kind = one.findings[0]?.kind ?? 'equal';
    if (one.subject !== 'link') unlinked[one.subject] += isUnexplained(kind) ? by : 0;
    if (isPair(one)) add(pairs, kind, by);
    else if (one.subject === 'link' || !isUnexplained(kind)) oneSided[isUnexplained(kind) ? 'unlinked' : 'explained'] += by;
  }
  for (const one of removed) move(one, -1);
  for (const one of added) move(one, 1);
  return {
    ...tally, pairs, oneSided, unlinked, byReason, gone,
    examined: tally.examined + (isNew ? added.length : 0),
    samples: [...tally.samples, ...added.filter(({ findings }) => !isDoubtful(findings)).flatMap(samplesOf)].slice(0, MAX_SAMPLES),
    digest: (((sum % MODULUS) + MODULUS) % MODULUS).toString(16).padStart(HEX_DIGITS, '0'),
  };
}

export function samplesOf({ subject, id, bevatelId, externalId, findings }: Examined): readonly Sample[] {
  return findings.map(({ kind, group, reason }) => ({ linkId: subject === 'link' ? id : null, bevatelId, externalId, kind, group, reason }));
}

/** How many pairs and records nothing explains. */
export function unexplained({ pairs, oneSided, unlinked }: Tally): number {
  const ofPairs = (Object.entries(pairs) as [FindingKind, number][]).reduce((sum, [kind, count]) => sum + (isUnexplained(kind) ? count : 0), 0);
  return ofPairs + oneSided.unlinked + SIDES.reduce((sum, side) => sum + unlinked[side], 0);
}

function isPair({ subject, bevatelId, externalId }: Examined): boolean {
  return subject === 'link' && bevatelId !== null && externalId !== null;
}

/** What the digest is made of: each finding, or that there is none. */
function linesOf({ subject, id, findings }: Examined): readonly string[] {
  const of = (group: string | null, outcome: string): string => JSON.stringify([subject, id, group, outcome]);
  return findings.length === 0 ? [of(null, 'equal')] : findings.map(({ kind, group, reason }) => of(group, `${kind}:${reason}`));
}

/** A count that is back at nothing is left out. */
function add(counts: Record<string, number>, key: string, by: number): void {
  const next = (counts[key] ?? 0) + by;
  if (next === 0) delete counts[key];
  else counts[key] = next;
}
