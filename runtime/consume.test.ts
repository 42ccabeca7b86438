/** The consumer loop on a Kafka that exists in memory only: for what real brokers do not do on demand. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import { consumeBatches } from './consume.ts';
import type { ConsumeOptions, Consumption, Positions } from './consume.ts';
import type { Kafka, KafkaRecord, PartitionOffset, Reader, ReaderOptions } from './kafka.ts';
import { createLogger } from './logger.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const AT = { topic: 't', partition: 0 };

function record(offset: number): KafkaRecord {
  return { offset: BigInt(offset), key: null, value: Buffer.from(String(offset)), timestamp: 1_000 + offset, headers: {} };
}

class FakeKafka {
  low = 0n;
  high = 0n;
  readonly readers: { readonly options: ReaderOptions; readonly calls: string[] }[] = [];
  readonly commits: PartitionOffset[] = [];
  crashesAtStart = 0;

  get last() {
    const reader = this.readers.at(-1);
    if (!reader) throw new Error('there is no reader yet');
    return reader;
  }

  fetch(from: number, to: number, reader = this.last): void {
    this.high = BigInt(Math.max(Number(this.high), to));
    const records = Array.from({ length: to - from }, (_, index) => record(from + index));
    reader.options.onRecords(AT, records, this.high);
  }

  readonly port = {
    ranges: () => Promise.resolve([{ ...AT, low: this.low, high: this.high }]),
    committed: () => Promise.resolve(null),
    createReader: (options: ReaderOptions): Reader => {
      const calls: string[] = [];
      this.readers.push({ options, calls });
      return {
        start: () => {
          if (this.readers.length <= this.crashesAtStart) options.onCrash(new SyncError('kafka_unavailable', 'GROUP_LOAD_IN_PROGRESS'));
          else options.onAssigned([AT]);
          return Promise.resolve();
        },
        pause: () => void calls.push('pause'),
        resume: () => void calls.push('resume'),
        seek: (_at, offset) => void calls.push(`seek ${offset}`),
        commit: (offsets) => { this.commits.push(...offsets); return Promise.resolve(); },
        close: () => { calls.push('close'); return Promise.resolve(); },
      };
    },
  } as unknown as Kafka;
}

const open: Consumption[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((consumption) => consumption.stop()));
});

async function start(kafka: FakeKafka, options: Partial<ConsumeOptions> & Pick<ConsumeOptions, 'onBatch'>): Promise<Consumption> {
  const positions: Positions = { kind: 'stored', positionOf: () => Promise.resolve(null), onExpired: () => Promise.resolve() };
  const consumption = await consumeBatches(kafka.port, { groupId: 'g', topics: ['t'], positions, logger, onFatal: () => undefined, ...options });
  open.push(consumption);
  return consumption;
}

const doneAll: ConsumeOptions['onBatch'] = (batch) => Promise.resolve({ kind: 'done', nextOffset: (batch.records.at(-1)?.offset ?? 0n) + 1n });

describe('consumeBatches', () => {
  it('replaces a reader that stalled silently, and goes on from the position', async () => {
    const kafka = new FakeKafka();
    const seen: string[] = [];
    const consumption = await start(kafka, { onBatch: (batch) => { seen.push(...batch.records.map((one) => String(one.value))); return doneAll(batch); }, stallMs: 40 });
    kafka.high = 5n;
    await vi.waitFor(() => expect(kafka.readers).toHaveLength(2));
    expect(consumption.restarts()).toBe(1);
    expect(kafka.readers[0]?.calls).toContain('close');
    kafka.fetch(0, 5);
    await vi.waitFor(() => expect(seen).toEqual(['0', '1', '2', '3', '4']));
  });

  it('leaves a reader alone while a batch is at work or waits on purpose', async () => {
    const kafka = new FakeKafka();
    let offers = 0;
    const consumption = await start(kafka, { onBatch: () => { offers += 1; return Promise.resolve({ kind: 'again', afterMs: 10, reason: 'registry_unavailable' }); }, stallMs: 40 });
    kafka.fetch(0, 5);
    await vi.waitFor(() => expect(offers).toBeGreaterThan(15));
    expect(consumption.restarts()).toBe(0);
  });

  it('replaces a reader that crashed, however often it takes', async () => {
    const kafka = new FakeKafka();
    const seen: string[] = [];
    await start(kafka, { onBatch: async (batch) => { seen.push(...batch.records.map((one) => String(one.value))); return doneAll(batch); } });
    kafka.last.options.onCrash(new SyncError('kafka_unavailable', 'gone'));
    await vi.waitFor(() => expect(kafka.readers).toHaveLength(2));
    kafka.fetch(0, 2);
    await vi.waitFor(() => expect(seen).toEqual(['0', '1']));
  });

  it('I7: does not take a position that moved while the log was measured for one beyond the log', async () => {
    const kafka = new FakeKafka();
    const fatal = vi.fn();
    let measured = 0;
    const ranges = kafka.port.ranges;
    const consumption = await start(kafka, { onBatch: doneAll, onFatal: fatal, stallMs: 20 });
    kafka.port.ranges = async (topics) => {
      const before = await ranges(topics);
      measured += 1;
      kafka.fetch(measured * 10, measured * 10 + 10);
      await vi.waitFor(() => expect(consumption.lag()).toMatchObject([{ records: 0 }]));
      return before;
    };
    await vi.waitFor(() => expect(measured).toBeGreaterThan(3));
    expect(fatal).not.toHaveBeenCalled();
  });

  it('waits at its start for a broker that answers but is not ready yet', async () => {
    const kafka = new FakeKafka();
    kafka.crashesAtStart = 2;
    const consumption = await start(kafka, { onBatch: doneAll });
    expect(kafka.readers).toHaveLength(3);
    expect(consumption.assigned()).toEqual([AT]);
  });

  it('I7: reports what retention deleted before it was read, and begins at the start of the log', async () => {
    const kafka = new FakeKafka();
    kafka.low = 10n;
    kafka.high = 12n;
    const expired: bigint[][] = [];
    await start(kafka, {
      onBatch: doneAll,
      positions: { kind: 'stored', positionOf: () => Promise.resolve(4n), onExpired: (_topic, _partition, from, to) => { expired.push([from, to]); return Promise.resolve(); } },
    });
    expect(expired).toEqual([[4n, 10n]]);
    expect(kafka.last.calls).toEqual(['seek 10', 'resume']);
  });

  it('asks the authority again until it answers', async () => {
    const kafka = new FakeKafka();
    kafka.high = 9n;
    let asked = 0;
    const positionOf = () => {
      asked += 1;
      return asked < 3 ? Promise.reject(new SyncError('database_unavailable', 'gone')) : Promise.resolve(7n);
    };
    await start(kafka, { onBatch: doneAll, sleep: () => new Promise((resolve) => setImmediate(resolve)), stallMs: 600_000, positions: { kind: 'stored', positionOf, onExpired: () => Promise.resolve() } });
    expect(kafka.last.calls).toEqual(['seek 7', 'resume']);
  });

  it('pauses a partition whose handler is slow, resumes it later, and never resumes one that went to somebody else', async () => {
    const kafka = new FakeKafka();
    const releases: (() => void)[] = [];
    await start(kafka, { maxBatch: 2, onBatch: async (batch) => { await new Promise<void>((resolve) => releases.push(resolve)); return doneAll(batch); } });
    kafka.fetch(0, 8);
    expect(kafka.last.calls).toEqual(['seek 0', 'resume', 'pause']);
    const resumedAfter = async (count: number) => { await vi.waitFor(() => expect(releases).toHaveLength(count)); releases[count - 1]?.(); };
    await resumedAfter(1);
    await resumedAfter(2);
    await resumedAfter(3);
    await vi.waitFor(() => expect(kafka.last.calls).toEqual(['seek 0', 'resume', 'pause', 'resume']));
    kafka.fetch(8, 16);
    expect(kafka.last.calls.at(-1)).toBe('pause');
    for (const count of [4, 5, 6]) await resumedAfter(count);
    await vi.waitFor(() => expect(releases).toHaveLength(7));
    expect(kafka.last.calls.at(-1)).toBe('pause');
    kafka.last.options.onAssigned([]);
    releases[6]?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(kafka.last.calls.at(-1)).toBe('pause');
    expect(releases).toHaveLength(7);
  });

  it('finishes the batch at work before the same partition is begun anew', async () => {
    const kafka = new FakeKafka();
    let stored = 0n;
    let release: () => void = () => undefined;
    const batches: string[][] = [];
    await start(kafka, {
      positions: { kind: 'stored', positionOf: () => Promise.resolve(stored), onExpired: () => Promise.resolve() },
      onBatch: async (batch) => {
        batches.push(batch.records.map((one) => String(one.value)));
        await new Promise<void>((resolve) => { release = resolve; });
        stored = (batch.records.at(-1)?.offset ?? 0n) + 1n;
        return { kind: 'done', nextOffset: stored };
      },
    });
    kafka.fetch(0, 2);
    kafka.last.options.onAssigned([AT]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(kafka.last.calls).toEqual(['seek 0', 'resume']);
    release();
    await vi.waitFor(() => expect(kafka.last.calls).toEqual(['seek 0', 'resume', 'seek 2', 'resume']));
    expect(batches).toEqual([['0', '1']]);
  });

  it('drops what it has already, reports how old the oldest unfinished record is, and commits what is done', async () => {
    const kafka = new FakeKafka();
    let release: () => void = () => undefined;
    const seen: string[] = [];
    const consumption = await start(kafka, {
      clock: () => 11_000, maxBatch: 2,
      onBatch: async (batch) => {
        seen.push(...batch.records.map((one) => String(one.value)));
        await new Promise<void>((resolve) => { release = resolve; });
        return doneAll(batch);
      },
    });
    kafka.fetch(0, 2);
    kafka.fetch(1, 4);
    expect(consumption.lag()).toEqual([{ ...AT, records: 4, seconds: 10 }]);
    release();
    await vi.waitFor(() => expect(seen).toEqual(['0', '1', '2', '3']));
    release();
    await vi.waitFor(() => expect(consumption.lag()).toEqual([{ ...AT, records: 0, seconds: 0 }]));
    await consumption.stop();
    expect(kafka.commits.at(-1)).toEqual({ ...AT, next: 4n });
  });

  it('aborts the signal of a batch that outlasts the drain, and ends', async () => {
    const kafka = new FakeKafka();
    let aborted = false;
    const consumption = await start(kafka, {
      drainMs: 20,
      onBatch: (batch) => new Promise((resolve) => { batch.signal.addEventListener('abort', () => { aborted = true; resolve({ kind: 'again', afterMs: 0, reason: 'stopped' }); }); }),
    });
    kafka.fetch(0, 1);
    await consumption.stop();
    expect(aborted).toBe(true);
  });
});
