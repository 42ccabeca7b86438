import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { isolatedStack } from '../tests/stack/fixture.ts';
import type { SyncError } from '../schemas/errors.ts';
import { consumeBatches } from './consume.ts';
import type { Batch, BatchOutcome, ConsumeOptions, Consumption, Positions } from './consume.ts';
import { connectKafka } from './kafka.ts';
import type { Kafka } from './kafka.ts';
import { createLogger } from './logger.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const stack = await isolatedStack('consume');
const brokers = stack.kafkaBrokers;

let kafka: Kafka;
const open: Consumption[] = [];

beforeAll(async () => {
  kafka = await connectKafka({ brokers, clientId: 'consume-test', logger });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((consumption) => consumption.stop()));
});
afterAll(async () => {
  await kafka.close();
});

/** A topic of its own, and a table of positions as the database would hold it. */
async function place(partitions = 1) {
  const name = randomUUID();
  const topic = `${stack.topicPrefix}${name}`;
  await kafka.ensureTopics(stack.topicPrefix, [{
    name, says: '', schema: 'contact-hint', key: [], partitions, retentionMs: 3_600_000, cleanup: 'delete', writers: [], readers: [],
  }]);
  const stored = new Map<number, bigint>();
  const expired: bigint[][] = [];
  const positions: Positions = {
    kind: 'stored',
    positionOf: (_topic, partition) => Promise.resolve(stored.get(partition) ?? null),
    onExpired: (_topic, _partition, from, to) => { expired.push([from, to]); return Promise.resolve(); },
  };
  async function publish(values: readonly string[]): Promise<void> {
    const publisher = kafka.publisher();
    await publisher.publish(values.map((value, index) => ({ topic, key: value, value: Buffer.from(value), partition: index % partitions })));
    await publisher.close();
  }
  return { topic, groupId: `${topic}-group`, stored, expired, positions, publish };
}
type Place = Awaited<ReturnType<typeof place>>;

async function consume(at: Place, onBatch: (batch: Batch) => Promise<BatchOutcome>, more: Partial<ConsumeOptions> = {}): Promise<Consumption> {
  const consumption = await consumeBatches(kafka, {
    groupId: at.groupId, topics: [at.topic], positions: at.positions, onBatch, logger, onFatal: () => undefined, ...more,
  });
  open.push(consumption);
  return consumption;
}

function valuesOf(batch: Batch): string[] {
  return batch.records.map((record) => String(record.value));
}
function done(at: Place, batch: Batch): BatchOutcome {
  const nextOffset = (batch.records.at(-1)?.offset ?? -1n) + 1n;
  at.stored.set(batch.partition, nextOffset);
  return { kind: 'done', nextOffset };
}

describe('consumeBatches', () => {
  it('hands over what was published, in order, with keys, and knows that nothing lags', async () => {
    const at = await place();
    await at.publish(['a', 'b', 'c']);
    const seen: string[] = [];
    const consumption = await consume(at, async (batch) => {
      seen.push(...valuesOf(batch));
      return done(at, batch);
    });
    await vi.waitFor(() => expect(seen).toEqual(['a', 'b', 'c']));
    await at.publish(['d']);
    await vi.waitFor(() => expect(seen).toEqual(['a', 'b', 'c', 'd']));
    expect(consumption.lag()).toEqual([{ topic: at.topic, partition: 0, records: 0, seconds: 0 }]);
  });

  it('I7: the stored position is the authority, whatever the group has committed', async () => {
    const at = await place();
    await at.publish(['a', 'b', 'c']);
    const first: string[] = [];
    const before = await consume(at, async (batch) => { first.push(...valuesOf(batch)); return done(at, batch); });
    await vi.waitFor(() => expect(first).toHaveLength(3));
    await before.stop();
    expect(await kafka.committed(at.groupId, { topic: at.topic, partition: 0 })).toBe(3n);

    at.stored.set(0, 1n);
    const second: string[] = [];
    await consume(at, async (batch) => { second.push(...valuesOf(batch)); return done(at, batch); });
    await vi.waitFor(() => expect(second).toEqual(['b', 'c']));
  });

  it('I7: a batch whose position was not stored is offered again, and a throw does not reach the client', async () => {
    const at = await place();
    await at.publish(['a', 'b']);
    const offers: string[][] = [];
    const consumption = await consume(at, async (batch) => {
      offers.push(valuesOf(batch));
      if (offers.length < 3) throw new Error('the database is gone');
      return done(at, batch);
    });
    await vi.waitFor(() => expect(offers).toEqual([['a', 'b'], ['a', 'b'], ['a', 'b']]), 3_000);
    expect(consumption.restarts()).toBe(0);
  });

  it('I8: a partition that must wait is offered the same records again, the others go on', async () => {
    const at = await place(2);
    await at.publish(['a', 'b', 'c', 'd']);
    const seen: string[] = [];
    let waits = 0;
    await consume(at, async (batch) => {
      if (batch.partition === 0 && waits < 5) {
        waits += 1;
        return { kind: 'again', afterMs: 50, reason: 'registry_unavailable' };
      }
      seen.push(...valuesOf(batch));
      return done(at, batch);
    });
    await vi.waitFor(() => expect(seen).toHaveLength(4), 3_000);
    expect(seen).toEqual(['b', 'd', 'a', 'c']);
  });

  it('I7: after `reposition` it reads from where the authority says', async () => {
    const at = await place();
    await at.publish(['a', 'b', 'c', 'd']);
    const seen: string[] = [];
    let repositioned = false;
    await consume(at, async (batch) => {
      if (!repositioned) {
        repositioned = true;
        at.stored.set(0, 2n);
        return { kind: 'reposition' };
      }
      seen.push(...valuesOf(batch));
      return done(at, batch);
    });
    await vi.waitFor(() => expect(seen).toEqual(['c', 'd']), 3_000);
  });

  it('I7: a position beyond the log refuses to start', async () => {
    const at = await place();
    await at.publish(['a']);
    at.stored.set(0, 7n);
    await expect(consume(at, async (batch) => done(at, batch))).rejects.toMatchObject({ code: 'position_beyond_log' });
  });

  it('I7: a log that ends before the position while it is read stops the consumption', async () => {
    const at = await place();
    await at.publish(['a', 'b']);
    const fatal: SyncError[] = [];
    await consume(at, async (batch) => ({ kind: 'done', nextOffset: (batch.records.at(-1)?.offset ?? 0n) + 100n }), { stallMs: 200, onFatal: (error) => fatal.push(error) });
    await vi.waitFor(() => expect(fatal.map((error) => error.code)).toEqual(['position_beyond_log']), 3_000);
  });

  it('cuts batches at their maximum and finishes the one at work when it stops', async () => {
    const at = await place();
    await at.publish(Array.from({ length: 25 }, (_, index) => String(index)));
    const sizes: number[] = [];
    let release: () => void = () => undefined;
    const consumption = await consume(at, async (batch) => {
      sizes.push(batch.records.length);
      if (sizes.length === 2) await new Promise<void>((resolve) => { release = resolve; });
      return done(at, batch);
    }, { maxBatch: 10 });
    await vi.waitFor(() => expect(sizes).toEqual([10, 10]));
    const stopped = consumption.stop();
    release();
    await stopped;
    expect(at.stored.get(0)).toBe(20n);
    expect(await kafka.committed(at.groupId, { topic: at.topic, partition: 0 })).toBe(20n);
  });

  it('I7: two consumers of one group share the partitions, and what one leaves the other takes over', async () => {
    const at = await place(2);
    const seen: [string, string][] = [];
    const start = (name: string) => consume(at, async (batch) => {
      seen.push(...valuesOf(batch).map((value): [string, string] => [name, value]));
      return done(at, batch);
    });
    const one = await start('one');
    const two = await start('two');
    await vi.waitFor(() => expect([one.assigned().length, two.assigned().length]).toEqual([1, 1]), 15_000);
    await at.publish(['a', 'b']);
    await vi.waitFor(() => expect(seen.map(([, value]) => value).sort()).toEqual(['a', 'b']));
    expect(new Set(seen.map(([name]) => name)).size).toBe(2);

    await one.stop();
    await at.publish(['c', 'd']);
    await vi.waitFor(() => expect(seen.map(([, value]) => value).sort()).toEqual(['a', 'b', 'c', 'd']), 15_000);
    expect(seen.slice(2).map(([name]) => name)).toEqual(['two', 'two']);
  }, 40_000);

  it('without stored positions, goes on from what the group committed', async () => {
    const at = await place();
    await at.publish(['a', 'b']);
    const first: string[] = [];
    const before = await consume(at, async (batch) => { first.push(...valuesOf(batch)); return done(at, batch); }, { positions: { kind: 'group' } });
    await vi.waitFor(() => expect(first).toEqual(['a', 'b']));
    await before.stop();
    await at.publish(['c']);
    const second: string[] = [];
    await consume(at, async (batch) => { second.push(...valuesOf(batch)); return done(at, batch); }, { positions: { kind: 'group' } });
    await vi.waitFor(() => expect(second).toEqual(['c']), 3_000);
  });

  it('keeps its place in the group while a handler works longer than the session lasts', async () => {
    const at = await place();
    await at.publish(['a']);
    let assignments = 0;
    const positionOf = (): Promise<bigint | null> => { assignments += 1; return Promise.resolve(at.stored.get(0) ?? null); };
    let release: () => void = () => undefined;
    const consumption = await consume(at, async (batch) => {
      await new Promise<void>((resolve) => { release = resolve; });
      return done(at, batch);
    }, { sessionTimeoutMs: 6_000, positions: { kind: 'stored', positionOf, onExpired: () => Promise.resolve() } });
    // The broker measures the session by its own clock: there is no other condition than that its time has passed.
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    release();
    await vi.waitFor(async () => expect(await kafka.committed(at.groupId, { topic: at.topic, partition: 0 })).toBe(1n), 10_000);
    expect([assignments, consumption.restarts()]).toEqual([1, 0]);
  }, 40_000);
});

describe('connectKafka', () => {
  it('says plainly which broker does not answer', async () => {
    await expect(connectKafka({ brokers: ['127.0.0.1:1'], clientId: 'nobody', logger, connectionTimeoutMs: 500 }))
      .rejects.toMatchObject({ code: 'kafka_unavailable', message: 'no Kafka broker answers at 127.0.0.1:1' });
  });
});
