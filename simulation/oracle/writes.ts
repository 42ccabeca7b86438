/**
 * I3, I6 and I7 as the writes show them: they stop, they are not more than the edits can have caused, each carries what
 * stood on the other side, and none carries an older state of it after a newer one.
 */
import { GROUPS } from '../schedule/groups.ts';
import type { Group } from '../schedule/groups.ts';
import type { Evidence, FinalRecord, Finding } from './evidence.ts';
import type { Lineage, Standing } from './lineage.ts';
import { meaningOfValues } from './meaning.ts';
import type { Words } from './words.ts';

export function judgeWrites(evidence: Evidence, lineage: Lineage, words: Words): Finding[] {
  return [...judgeRest(evidence), ...judgeDecisions(evidence), ...evidence.records.flatMap((record) => GROUPS.flatMap((group) => judgeGroup(record, group, lineage, words, evidence)))];
}

function judgeRest(evidence: Evidence): Finding[] {
  const { unrest, idleWrites, lateWrites, unforeseen } = evidence;
  return [
    ...unrest.map((what): Finding => ({ invariant: 'I3', class: 'loop', person: null, what: `no rest: ${what}` })),
    ...(idleWrites > 0 ? [{ invariant: 'I3', class: 'loop', person: null, what: `${idleWrites} writes for changes that had come before` } as const] : []),
    ...(lateWrites > 0 && !isAnyEndUntold(evidence) ? [{ invariant: 'I1', class: 'diverged', person: null, what: `${lateWrites} writes for what nothing but another listing told` } as const] : []),
    ...[...new Set(unforeseen)].map((what): Finding => ({ invariant: 'I8', class: 'unexplained', person: null, what: `the product met what it could not foresee: ${what}` })),
  ];
}

/** A system without notifications tells nobody of a deletion, which no poll shows: a repair finds it, and what it leads to is late. */
function isAnyEndUntold({ journal, schedule }: Evidence): boolean {
  return journal.some((fact) => fact.kind === 'deleted' && schedule.dials.systems[fact.system]?.pushes === false);
}

/** Each change is decided once for each link, and every decision reaches its topic. */
function judgeDecisions({ decisions, published }: Evidence): Finding[] {
  const twice = [...Map.groupBy(decisions, ({ decision_id: id, link_id: link }) => `${id} of ${link}`)].filter(([, rows]) => rows.length > 1);
  const unpublished = decisions.filter(({ decision_id: id }) => !published.has(id));
  return [
    ...twice.map(([key]): Finding => ({ invariant: 'I7', class: 'unexplained', person: null, what: `the decision ${key} was made twice` })),
    ...(unpublished.length > 0 ? [{ invariant: 'I7', class: 'unexplained', person: null, what: `${unpublished.length} decisions never reached their topic, such as ${unpublished[0]?.decision_id} (${unpublished[0]?.cause})` } as const] : []),
  ];
}

function judgeGroup({ system, id, person }: FinalRecord, group: Group, lineage: Lineage, words: Words, evidence: Evidence): Finding[] {
  const standings = lineage.standings(system, id, group);
  const merged = new Set(words.saidOf(system, id, group).flatMap(({ word }) => (word.rule.startsWith('policy:union') && word.write ? [meaningOfValues(group, word.writeTo ?? 'bevatel', word.write)] : [])));
  const writes = standings.filter((standing) => standing.write?.kind === 'written');
  const what = `${group.name} of ${system}/${id}`;
  return [
    ...strange(standings).filter(({ sent }) => !merged.has(sent ?? '')).map((standing): Finding => ({ invariant: 'I2', class: 'unexplained', person, what: `${what} was written as ${JSON.stringify(standing.sent)}, which stood on no other side` })),
    ...backwards(writes).map((standing): Finding => ({ invariant: 'I6', class: 'unexplained', person, what: `${what} was written as ${JSON.stringify(standing.sent)} after a newer value of its source` })),
    ...(writes.length > mostWrites(group, person, lineage, evidence) ? [{ invariant: 'I3', class: 'loop', person, what: `${what} was written ${writes.length} times` } as const] : []),
  ];
}

/** Writes that carry what their source never showed, and that do not put back what stood there before either. */
function strange(standings: readonly Standing[]): Standing[] {
  return standings.filter((standing, index) => standing.write !== null && standing.sources.length === 0 && standing.sent !== ''
    && !standings.slice(0, index).some((before) => before.meaning === standing.sent));
}

/** In the order of their sending, sources only move on. */
function backwards(writes: readonly Standing[]): Standing[] {
  const found: Standing[] = [];
  const newest = new Map<string, number>();
  const sent = writes.flatMap((standing) => (standing.write?.kind === 'written' && standing.sources.length > 0 ? [{ standing, write: standing.write }] : [])).toSorted((a, b) => a.write.sentAt - b.write.sentAt);
  for (const { standing, write } of sent) {
    const known = newest.get(write.integration) ?? -1;
    const since = standing.sources.map(({ at }) => at);
    if (Math.max(...since) < known) found.push(standing);
    newest.set(write.integration, Math.max(known, Math.min(...since)));
  }
  return found;
}

/** Each edit of the person's group, and each call that went wrong, may cause a few writes on each side. */
function mostWrites(group: Group, person: string, lineage: Lineage, { faultsMet }: Evidence): number {
  const edits = lineage.edits.filter((edit) => edit.group === group && lineage.personOf(edit.system, edit.record) === person).length;
  return 2 * edits + 2 + Math.ceil(faultsMet / 2);
}
