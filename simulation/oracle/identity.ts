/** I4, one link per pair: no record in two links, nobody created twice. */
import type { Created } from '../journal.ts';
import { GROUPS } from '../schedule/groups.ts';
import type { Evidence, Finding } from './evidence.ts';
import { sideOf } from './lineage.ts';
import type { Lineage } from './lineage.ts';
import type { Lives } from './lives.ts';
import type { Words } from './words.ts';

/** How long a record must have been there with its keys for the product to have known it: two polls and a little (ms). */
const KNOWN_AFTER_MS = 90_000;
const KEYS = GROUPS.filter(({ kind }) => kind === 'phone' || kind === 'email');

export function judgeIdentity(evidence: Evidence, lineage: Lineage, words: Words, lives: Lives): Finding[] {
  const made = evidence.journal.filter((fact): fact is Created => fact.kind === 'created' && fact.deed === null);
  return [...linkedTwice(evidence), ...madeTwice(made, evidence, words, lives), ...made.flatMap((fact) => madeBesideKnown(fact, evidence, lineage, words, lives))];
}

function linkedTwice({ links }: Evidence): Finding[] {
  const seen = new Map<string, number>();
  for (const link of links) {
    for (const key of [`bevatel/${link.bevatel_id}`, `external/${link.external_id}`]) {
      if (!key.endsWith('/null')) seen.set(`${link.integration_id}/${key}`, (seen.get(`${link.integration_id}/${key}`) ?? 0) + 1);
    }
  }
  return [...seen].filter(([, count]) => count > 1).map(([key, count]) => ({ invariant: 'I4', class: 'duplicate', person: null, what: `${key} is in ${count} links` }));
}

/** One partner has one record at a time, also when the answer to its creation was lost. */
function madeTwice(made: readonly Created[], { journal }: Evidence, words: Words, lives: Lives): Finding[] {
  const groups = Map.groupBy(made, ({ system, reference }) => `${system}/${reference}`);
  // Nobody could refuse a creation that lands when its partner's id has gone from the record that was made meanwhile; it waits for an operator.
  const isLate = (one: Created, other: Created): boolean => other.sentAt < one.at && isQueued(other, words)
    && journal.some((fact) => fact.kind === 'written' && fact.system === one.system && fact.record === one.record && fact.at > one.at && fact.at < other.at && fact.integration === one.integration && fact.reference !== null && fact.reference !== one.reference);
  const isBeside = (one: Created, other: Created): boolean => other.at > one.at && lives.endOf(one.system, one.record, other.at) === null && !isLate(one, other);
  return [...groups.values()].filter((facts) => facts.some((one) => facts.some((other) => isBeside(one, other)))).map((facts) => ({
    invariant: 'I4', class: 'duplicate', person: facts[0]?.person ?? null, what: `${facts.map(({ system, record }) => `${system}/${record}`).join(' and ')} were created for the same partner ${facts[0]?.reference}`,
  }));
}

/** A record was created beside one of the same person that the product must have known by its keys. */
function madeBesideKnown(fact: Created, evidence: Evidence, lineage: Lineage, words: Words, lives: Lives): Finding[] {
  const keys = keysOf(fact.system, fact.record, fact.at, lineage);
  const others = evidence.journal.filter((other): other is Created => other.kind === 'created' && other.system === fact.system && other.person === fact.person && other.record !== fact.record);
  const twins = others.filter((other) => {
    // Who was there from the start was listed before anybody was created; and what the product makes, for whichever integration, it knows of.
    const knownAt = other.deed === 0 || other.deed === null ? other.at : fact.at - KNOWN_AFTER_MS;
    const before = other.at <= knownAt && lives.isThere(other.system, other.record, knownAt, fact.at) ? keysOf(other.system, other.record, knownAt, lineage) : [];
    const then = keysOf(other.system, other.record, fact.at, lineage);
    return evidence.records.some((record) => record.system === other.system && record.id === other.record && record.isLive) && keys.some((key) => before.includes(key) && then.includes(key));
  });
  return twins.filter((twin) => isOfAnother(twin, fact) || (!isQueued(twin, words) && !isQueued(fact, words))).map((twin) => ({
    invariant: 'I4', class: 'duplicate', person: fact.person, what: `${fact.system}/${fact.record} was created although ${twin.system}/${twin.record} of the same person was there, and no queue tells of it`,
  }));
}

/** Two integrations made the person beside each other: a queue that tells of it does not make it right. */
function isOfAnother(twin: Created, fact: Created): boolean {
  return twin.deed === null && twin.integration !== fact.integration;
}

function isQueued({ system, record }: Created, words: Words): boolean {
  return words.linksOf(system, record).some((link) => words.halted(link) !== null);
}

function keysOf(system: string, record: string, at: number, lineage: Lineage): string[] {
  return KEYS.flatMap((group) => {
    const meaning = lineage.standings(system, record, group).filter((standing) => standing.at <= at).at(-1)?.meaning ?? '';
    return meaning === '' ? [] : [`${sideOf(system)} ${group.kind} ${meaning}`];
  });
}
