/** I1, convergence: both sides of each pair say the same, or the difference has a recorded reason; and nobody is left alone. */
import { GROUPS } from '../schedule/groups.ts';
import type { Group } from '../schedule/groups.ts';
import type { Evidence, FinalRecord, Finding, LinkRow } from './evidence.ts';
import type { Lineage, Standing } from './lineage.ts';
import { meaningOf } from './meaning.ts';
import type { Meaning } from './meaning.ts';
import type { Words } from './words.ts';

export function judgePairs(evidence: Evidence, lineage: Lineage, words: Words): Finding[] {
  const records = new Map(evidence.records.map((record) => [`${record.system}/${record.id}`, record]));
  const pairs = evidence.links.flatMap((link) => judgePair(link, records, lineage, words));
  const alone = evidence.records.filter(({ isLive }) => isLive).flatMap((record) => judgeAlone(record, evidence, words));
  return [...pairs, ...alone];
}

function judgePair(link: LinkRow, records: ReadonlyMap<string, FinalRecord>, lineage: Lineage, words: Words): Finding[] {
  const bevatel = records.get(`bevatel/${link.bevatel_id}`);
  const external = records.get(`${link.integration_id}/${link.external_id}`);
  if (!bevatel || !external || words.halted(link) !== null) return [];
  if (!bevatel.isLive || !external.isLive) {
    return [{ invariant: 'I1', class: 'diverged', person: bevatel.person, what: `${nameOf(link)} stands, though ${bevatel.isLive ? external.id : bevatel.id} is gone` }];
  }
  return GROUPS.filter((group) => !isExplained(group, link, bevatel, external, lineage, words)).map((group): Finding => ({
    invariant: 'I1', class: 'diverged', person: bevatel.person,
    what: `${group.name} of ${nameOf(link)} differs without a verdict: ${JSON.stringify(meaningOf(group, 'bevatel', bevatel.fields))} and ${JSON.stringify(meaningOf(group, 'external', external.fields))}`,
  }));
}

function nameOf({ bevatel_id: bevatel, external_id: external }: LinkRow): string {
  return `the pair ${bevatel}–${external}`;
}

function isExplained(group: Group, link: LinkRow, bevatel: FinalRecord, external: FinalRecord, lineage: Lineage, words: Words): boolean {
  const [ours, theirs] = [meaningOf(group, 'bevatel', bevatel.fields), meaningOf(group, 'external', external.fields)];
  if (ours === theirs || words.held(link, group) !== null || words.skipped(link, group) !== null) return true;
  // A system made its own form of what it was sent, and nobody has touched it since.
  const shown = lineage.standings(external.system, external.id, group).at(-1);
  return shown !== undefined && shown.meaning === theirs && isFormOf(ours, shown, group, lineage);
}

/** A record that was made again may be given the form that its system had made of the value for the one before. */
function isFormOf(meaning: Meaning, { write, sent, sources }: Standing, group: Group, lineage: Lineage): boolean {
  if (write === null) return false;
  return sent === meaning || sources.some((source) => {
    const standing = source.system === write.system ? lineage.standingOf(source, group) : undefined;
    return standing !== undefined && isFormOf(meaning, standing, group, lineage);
  });
}

/** Every record has its partner in every integration, or a reason why not. */
function judgeAlone(record: FinalRecord, evidence: Evidence, words: Words): Finding[] {
  const integrations = record.system === 'bevatel' ? Object.keys(evidence.schedule.dials.systems) : [record.system];
  const links = words.linksOf(record.system, record.id);
  return integrations.flatMap((integration): Finding[] => {
    const link = links.find((one) => one.integration_id === integration);
    if (link && ((link.bevatel_id !== null && link.external_id !== null) || words.halted(link) !== null || isParted(link, evidence))) return [];
    if (evidence.quarantined.has(`${record.system}/${record.id}`)) return [];
    return [{ invariant: 'I1', class: 'unexplained', person: record.person, what: `${record.system}/${record.id} has ${link ? 'no partner' : 'no link'} in ${integration}, and nothing says why` }];
  });
}

/** It was parted from a deleted partner, as its integration says, or has come back to the one that it was parted from. */
function isParted(link: LinkRow, { schedule }: Evidence): boolean {
  const deletes = schedule.dials.deletes[link.integration_id];
  return link.state.alone !== undefined && (deletes?.to_bevatel === 'unlink' || deletes?.to_external === 'unlink');
}
