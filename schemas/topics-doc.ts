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
    String(topic.partitions), `${topic.retentionMs / 86_400_000} days`, topic.cleanup, topic.writers.join(', '), topic.readers.join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
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
    'A `listingEnded` change goes to each partition of its lane explicitly, after the last record of its listing.',
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(new URL('../docs/topics.md', import.meta.url), renderTopics(TOPICS));
