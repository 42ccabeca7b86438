/**
 * An operator's word on who is whom: links are joined and parted, and exchange their partners. Pure; what follows is decided
 * by `decideLink` as always, and nothing is written to a record but its partner's id.
 *
 * | a record of the links | stands afterwards |
 * |---|---|
 * | one of a pair that is wanted            | in that pair, which never agreed on anything yet: it is compared as a new one |
 * | one whose partner was taken from it     | alone (`alone`: nobody is created for it), or to be matched and completed anew (`anew`), as one that stood alone may be |
 *
 * The two records of a pair that is dissolved are parted for good: no rule ever pairs them again (I4). Each carries the
 * other's id until that is written over, so that a pair with a new partner waits a moment for it.
 */
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { EMPTY_STATE, idOn, PARTED, withId } from './link.ts';
import type { Link, LinkState, Parted } from './link.ts';

/** A pair that is wanted, by its records' ids. */
export type WantedPair = Readonly<Record<Side, string>>;

export interface Word {
  readonly pairs: readonly WantedPair[];
  /** What becomes of a record that loses its partner and gets no other. */
  readonly leftover: 'alone' | 'anew';
  readonly by: string;
  readonly now: number;
  readonly newId: () => string;
}

export type RearrangeRefusal = 'erased' | 'gone' | 'in_flight' | 'nothing_to_do';

export type Rearranged =
  | { readonly kind: 'refused'; readonly reason: RearrangeRefusal }
  | {
    readonly kind: 'rearranged';
    /** Every link as it then stands; `before` is null for a new one. `decideLink` is to be run on them. */
    readonly links: readonly { readonly before: Link | null; readonly link: Link }[];
    readonly ended: readonly Link[];
  };

/** How long a new pair waits for its records' former partners to give up the id (ms). */
const REFERENCE_MS = 2_000;

interface Standing {
  readonly side: Side;
  readonly id: string;
  readonly link: Link;
  /** The partner that it loses; null where it had none, or keeps it. */
  readonly lost: string | null;
}

/** `links` are all that have one of the records. */
export function rearrange(links: readonly Link[], word: Word): Rearranged {
  const refusal = refusalOf(links);
  if (refusal) return { kind: 'refused', reason: refusal };
  const records = links.flatMap((link) => recordsOf(link, word));
  const after = new Map<string, Link>();
  for (const wanted of word.pairs) {
    const [bevatel, external] = SIDES.map((side) => records.find((one) => one.side === side && one.id === wanted[side]));
    if (!bevatel || !external || bevatel.link === external.link) return { kind: 'refused', reason: 'nothing_to_do' };
    const paired = pairOf(bevatel, external, after, word);
    after.set(paired.linkId, paired);
  }
  const isWanted = ({ side, id }: Standing): boolean => word.pairs.some((pair) => pair[side] === id);
  const isAsItWas = ({ link, lost }: Standing): boolean => lost === null && !after.has(link.linkId) && !(word.leftover === 'anew' && link.state.alone);
  const left = records.filter((one) => !isWanted(one) && !isAsItWas(one));
  for (const one of left) {
    const half = halfOf(one, after, word);
    after.set(half.linkId, half);
  }
  const touched = records.filter((one) => isWanted(one) || left.includes(one)).map(({ link }) => link);
  if (after.size === 0) return { kind: 'refused', reason: 'nothing_to_do' };
  return {
    kind: 'rearranged',
    links: [...after.values()].map((link) => ({ before: links.find(({ linkId }) => linkId === link.linkId) ?? null, link })),
    ended: [...new Set(touched)].filter(({ linkId }) => !after.has(linkId)),
  };
}

function refusalOf(links: readonly Link[]): RearrangeRefusal | null {
  if (links.some(({ erased }) => erased)) return 'erased';
  if (links.some(({ state }) => !state.absorbed && state.gone)) return 'gone';
  return links.some(({ state }) => state.attempts.some(({ status }) => status === 'outstanding')) ? 'in_flight' : null;
}

/** The records of a link that are its own: one that was merged into another link's record is not. */
function recordsOf(link: Link, { pairs }: Word): readonly Standing[] {
  return SIDES.flatMap((side): Standing[] => {
    const [id, partner] = [idOn(link, side), idOn(link, otherSide(side))];
    if (id === null || link.state.absorbed?.side === side || link.state.gone?.[side]) return [];
    const isAsBefore = partner !== null && pairs.some((pair) => pair[side] === id && pair[otherSide(side)] === partner);
    return [{ side, id, link, lost: isAsBefore ? null : partner }];
  });
}

/** The pair keeps the link of its Bevatel record, and with it that link's history; or the other's, or gets a new one. */
function pairOf(bevatel: Standing, external: Standing, taken: ReadonlyMap<string, Link>, word: Word): Link {
  const kept = [bevatel.link, external.link].find(({ linkId }) => !taken.has(linkId));
  const state: LinkState = {
    ...EMPTY_STATE,
    seen: { ...seenOf(bevatel), ...seenOf(external) },
    ...apartOf([...partings(bevatel, word), ...partings(external, word)], { bevatel: bevatel.id, external: external.id }),
    ...(bevatel.lost ?? external.lost ? { retry: { at: word.now + REFERENCE_MS, count: 0 } } : {}),
  };
  return { ...bevatel.link, linkId: kept?.linkId ?? word.newId(), bevatelId: bevatel.id, externalId: external.id, state };
}

function halfOf(one: Standing, taken: ReadonlyMap<string, Link>, word: Word): Link {
  const { side, link } = one;
  const isOwn = side === 'bevatel' || idOn(link, 'bevatel') === null || link.state.absorbed?.side === 'bevatel';
  const linkId = isOwn && !taken.has(link.linkId) ? link.linkId : word.newId();
  const { readDue } = link.state;
  const state: LinkState = {
    ...EMPTY_STATE, seen: seenOf(one),
    ...(readDue?.[side] ? { readDue: { [side]: readDue[side] } } : {}),
    ...apartOf(partings(one, word), { [side]: one.id }),
    ...(word.leftover === 'alone' ? { alone: { since: word.now, reason: PARTED } } : { unmatched: true as const }),
  };
  return withId({ ...link, linkId, bevatelId: null, externalId: null, state }, side, one.id);
}

function seenOf({ side, link }: Standing): LinkState['seen'] {
  const seen = link.state.seen[side];
  return seen ? { [side]: seen } : {};
}

/** From whom the record was parted before, and is now. */
function partings({ side, lost, link }: Standing, { by, now }: Word): readonly Parted[] {
  const { absorbed, apart = [] } = link.state;
  const ids = [...new Set([lost, absorbed ? absorbed.record : null])].filter((id) => id !== null);
  return [...apart, ...ids.map((id): Parted => ({ side: otherSide(side), id, at: now, by, forgets: true }))];
}

function apartOf(all: readonly Parted[], own: Partial<Readonly<Record<Side, string>>>): Pick<LinkState, 'apart'> {
  const apart = [...new Map(all.filter(({ side, id }) => own[side] !== id).map((one) => [`${one.side}/${one.id}`, one])).values()];
  return apart.length === 0 ? {} : { apart };
}
