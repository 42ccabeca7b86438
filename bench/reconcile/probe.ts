/**
 * The raw probe of the reconcile figure: the same topic, partitions, batch size, concurrency and pool, and no logic.
 *
 * Per partition, batch by batch: consume, decode with the same codec, `select … for update` of the batch's rows, one
 * upsert with the row's key and two jsonb columns per event, commit, produce one event per event. Of two events with
 * one key in a batch the later one is written, because one statement can touch a row only once.
 */
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { Deps } from '../../runtime/deps.ts';
import type { KafkaRecord } from '../../runtime/kafka.ts';
import { PartitionWorker } from '../../runtime/partition.ts';
import { sleep } from '../../runtime/sleep.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { MAX_BATCH } from '../../services/reconcile/main.ts';

export const PROBE_TOPIC = 'bench.probe';
const BUFFERED_BYTES = 4_194_304;

export async function createProbeTable(deps: Deps, keys: (from: number, to: number) => string[], pairs: number): Promise<void> {
  await deps.pool.query('create table probe_rows (key text primary key, image jsonb not null, meta jsonb not null) with (fillfactor = 70)');
  for (let from = 0; from < pairs; from += 10_000) {
    await deps.pool.query(`insert into probe_rows select k, '{}', '{}' from unnest($1::text[]) as k`, [keys(from, Math.min(pairs, from + 10_000))]);
  }
  await deps.pool.query('analyze probe_rows');
}

export interface ProbeOptions {
  readonly deps: Deps;
  readonly groupId: string;
  readonly topic: string;
  readonly target: string;
  /** Told of every batch whose events are acknowledged. */
  readonly onDone: (events: number) => void;
}

/** Resolves when the group was joined, with how to stop. */
export async function startProbe({ deps, groupId, topic, target, onDone }: ProbeOptions): Promise<() => Promise<void>> {
  const publisher = deps.kafka.publisher();
  const workers = new Map<number, PartitionWorker>();
  const reader = deps.kafka.createReader({
    groupId, topics: [topic], sessionTimeoutMs: 10_000, maxWaitMs: 100,
    onAssigned: (partitions) => {
      for (const at of partitions) {
        workers.set(at.partition, new PartitionWorker({
          at, position: 0n, maxBatch: MAX_BATCH, maxBufferedBytes: BUFFERED_BYTES, lingerMs: 0, logger: deps.logger, sleep,
          pause: () => reader.pause(at), resume: () => reader.resume(at), onDone: () => undefined, onReposition: () => undefined, onGap: () => undefined,
          onBatch: async ({ records }) => {
            const changes = await writeBatch(deps, records);
            await publisher.publish(changes.map((change, index) => ({ topic: target, key: keyOf(records[index]), value: deps.codec.changes.encode(change) })));
            onDone(records.length);
            return { kind: 'done', nextOffset: (records.at(-1)?.offset ?? 0n) + 1n };
          },
        }));
        reader.seek(at, 0n);
        reader.resume(at);
      }
    },
    onRecords: ({ partition }, records, end) => workers.get(partition)?.accept(records, end),
    onCrash: (error) => deps.logger.error({ err: error }, 'the probe cannot read'),
  });
  await reader.start();
  return async () => {
    await Promise.all([...workers.values()].map((worker) => worker.retire()));
    await reader.close();
    await publisher.close();
  };
}

export async function writeBatch(deps: Deps, records: readonly KafkaRecord[]): Promise<ContactChange[]> {
  const decoded = await deps.codec.changes.decodeAll(records.map((record) => record.value));
  const changes = decoded.map((one) => {
    if (!one.ok) throw one.error;
    return one.value;
  });
  const rows = new Map(changes.map((change, index) => [keyOf(records[index]), change]));
  await inTransaction(deps.pool, (transaction) => writeRows(transaction, rows));
  return changes;
}

async function writeRows(transaction: Transaction, rows: ReadonlyMap<string, ContactChange>): Promise<void> {
  const keys = [...rows.keys()];
  const changes = [...rows.values()];
  await transaction.query({ name: 'probe-lock', text: 'select key, image, meta from probe_rows where key = any($1) order by key for update', values: [keys] });
  transaction.send({
    name: 'probe-upsert',
    text: `insert into probe_rows (key, image, meta) select * from unnest($1::text[], $2::jsonb[], $3::jsonb[])
           on conflict (key) do update set image = excluded.image, meta = excluded.meta`,
    values: [keys, changes.map((change) => JSON.stringify(change.image)), changes.map((change) => JSON.stringify(change.fieldTimes))],
  });
}

function keyOf(record: KafkaRecord | undefined): string {
  return record?.key?.toString() ?? '';
}
