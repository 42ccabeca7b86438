/** I5: `latest_wins` never lets an edit win that was not the later one, and who else wins is who the rule names that it was decided by. */
import type { Evidence, Finding } from './evidence.ts';
import { GROUPS } from '../schedule/groups.ts';
import type { Edit, Lineage } from './lineage.ts';
import type { Said, Words } from './words.ts';
import type { Group } from '../schedule/groups.ts';
import type { LinkRow } from './evidence.ts';
import { meaningOfValues } from './meaning.ts';

/** Clocks so little apart lie within the integrations' tolerance: whoever claims to know the order is right about it. */
const SMALL_SKEW_MS = 500;

/** What each word says of itself: who wins is who its rule names, conflicts are between two edits, and nothing is written that stands there already. */
export function judgeWords(evidence: Evidence, lineage: Lineage, words: Words): Finding[] {
  return evidence.links.flatMap((link) => GROUPS.flatMap((group) => words.said(link, group).flatMap(({ word }): Finding[] => {
    const finding = (invariant: Finding['invariant'], what: string): Finding => ({
      invariant, class: 'unexplained', person: lineage.personOf('bevatel', link.bevatel_id ?? ''), what: `${group.name} of ${link.bevatel_id}–${link.external_id} ${what} by the rule ${word.rule}`,
    });
    const isAtBase = SIDES.some((side) => word.base && word[side] && words.shown(word, group, side) === words.base(word, group, side));
    const isThere = word.writeTo && word.write && word[word.writeTo] && words.shown(word, group, word.writeTo) === meaningOfValues(group, word.writeTo, word.write);
    return [
      ...(word.writeTo && (word.rule.endsWith(`:${word.writeTo}_wins`) || word.rule.endsWith(':manual')) ? [finding('I5', `was written to ${word.writeTo}`)] : []),
      ...(word.conflict === 'update_update_same_field' && isAtBase ? [finding('I2', 'is called a conflict, though one side was not edited,')] : []),
      ...(word.verdict === 'propagate' && isThere ? [finding('I3', `was to be written to ${word.writeTo}, where it stands already,`)] : []),
    ];
  })));
}

const SIDES = ['bevatel', 'external'] as const;

export function judgeTimes(evidence: Evidence, lineage: Lineage, words: Words): Finding[] {
  const { dials } = evidence.schedule;
  return evidence.links.flatMap((link) => {
    const skews = [dials.bevatelSkewMs, dials.systems[link.integration_id]?.clockSkewMs ?? 0];
    if (skews.some((skew) => Math.abs(skew) > SMALL_SKEW_MS)) return [];
    return GROUPS.flatMap((group) => words.said(link, group).filter(({ word }) => word.rule === 'policy:latest_wins' && word.writeTo !== undefined).flatMap((said) => judgeVerdict(said, link, group, lineage, words)));
  });
}

function judgeVerdict(said: Said, link: LinkRow, group: Group, lineage: Lineage, words: Words): Finding[] {
  const { word } = said;
  const edits = (system: string, record: string | null): Edit[] => {
    const meaning = words.shown(word, group, system);
    return lineage.edits.filter((edit) => edit.group === group && edit.system === system && edit.record === record && edit.at <= said.at && edit.meaning === meaning);
  };
  const ours = edits('bevatel', link.bevatel_id);
  const theirs = edits(link.integration_id, link.external_id);
  const [losers, winners] = word.writeTo === 'bevatel' ? [ours, theirs] : [theirs, ours];
  const isWrong = losers.length > 0 && winners.length > 0 && losers.every((loser) => winners.every((winner) => loser.at >= winner.at));
  return isWrong ? [{
    invariant: 'I5', class: 'unexplained', person: lineage.personOf('bevatel', link.bevatel_id ?? ''),
    what: `${group.name} of ${link.bevatel_id}–${link.external_id}: the edit that was not the later one, ${JSON.stringify(winners[0]?.meaning)} won of ${JSON.stringify(losers[0]?.meaning)}`,
  }] : [];
}
