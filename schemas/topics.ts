/**
 * The table of topics, as data: topics are created from it (runtime/kafka.ts), subjects registered (runtime/codec.ts)
 * and docs/topics.md rendered (schemas/topics-doc.ts).
 *
 * Keys carry ids only, never personal data (I11); one record always goes to one partition, so that its changes keep
 * their order within a lane.
 */
import type { ContactChange, ContactHint } from './change.ts';
import type { ContactDecision, DeadLetter } from './decision.ts';
import type { Lane } from './value.ts';

export const SCHEMA_NAMES = ['contact-hint', 'contact-change', 'contact-decision', 'dead-letter'] as const;
export type SchemaName = (typeof SCHEMA_NAMES)[number];

export interface Topic {
  readonly name: string;
  readonly says: string;
  /** File name in schemas/ without `.avsc`; the subject is `<prefix><topic>-value`. */
  readonly schema: SchemaName;
  /** What the message key is made of, joined by `/`. */
  readonly key: readonly string[];
  readonly partitions: number;
  readonly retentionMs: number;
  /** With `compact` a record without a value (a tombstone) makes the log forget what it holds under the same key, within `compactionLagMs`. */
  readonly cleanup: 'delete' | 'compact,delete';
  /** No record is forgotten by compaction before, none later than this (ms); of compacted topics. */
  readonly compactionLagMs?: { readonly min: number; readonly max: number };
  readonly writers: readonly string[];
  readonly readers: readonly string[];
}

const DAY_MS = 86_400_000;
const CHANGE_KEY = ['tenantId', 'side', 'integrationId or -', 'recordId'];
const CHANGE_WRITERS = ['capture', 'deliver', 'the Bevatel contact service'];

function changes(lane: Lane, says: string): Topic {
  return {
    name: `contact.changes.${lane}`, says, schema: 'contact-change', key: CHANGE_KEY, partitions: 3,
    retentionMs: 7 * DAY_MS, cleanup: 'compact,delete', compactionLagMs: { min: DAY_MS, max: 2 * DAY_MS }, writers: CHANGE_WRITERS, readers: ['reconcile'],
  };
}

/** Segments end after a day, so that age and compaction act on time: neither touches the segment that is written to. */
export const SEGMENT_MS = DAY_MS;

/**
 * State lives in PostgreSQL; deletion by age bounds how long personal data stays on the log. Changes are compacted besides, so
 * that an erasure can take a person's images off the log within two days. What compaction leaves out was superseded by a
 * newer image of the same record at least a day ago: consumers know gaps and null values for what they are.
 */
export const TOPICS: readonly Topic[] = [
  {
    name: 'contact.hints', says: 'something happened to a record', schema: 'contact-hint',
    key: ['tenantId', 'integrationId', 'side', 'recordId'], partitions: 3,
    retentionMs: 3 * DAY_MS, cleanup: 'delete', writers: ['capture', 'operate'], readers: ['capture'],
  },
  changes('live', 'a record now looks like this, because somebody has just edited it'),
  changes('repair', 'a record now looks like this, as a verification, a replay or a new snapshot found'),
  changes('backfill', 'a record now looks like this, as the first listing of a side found'),
  {
    name: 'contact.decisions', says: 'what was decided for a link, and why', schema: 'contact-decision',
    key: ['tenantId', 'integrationId', 'linkId'], partitions: 3,
    retentionMs: 28 * DAY_MS, cleanup: 'delete', writers: ['reconcile', 'deliver'], readers: ['subscribers'],
  },
  {
    name: 'contact.dead-letters', says: 'a record that could not be used, with its original bytes', schema: 'dead-letter',
    key: ['topic', 'partition'], partitions: 3,
    retentionMs: 28 * DAY_MS, cleanup: 'delete', writers: ['reconcile', 'capture'], readers: ['subscribers'],
  },
];

export const HINTS_TOPIC = 'contact.hints';
export const DECISIONS_TOPIC = 'contact.decisions';
export const DEAD_LETTERS_TOPIC = 'contact.dead-letters';

export function changesTopic(lane: Lane): string {
  return `contact.changes.${lane}`;
}

/** The name on the cluster. The prefix keeps several installations and tests apart; it is empty in production. */
export function topicName(prefix: string, name: string): string {
  return `${prefix}${name}`;
}

/** The registry's subject of a topic's values (TopicNameStrategy). */
export function subjectName(prefix: string, name: string): string {
  return `${topicName(prefix, name)}-value`;
}

export function hintKey(hint: Pick<ContactHint, 'tenantId' | 'integrationId' | 'side' | 'recordId'>): string {
  return `${hint.tenantId}/${hint.integrationId}/${hint.side}/${hint.recordId}`;
}

export function changeKey(change: Pick<ContactChange, 'tenantId' | 'side' | 'integrationId' | 'recordId'>): string {
  return `${change.tenantId}/${change.side}/${change.integrationId ?? '-'}/${change.recordId}`;
}

export function decisionKey(decision: Pick<ContactDecision, 'tenantId' | 'integrationId' | 'linkId'>): string {
  return `${decision.tenantId}/${decision.integrationId}/${decision.linkId}`;
}

export function deadLetterKey(letter: Pick<DeadLetter, 'topic' | 'partition'>): string {
  return `${letter.topic}/${letter.partition}`;
}
