/** I9: a record that people ended is made again only for an edit that its end did not know of, or for a partner that came back. */
import type { Created } from '../journal.ts';
import { GROUPS } from '../schedule/groups.ts';
import type { Group } from '../schedule/groups.ts';
import type { Evidence, Finding } from './evidence.ts';
import type { Lineage, Place, Standing } from './lineage.ts';
import type { Lives } from './lives.ts';
import type { Words } from './words.ts';

export function judgeSecondLives(evidence: Evidence, lineage: Lineage, lives: Lives, words: Words): Finding[] {
  const made = evidence.journal.filter((fact): fact is Created => fact.kind === 'created' && fact.deed === null && fact.reference !== null);
  return made.flatMap((fact) => {
    const integration = fact.system === 'bevatel' ? (fact.reference ?? '').split('-')[0]?.toLowerCase() ?? '' : fact.system;
    const partner: Place = { system: fact.system === 'bevatel' ? integration : 'bevatel', record: fact.reference ?? '' };
    const former = lineage.partners(partner.system, partner.record, integration).filter(({ record }) => record !== fact.record && isKnown(record, integration, fact, evidence) && lives.endOf(fact.system, record, fact.at) !== null);
    if (former.length === 0 || cameBack(partner, fact.at, lineage, lives) || made.some((other) => isMadeAgainItself(other, partner, former, fact, lives)) || isEditedFor(partner, former, fact, integration, evidence, lineage, words)) return [];
    return [{ invariant: 'I9', class: 'unexplained', person: fact.person, what: `${fact.system}/${fact.record} was made again for ${fact.reference}, although ${former.map(({ record }) => record).join(' and ')} had ended and nothing was edited since` } satisfies Finding];
  });
}

/** The product had decided on the pair before: else the end of a record is no news to it. */
function isKnown(record: string, integration: string, { at }: Created, { decisions }: Evidence): boolean {
  return decisions.some((one) => one.integration_id === integration && (one.bevatel_id === record || one.external_id === record) && one.bevatel_id !== null && one.external_id !== null && Number(one.decided_at) < at);
}

/** In a hub the partner was made again for another integration, and so is there again; that is judged on its own. */
function isMadeAgainItself(other: Created, { system, record }: Place, former: readonly Place[], { at }: Created, lives: Lives): boolean {
  return other.system === system && other.record === record && other.at <= at && former.every((one) => (lives.endOf(one.system, one.record, at)?.at ?? Infinity) <= other.at);
}

/** Itself, or whom it stands for in another integration. */
function cameBack(partner: Place, at: number, lineage: Lineage, lives: Lives): boolean {
  return [partner, ...lineage.around(partner)].some(({ system, record }) => lives.of(system, record).some((turn) => turn.kind === 'restored' && turn.at <= at));
}

function isEditedFor(partner: Place, former: readonly Place[], { at }: Created, integration: string, { schedule }: Evidence, lineage: Lineage, words: Words): boolean {
  if (schedule.dials.deletes[integration]?.versusEdit !== 'edit_wins') return false;
  return GROUPS.some((group) => {
    const known = new Set(former.flatMap(({ system, record }) => [...(lineage.standings(system, record, group).at(-1)?.holds ?? [])]));
    return lineage.standings(partner.system, partner.record, group).some((standing) => standing.at <= at && ([...standing.holds].some((edit) => !known.has(edit)) || isTypedAlike(standing, partner, group, { integration, until: at }, words)));
  });
}

/**
 * What the record that ended showed already was typed here as well, and the two had not agreed on it yet: that counts as an
 * edit. In a hub the record agrees with each partner for itself.
 */
function isTypedAlike({ edit }: Standing, { system, record }: Place, group: Group, { integration, until }: { readonly integration: string; readonly until: number }, words: Words): boolean {
  return edit !== null && !words.saidOf(system, record, group).some(({ word, at, decision }) => decision.integration_id === integration && word.verdict === 'converged' && at >= edit.at && at <= until);
}
