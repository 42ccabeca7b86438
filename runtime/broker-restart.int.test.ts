/** The broker goes away under load, in good order and by a crash: nothing is lost, nothing is applied twice, work goes on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEmbeddedStack } from '../deploy/local/embedded-stack.ts';
import type { EmbeddedStack } from '../deploy/local/embedded-stack.ts';
import { consumeBatches } from './consume.ts';
import type { Batch, BatchOutcome } from './consume.ts';
import { connectKafka } from './kafka.ts';
import type { Kafka } from './kafka.ts';
import { createLogger } from './logger.ts';
import type { Publisher } from './publisher.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const TOPIC = 'restart.numbers';
let folder: string;
let stack: EmbeddedStack;
let kafka: Kafka;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-restart-'));
  stack = await startEmbeddedStack({ dataDir: join(folder, 'stack'), ephemeral: true });
  kafka = await connectKafka({ brokers: stack.urls.kafkaBrokers, clientId: 'restart-test', logger });
  await kafka.ensureTopics('restart.', [{
    name: 'numbers', says: '', schema: 'contact-hint', key: [], partitions: 2, retentionMs: 3_600_000, cleanup: 'delete', writers: [], readers: [],
  }]);
}, 180_000);
afterAll(async () => {
  await kafka.close();
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** The database: positions, and how often each number was applied. */
class Applied {
  readonly positions = new Map<number, bigint>();
  readonly times = new Map<string, number>();

  /** The compare-and-set of the position and the effect, as one step. */
  apply(batch: Batch): BatchOutcome {
    const from = batch.records[0]?.offset ?? 0n;
    if ((this.positions.get(batch.partition) ?? 0n) !== from) return { kind: 'reposition' };
    const nextOffset = (batch.records.at(-1)?.offset ?? 0n) + 1n;
    this.positions.set(batch.partition, nextOffset);
    for (const { value } of batch.records) this.times.set(String(value), (this.times.get(String(value)) ?? 0) + 1);
    return { kind: 'done', nextOffset };
  }
}

/** Publishes numbers until told to stop; a number whose publishing failed is published again. */
function publishOn(publisher: Publisher) {
  const acknowledged: string[] = [];
  let running = true;
  const ended = (async () => {
    for (let number = 0; running; number += 1) {
      const text = String(number);
      while (!(await publisher.publish([{ topic: TOPIC, key: text, value: Buffer.from(text) }]).then(() => true, () => false))) await new Promise((resolve) => setTimeout(resolve, 100));
      acknowledged.push(text);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return { acknowledged, stop: () => { running = false; return ended; } };
}

describe('a broker that goes away', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('I7: after %s every acknowledged record is applied, and a record applied twice was published twice', async (signal) => {
    const applied = new Applied();
    const consumption = await consumeBatches(kafka, {
      groupId: `restart-${signal}`, topics: [TOPIC], logger, onFatal: () => undefined,
      positions: { kind: 'stored', positionOf: (_topic, partition) => Promise.resolve(applied.positions.get(partition) ?? null), onExpired: () => Promise.resolve() },
      onBatch: (batch) => Promise.resolve(applied.apply(batch)),
    });
    const publisher = kafka.publisher();
    const publishing = publishOn(publisher);
    await vi.waitFor(() => expect(applied.times.size).toBeGreaterThan(50), 20_000);
    await stack.stopPart('kafka', signal);
    await expect(kafka.check()).rejects.toMatchObject({ code: 'kafka_unavailable' });
    await stack.startPart('kafka');
    const before = publishing.acknowledged.length;
    await vi.waitFor(() => expect(publishing.acknowledged.length).toBeGreaterThan(before + 50), 60_000);
    await publishing.stop();
    await vi.waitFor(() => expect(publishing.acknowledged.filter((number) => !applied.times.has(number))).toEqual([]), 60_000);
    const published = (await kafka.ranges([TOPIC])).reduce((sum, { low, high }) => sum + Number(high - low), 0);
    await vi.waitFor(() => expect([...applied.times.values()].reduce((sum, times) => sum + times, 0)).toBe(published), 30_000);
    await kafka.check();
    await consumption.stop();
    await publisher.close();
  }, 180_000);
});
