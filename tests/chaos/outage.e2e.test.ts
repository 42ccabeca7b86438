/**
 * What the service stands on goes away under load and comes back: PostgreSQL, the broker, the schema registry, Redis.
 * One site goes through all of it, on a stack of its own; each outage is judged like the kills are.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startEmbeddedStack } from '../../deploy/local/embedded-stack.ts';
import { createCodecs, readSchema } from '../../runtime/codec.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { changeKey, changesTopic, topicName } from '../../schemas/topics.ts';
import type { Image } from '../../schemas/value.ts';
import { judgedAtRest, storiesOf } from '../../simulation/chaos/judgement.ts';
import { TENANT } from '../../simulation/chaos/site.ts';
import { until } from '../../simulation/chaos/until.ts';
import { populatedSite, startRoles } from './site.ts';

const PATIENCE_MS = 60_000;
const TIMEOUT_MS = 180_000;

const folder = await mkdtemp(join(tmpdir(), 'chaos-outage-'));
const stack = await startEmbeddedStack({ dataDir: join(folder, 'stack'), ephemeral: true });
afterAll(async () => {
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
});
const { site, people } = await populatedSite(stack.urls, 'chaos-outage', 15);

/** People work before, during and after the outage; then the oracle finds nothing broken. */
async function under(name: string, outage: (more: (edits: number) => Promise<void>) => Promise<void>): Promise<void> {
  const before = people.done;
  const more = (edits: number): Promise<void> => {
    const start = people.done;
    return until(`${edits} more edits`, () => people.done >= start + edits, PATIENCE_MS);
  };
  people.start();
  await more(20);
  await outage(more);
  await more(20);
  await people.stop();
  const judged = await judgedAtRest(site, { patienceMs: PATIENCE_MS });
  console.log(`chaos: ${JSON.stringify({ outage: name, edits: people.done - before, waiting: judged.waiting.size })}`);
  expect(storiesOf(site, judged)).toEqual([]);
}

const LIVE = topicName(site.topicPrefix, changesTopic('live'));

/**
 * Bevatel has gone on to a newer schema. Gives how it publishes one change with it to partition 0, an image that is
 * known already; that resolves with the end of the log after it.
 */
async function publisherOfAnotherSchema(): Promise<() => Promise<bigint>> {
  const schema = readSchema('contact-change') as { readonly fields: readonly object[] };
  const newer = { ...schema, fields: [...schema.fields, { name: 'newer', type: ['null', 'string'], default: null }] } as unknown as ReturnType<typeof readSchema>;
  const codecs = createCodecs({ registryUrl: stack.urls.schemaRegistryUrl, topicPrefix: site.topicPrefix, schemas: { 'contact-change': newer } });
  // The registry finds only when it is asked that PostgreSQL has cut its connections.
  await until('the registry has PostgreSQL again', () => codecs.prepare().then(() => true, () => false), PATIENCE_MS);
  const { rows: [link] } = await site.pool.query<{ bevatel_id: string; seen: { revision: string; values: Image } }>(
    `select bevatel_id, state::jsonb #> '{seen,bevatel}' as seen from links where bevatel_id is not null and state::jsonb #> '{seen,bevatel}' is not null order by link_id limit 1`);
  if (!link) throw new Error('no link to publish about');
  const { bevatel_id: recordId, seen } = link;
  const change: ContactChange = {
    changeId: randomUUID(), tenantId: TENANT, side: 'bevatel', integrationId: null, recordId, kind: 'image', revision: seen.revision, image: seen.values,
    fieldTimes: {}, histories: {}, modifiedAt: null, observedFrom: Date.now(), observedTo: Date.now(), readById: false, capture: 'publish', references: {}, mergedIds: [], mergedInto: null,
  };
  const value = codecs.changes.encode(change);
  return async () => {
    const publisher = site.kafka.publisher();
    await publisher.publish([{ topic: LIVE, key: changeKey(change), value, partition: 0 }]);
    await publisher.close();
    return (await site.kafka.ranges([LIVE])).find(({ partition }) => partition === 0)?.high ?? 0n;
  };
}

async function position(): Promise<bigint> {
  const { rows } = await site.pool.query<{ next_offset: string }>('select next_offset from positions where topic = $1 and partition = 0', [LIVE]);
  return BigInt(rows[0]?.next_offset ?? 0);
}

describe('an outage under load', () => {
  it('the flow begins', async () => {
    await startRoles(site);
  }, TIMEOUT_MS);

  it('I1, I2, I7: PostgreSQL ends in good order and starts again, and then crashes and starts again', () => under('postgres', async (more) => {
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      await stack.stopPart('postgres', signal);
      await more(5);
      await stack.startPart('postgres');
      await more(20);
    }
  }), TIMEOUT_MS);

  it('I1, I2, I7: the broker is killed and starts again', () => under('broker', async (more) => {
    await stack.stopPart('kafka', 'SIGKILL');
    await more(20);
    await stack.startPart('kafka');
  }), TIMEOUT_MS);

  it('I8: while the registry is gone, a schema that nobody here knows yet pauses its partition, and is not taken for poison', () => under('registry', async (more) => {
    const publish = await publisherOfAnotherSchema();
    await stack.stopPart('registry', 'SIGKILL');
    const end = await publish();
    await more(40);
    expect(await position()).toBeLessThan(end);
    await stack.startPart('registry');
    await until('the partition goes on', async () => (await position()) >= end, PATIENCE_MS);
  }), TIMEOUT_MS);

  it('I10: Redis is gone, and work goes on at the local rate', () => under('redis', async (more) => {
    await stack.stopPart('redis', 'SIGKILL');
    await more(40);
  }).finally(() => stack.startPart('redis')), TIMEOUT_MS);
});
