/**
 * Renders docs/topics.md from the table of topics (`npm run topics`); a test fails while the file is not current.
 */
import { writeFileSync } from 'node:fs';
import { TOPICS } from './topics.ts';
import type { Topic } from './topics.ts';

const HEADINGS = ['topic', 'says', 'schema', 'key', 'partitions', 'kept', 'cleanup', 'written by', 'read by'];

function row(topic: Topic): string {
  const cells = [
    `\`${topic.name}\``, topic.says, `[\`${topic.schema}\`](../schemas/${topic.schema}.avsc)`, `\`${topic.key.join('/')}\``,
    String(topic.partitions), days(topic.retentionMs), cleanupOf(topic), topic.writers.join(', '), topic.readers.join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}

function days(ms: number): string {
  const count = ms / 86_400_000;
  return `${count} ${count === 1 ? 'day' : 'days'}`;
}

function cleanupOf({ cleanup, compactionLagMs }: Topic): string {
  return compactionLagMs === undefined ? cleanup : `${cleanup}, compacted between ${days(compactionLagMs.min)} and ${days(compactionLagMs.max)} old`;
}

export function renderTopics(topics: readonly Topic[]): string {
  return [
    '# Topics',
    '',
    'Generated from `schemas/topics.ts` by `npm run topics`; do not edit.',
    '',
    `| ${HEADINGS.join(' | ')} |`,
    `|${'---|'.repeat(HEADINGS.length)}`,
    ...topics.map(row),
    '',
    'Values are Avro in the Confluent wire format (byte 0, schema id as big-endian int32, body). The subject of a topic is',
    '`<prefix><topic>-value` with compatibility `BACKWARD_TRANSITIVE`: every new field has a default. Keys carry ids only.',
    '',
    'A record without a value is a tombstone: it makes a compacted topic forget what it holds under the key, and is written when a',
    'person is erased. Consumers skip it. Segments end after a day, so a record is gone at most a day after the time named above.',
    '',
    'A `listingEnded` change goes to each partition of its lane explicitly, after the last record of its listing.',
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(new URL('../docs/topics.md', import.meta.url), renderTopics(TOPICS));
