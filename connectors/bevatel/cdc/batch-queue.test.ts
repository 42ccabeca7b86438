import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { BatchQueue } from './batch-queue.ts';
import type { Lsn } from './lsn.ts';
import type { RowEvent } from './row-event.ts';

const row = (name: number): RowEvent => ({
  op: 'insert', lsn: String(name), commitTime: 0, observedFrom: 0, observedTo: 0, old: null, new: null,
});
const lsn = (value: number) => BigInt(value) as Lsn;

function harness(maxRows: number) {
  const batches: { rows: number[]; accept: () => void; refuse: (error: Error) => void }[] = [];
  const confirmed: number[] = [];
  const failures: unknown[] = [];
  const queue = new BatchQueue({
    maxRows,
    deliver: (events) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      batches.push({ rows: events.map((event) => Number(event.lsn)), accept: resolve, refuse: reject });
      return promise;
    },
    confirm: (commit) => confirmed.push(Number(commit)),
    fail: (error) => failures.push(error),
  });
  return { queue, batches, confirmed, failures };
}

/** Lets what is scheduled happen, and what that schedules. */
async function turn(): Promise<void> {
  for (let rounds = 0; rounds < 3; rounds += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('I7: a position is confirmed only when everything up to it is acknowledged', () => {
  test('what arrives while a batch is out makes the next one', async () => {
    const { queue, batches, confirmed } = harness(10);
    queue.push(row(1));
    queue.commit(lsn(100));
    await turn();
    queue.push(row(2));
    queue.commit(lsn(200));
    queue.push(row(3));
    queue.commit(lsn(300));
    await turn();
    expect(batches.map((batch) => batch.rows)).toEqual([[1]]);
    expect(confirmed).toEqual([]);
    batches[0]?.accept();
    await turn();
    expect(confirmed).toEqual([100]);
    expect(batches.map((batch) => batch.rows)).toEqual([[1], [2, 3]]);
  });

  test('a large transaction goes in parts and is confirmed after the last', async () => {
    const { queue, batches, confirmed } = harness(2);
    for (const name of [1, 2, 3]) queue.push(row(name));
    queue.commit(lsn(100));
    for (let at = 0; at < 2; at += 1) {
      await turn();
      expect(confirmed).toEqual([]);
      batches[at]?.accept();
    }
    await turn();
    expect(batches.map((batch) => batch.rows)).toEqual([[1, 2], [3]]);
    expect(confirmed).toEqual([100]);
    expect(queue.idle).toBe(true);
  });

  test('a transaction without rows is confirmed at once, but not before those ahead of it', async () => {
    const { queue, batches, confirmed } = harness(10);
    queue.commit(lsn(50));
    expect(confirmed).toEqual([50]);
    queue.push(row(1));
    queue.commit(lsn(100));
    queue.commit(lsn(200));
    await turn();
    expect(confirmed).toEqual([50]);
    batches[0]?.accept();
    await turn();
    expect(confirmed).toEqual([50, 200]);
  });

  test('nothing is confirmed or delivered after a refusal, and nobody waits for ever', async () => {
    const { queue, batches, confirmed, failures } = harness(1);
    for (const name of [1, 2, 3]) queue.push(row(name));
    queue.commit(lsn(100));
    await turn();
    const waiting = Promise.all([queue.room(), queue.drained()]);
    batches[0]?.refuse(new Error('no Kafka'));
    await waiting;
    await turn();
    expect([batches.length, confirmed, failures.length]).toEqual([1, [], 1]);
  });

  test('for any transactions and batch size: all rows once, in order, and confirmations never run ahead', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 12 }), fc.integer({ min: 1, max: 5 }),
      async (sizes, maxRows) => {
        let acknowledged = 0;
        const confirmedAt: [number, number][] = [];
        const seen: number[] = [];
        const queue = new BatchQueue({
          maxRows,
          deliver: async (events) => {
            await turn();
            seen.push(...events.map((event) => Number(event.lsn)));
            acknowledged += events.length;
          },
          confirm: (commit) => confirmedAt.push([Number(commit), acknowledged]),
          fail: (error) => { throw error; },
        });
        let pushed = 0;
        for (const size of sizes) {
          for (let left = size; left > 0; left -= 1) queue.push(row((pushed += 1)));
          queue.commit(lsn(pushed + 1));
          await queue.room();
        }
        await queue.drained();
        expect(seen).toEqual(Array.from({ length: pushed }, (_, index) => index + 1));
        for (const [commit, safe] of confirmedAt) expect(safe).toBeGreaterThanOrEqual(commit - 1);
        if (sizes.length > 0) expect(confirmedAt.at(-1)?.[0]).toBe(pushed + 1);
      },
    ));
  });
});
