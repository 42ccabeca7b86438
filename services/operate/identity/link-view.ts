/** Links as the operator sees them. */
import type { Link } from '../../../domain/link.ts';
import type { Mapping } from '../../../domain/lenses/mapping.ts';
import { keysOn, nameOn } from '../../../domain/match.ts';
import { nameLikeness } from '../../../domain/names/likeness.ts';
import type { LinkDetail, LinkView } from '../../../schemas/api-identity.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { holdTag } from '../conflicts/conflict-view.ts';
import { masked } from '../plan/mask.ts';

type Names = LinkView['names'];

export function linkView(link: Link, mapping: Mapping): LinkView {
  const { tenantId: tenant, integrationId: integration, linkId, bevatelId, externalId, state } = link;
  return { tenant, integration, linkId, bevatelId, externalId, state: stateOf(link), names: namesOf(link, mapping), hold: state.hold?.kind ?? null, alone: state.alone?.reason ?? null };
}

function stateOf({ erased, state, bevatelId, externalId }: Link): LinkView['state'] {
  if (erased) return 'erased';
  if (state.gone) return 'gone';
  if (bevatelId !== null && externalId !== null) return 'paired';
  return state.unmatched ? 'unmatched' : 'alone';
}

export function namesOf(link: Link, mapping: Mapping): Names {
  const [bevatel = null, external = null] = SIDES.map((side) => nameOfRecord(link, side, mapping));
  return { bevatel, external };
}

export function nameOfRecord({ state }: Link, side: Side, mapping: Mapping): string | null {
  const values = state.seen[side]?.values;
  return values ? nameOn(mapping, side, values) : null;
}

/** How like the names of a pair's two records are. */
export function scoreOf({ bevatel, external }: Names): number | null {
  return nameLikeness(bevatel, external);
}

/** `candidates` are the links that the hold names, as far as they are there still. */
export function linkDetail(link: Link, mapping: Mapping, candidates: readonly Link[], formerIds: LinkDetail['formerIds']): LinkDetail {
  return {
    ...linkView(link, mapping), formerIds,
    conflict: conflictOf(link, mapping, candidates),
    keys: SIDES.flatMap((side) => keysOn(mapping, link, side).map(({ key, kind }) => ({ side, kind, value: maskedKey(key, kind) }))),
    apart: (link.state.apart ?? []).map(({ side, id, at, by }) => ({ side, id, at, by })),
  };
}

function conflictOf(link: Link, mapping: Mapping, candidates: readonly Link[]): LinkDetail['conflict'] {
  const { hold } = link.state;
  if (!hold || !('candidates' in hold)) return null;
  const scores = 'scores' in hold ? hold.scores : undefined;
  return {
    id: `${link.linkId}@${holdTag(hold)}`, type: hold.kind, since: hold.since, rule: 'rule' in hold ? hold.rule ?? null : null,
    candidates: hold.candidates.flatMap((linkId, index) => {
      const candidate = candidates.find((one) => one.linkId === linkId);
      if (!candidate) return [];
      const names = namesOf(candidate, mapping);
      return [{ linkId, bevatelId: candidate.bevatelId, externalId: candidate.externalId, names, score: scores?.[index] ?? bestScore(namesOf(link, mapping), names) }];
    }),
  };
}

function bestScore(own: Names, other: Names): number | null {
  const scores = SIDES.flatMap((side) => SIDES.flatMap((theirs) => nameLikeness(own[side], other[theirs]) ?? []));
  return scores.length === 0 ? null : Math.max(...scores);
}

/** What stands behind the kind, hidden but for its edges (I11). */
export function maskedKey(key: string, kind: string): string {
  return masked(key.slice(kind.length + 1));
}

/** The key's kind is what stands before its value. */
export function kindOf(key: string): string {
  return key.slice(0, key.indexOf(':'));
}
