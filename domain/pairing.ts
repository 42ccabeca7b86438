/**
 * Pairing: which records without a partner are the same person, decided for a group of records at once and never by the
 * order in which they came (I4). Pure.
 *
 * A group is whatever hangs together by keys. In it each record chooses among the records of the other side that have a
 * key of it, those among them that have a partner already, whom it cannot get:
 *
 * | its first key with bearers there has | it chooses |
 * |---|---|
 * | one, and no other key of it points elsewhere | that one |
 * | several, or another key contradicts | among all of them the one whose name is like its own, if that is clear; else nobody |
 *
 * | record | stands |
 * |---|---|
 * | two that choose each other                                     | `paired` |
 * | candidates are left for it                                     | `multi_match`: it and they are held, nobody is created for any |
 * | a partner is being made for one of the other side              | `possible_duplicate`: it waits for what comes of that |
 * | none are left, but a pair or an elder record of its side has one of its keys | `possible_duplicate`: it is held, if a partner would be made for it and the integration does not say `shared: create` |
 * | else                                                           | `free` |
 *
 * A name decides between candidates only; it makes nobody a candidate. A key that too many bear (an office's address)
 * tells nobody apart: it neither pairs nor contradicts, and who has nothing better is held.
 */
import { otherSide } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import type { Matching } from '../schemas/matching.ts';
import type { MatchKey } from './match.ts';
import { nameLikeness } from './names/likeness.ts';

/** More bearers of a key on a side than this tell nobody apart. */
export const CROWD = 20;

/** A record, as far as it matters for who it is. */
export interface Identity {
  readonly side: Side;
  readonly recordId: string;
  readonly keys: readonly MatchKey[];
  readonly name: string | null;
}

/** A record without a partner. */
export interface Bearer extends Identity {
  readonly linkId: string;
  /** Records that it is not to be matched with, because somebody parted them. */
  readonly apart: readonly RecordName[];
  /** A partner is made for it where none is found. */
  readonly claims: boolean;
}

/** A link that has its partner, or is about to get it. */
export interface Settled {
  readonly linkId: string;
  readonly records: readonly Identity[];
  readonly apart: readonly RecordName[];
  /** It has one record, and the call that makes the other is under way: who comes now may be what comes of it. */
  readonly isMaking?: boolean;
}

interface RecordName {
  readonly side: Side;
  readonly id: string;
}

export interface Scored {
  readonly linkId: string;
  /** The likeness of the names (domain/names/likeness.ts); null where one is not known. */
  readonly score: number | null;
}

export type Standing =
  | { readonly kind: 'paired'; readonly with: string; readonly rule: string }
  /** The likeliest candidates first, `CROWD` at most. */
  | { readonly kind: 'multi_match' | 'possible_duplicate'; readonly rule: string; readonly candidates: readonly Scored[] }
  | { readonly kind: 'free' };

export type PairingRules = Pick<Matching, 'shared' | 'names'>;

const FREE: Standing = { kind: 'free' };

/** By link id. The result depends on the sets alone, not on their order. */
export function pairUp(bearers: readonly Bearer[], settled: readonly Settled[], rules: PairingRules): ReadonlyMap<string, Standing> {
  return new Group(bearers, settled, rules).standings();
}

interface Choice {
  readonly chosen: Bearer;
  readonly rule: string;
}

/** From a record to one of the other side that has a key with it in common. */
interface Edge {
  readonly to: Identity;
  /** Null where it has its partner. */
  readonly bearer: Bearer | null;
  readonly key: MatchKey;
  /** The worse of the places that the key has with the two. */
  readonly rank: number;
}

class Group {
  readonly #bearers: readonly Bearer[];
  readonly #settled: readonly Settled[];
  readonly #rules: PairingRules;
  /** Per side and key; without the keys that too many bear. */
  readonly #byKey: Readonly<Record<Side, ReadonlyMap<string, readonly Bearer[]>>>;
  readonly #crowded: ReadonlySet<string>;

  constructor(bearers: readonly Bearer[], settled: readonly Settled[], rules: PairingRules) {
    this.#bearers = bearers.toSorted(byAge);
    this.#settled = settled.toSorted((a, b) => (a.linkId < b.linkId ? -1 : 1));
    this.#rules = rules;
    const all = { bevatel: this.#bearersOn('bevatel'), external: this.#bearersOn('external') };
    this.#crowded = new Set([...all.bevatel, ...all.external].flatMap(([key, list]) => (list.length > CROWD ? [key] : [])));
    this.#byKey = all;
  }

  standings(): ReadonlyMap<string, Standing> {
    const choices = new Map(this.#bearers.map((bearer) => [bearer, this.#choose(bearer)]));
    const pairs = new Map<Bearer, Choice>();
    for (const [bearer, choice] of choices) {
      const returned = choice && choices.get(choice.chosen);
      if (choice && returned?.chosen === bearer) pairs.set(bearer, { chosen: choice.chosen, rule: longer(choice.rule, returned.rule) });
    }
    return new Map(this.#bearers.map((bearer) => [bearer.linkId, this.#standing(bearer, pairs)]));
  }

  #standing(bearer: Bearer, pairs: ReadonlyMap<Bearer, Choice>): Standing {
    const pair = pairs.get(bearer);
    if (pair) return { kind: 'paired', with: pair.chosen.linkId, rule: pair.rule };
    const left = this.#meets(bearer, otherSide(bearer.side)).filter((one) => !pairs.has(one));
    if (left.length > 0) {
      const taken = this.#sharing(bearer, (record) => record.side !== bearer.side);
      return { kind: 'multi_match', rule: ruleAmong(bearer, left), candidates: scored(bearer, [...left.map((one): Holder => [one.linkId, one]), ...taken]) };
    }
    const makers = this.#sharing(bearer, (record, link) => link.isMaking === true && record.side !== bearer.side);
    if (makers.length > 0) return duplicate(bearer, makers);
    return this.#rules.shared === 'hold' && bearer.claims ? duplicate(bearer, this.#shared(bearer, pairs)) : FREE;
  }

  /** Whoever has a key of it: pairs on either side, and what is older on its own. */
  #shared(bearer: Bearer, pairs: ReadonlyMap<Bearer, Choice>): readonly Holder[] {
    const own = this.#meets(bearer, bearer.side).filter((one) => pairs.has(one) || (one.claims && (byAge(one, bearer) < 0 || this.#isInCrowd(bearer, one))));
    const paired = this.#meets(bearer, otherSide(bearer.side)).filter((one) => pairs.has(one));
    return [...this.#sharing(bearer, () => true), ...[...own, ...paired].map((one): Holder => [this.#linkOf(one, pairs), one])];
  }

  /** Records of settled links that have a key with it in common. */
  #sharing(bearer: Bearer, isMeant: (record: Identity, link: Settled) => boolean): readonly Holder[] {
    return this.#settled.filter((link) => !isParted(bearer, link))
      .flatMap((link) => link.records.filter((record) => isMeant(record, link) && commonKind(bearer, record) !== '').map((record): Holder => [link.linkId, record]));
  }

  /** The link of a pair that is being made is that of its Bevatel record. */
  #linkOf(bearer: Bearer, pairs: ReadonlyMap<Bearer, Choice>): string {
    const pair = pairs.get(bearer);
    return pair && bearer.side === 'external' ? pair.chosen.linkId : bearer.linkId;
  }

  /** Neither is the elder of a crowd: which of them were looked at is chance. */
  #isInCrowd(bearer: Bearer, other: Bearer): boolean {
    return bearer.keys.some(({ key }) => this.#crowded.has(key) && other.keys.some((one) => one.key === key));
  }

  #choose(bearer: Bearer): Choice | null {
    const edges = this.#edges(bearer);
    const best = Math.min(...edges.map(({ rank }) => rank));
    const top = edges.filter(({ rank }) => rank === best);
    const [first] = top;
    if (!first) return null;
    const isOne = top.every(({ to }) => to === first.to);
    if (best === REFERENCE_RANK) return isOne ? choiceOf(first, first.key.kind) : null;
    if (!isOne) return this.#byName(bearer, top, first.key.kind);
    const contrary = this.#contrary(bearer, edges, first.to);
    if (!contrary) return choiceOf(first, first.key.kind);
    return this.#byName(bearer, [...top, ...contrary], joined(first.key.kind, contrary[0]?.key.kind ?? ''));
  }

  /** The first key that points to others only. */
  #contrary(bearer: Bearer, edges: readonly Edge[], chosen: Identity): readonly Edge[] | null {
    for (const { key } of bearer.keys) {
      const hits = edges.filter((edge) => edge.key.key === key);
      if (hits.length > 0 && !hits.some(({ to }) => to === chosen)) return hits;
    }
    return null;
  }

  /** An unknown name may be anybody's: it counts as half. */
  #byName(bearer: Bearer, contenders: readonly Edge[], rule: string): Choice | null {
    const { threshold, margin } = this.#rules.names;
    const distinct = [...new Map(contenders.map((edge) => [edge.to, edge])).values()];
    const likeness = distinct.map((edge) => ({ edge, score: nameLikeness(bearer.name, edge.to.name) })).toSorted((a, b) => (b.score ?? 0.5) - (a.score ?? 0.5));
    const [first, second] = likeness;
    if (!first || first.score === null || first.score < threshold) return null;
    return second && first.score - (second.score ?? 0.5) < margin ? null : choiceOf(first.edge, `${rule}+name`);
  }

  /** To the records of the other side that may be the same person. */
  #edges(bearer: Bearer): readonly Edge[] {
    const side = otherSide(bearer.side);
    const taken = this.#settled.filter((link) => !isParted(bearer, link)).flatMap(({ records }) => records.filter((record) => record.side === side));
    return bearer.keys.flatMap((key) => {
      if (this.#crowded.has(key.key)) return [];
      const free = (this.#byKey[side].get(key.key) ?? []).filter((to) => !isParted(bearer, to));
      return [...free.map((to) => [to, to] as const), ...taken.map((to) => [to, null] as const)].flatMap(([to, theirs]): Edge[] => {
        const same = to.keys.find((one) => one.key === key.key);
        return same ? [{ to, bearer: theirs, key, rank: Math.max(key.rank, same.rank) }] : [];
      });
    });
  }

  /** All records of a side that have a key with it in common, whatever the key is worth. */
  #meets(bearer: Bearer, side: Side): readonly Bearer[] {
    const met = new Set(bearer.keys.flatMap(({ key }) => this.#byKey[side].get(key) ?? []));
    met.delete(bearer);
    return [...met].filter((one) => !isParted(bearer, one)).toSorted(byAge);
  }

  #bearersOn(side: Side): ReadonlyMap<string, readonly Bearer[]> {
    const byKey = new Map<string, Bearer[]>();
    for (const bearer of this.#bearers) {
      if (bearer.side !== side) continue;
      for (const { key } of bearer.keys) {
        const list = byKey.get(key);
        if (list) list.push(bearer);
        else byKey.set(key, [bearer]);
      }
    }
    return byKey;
  }
}

/** Of the key that a record has for its own id and for that of the partner that it names. */
export const REFERENCE_RANK = -1;

/** Systems count their ids up, or begin them with the time: the smaller is the older record. */
function byAge(a: Identity, b: Identity): number {
  if (a.recordId.length !== b.recordId.length && /^\d+$/.test(a.recordId) && /^\d+$/.test(b.recordId)) return a.recordId.length - b.recordId.length;
  if (a.recordId !== b.recordId) return a.recordId < b.recordId ? -1 : 1;
  return a.side < b.side ? -1 : Number(a.side > b.side);
}

function isParted(bearer: Bearer, other: Bearer | Settled): boolean {
  const records = 'records' in other ? other.records : [other];
  return bearer.apart.some(({ side, id }) => records.some((one) => one.side === side && one.recordId === id))
    || other.apart.some(({ side, id }) => side === bearer.side && id === bearer.recordId);
}

function choiceOf({ bearer }: Edge, rule: string): Choice | null {
  return bearer ? { chosen: bearer, rule } : null;
}

/** A record, and the link that has it. */
type Holder = readonly [linkId: string, record: Identity];

function duplicate(bearer: Bearer, holders: readonly Holder[]): Standing {
  const [first] = holders;
  return first ? { kind: 'possible_duplicate', rule: commonKind(bearer, first[1]), candidates: scored(bearer, holders) } : FREE;
}

function commonKind(a: Identity, b: Identity): string {
  return a.keys.find(({ key }) => b.keys.some((one) => one.key === key))?.kind ?? '';
}

function ruleAmong(bearer: Bearer, others: readonly Bearer[]): string {
  const kinds = new Set(bearer.keys.flatMap(({ key, kind }) => (others.some((one) => one.keys.some((theirs) => theirs.key === key)) ? [kind] : [])));
  return [...kinds].join('+');
}

function scored(bearer: Bearer, candidates: readonly Holder[]): readonly Scored[] {
  const best = new Map<string, Scored & { readonly record: Identity }>();
  for (const [linkId, record] of candidates) {
    const score = nameLikeness(bearer.name, record.name);
    const known = best.get(linkId);
    if (!known || (score ?? -1) > (known.score ?? -1)) best.set(linkId, { linkId, score, record });
  }
  return [...best.values()].toSorted((a, b) => (b.score ?? -1) - (a.score ?? -1) || byAge(a.record, b.record)).slice(0, CROWD).map(({ linkId, score }) => ({ linkId, score }));
}

function longer(a: string, b: string): string {
  return b.length > a.length ? b : a;
}

function joined(a: string, b: string): string {
  return a === b ? a : `${a}+${b}`;
}
