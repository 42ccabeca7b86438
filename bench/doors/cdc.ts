/**
 * Change data capture: row changes per second from Bevatel's committed table to Kafka's acknowledgement, beside a raw
 * decoder that reads the same kind of slot and publishes nothing; then the time from commit to acknowledgement at 1,000
 * changes per second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication';
import { Registry } from 'prom-client';
import type { Deps } from '../../runtime/deps.ts';
import { changesTopic, topicName } from '../../schemas/topics.ts';
import { startCapture } from '../../services/capture/main.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import { until } from '../child.ts';
import type { FigureOptions } from '../figure.ts';
import { TENANT, benchIntegration } from '../integration.ts';
import type { Place } from '../place.ts';
import { openPlace } from '../place.ts';
import type { Sides } from '../service.ts';
import { openSides, seedPairs } from '../service.ts';
import { median, quantile, rounded } from '../statistics.ts';

export interface CdcFigure {
  readonly per_s: number;
  readonly probe_per_s: number;
  readonly ratio: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

const CONTACTS = 5_000;
const ROUNDS = 4;
const CHANGES = 30_000;
const ROWS_PER_COMMIT = 100;
const SLOTS = { product: 'bench_product', probe: 'bench_raw' };
/** Until the role streams. */
const SETTLE_MS = 1_500;
const STEADY = { perSecond: 1_000, perCommit: 10, seconds: 20 };

export async function benchCdc({ urls, say }: FigureOptions): Promise<CdcFigure> {
  const sides = await openSides(urls, 'cdc');
  const place = await openPlace(urls, 'cdc', Date.now);
  try {
    await seedPairs(sides, CONTACTS);
    await upsertIntegration(place.deps.pool, benchIntegration(), Date.now());
    await place.deps.pool.query('update integrations set paused = true');
    await drain(place, sides, CONTACTS);
    await createRawSlot(sides);
    const rounds: { product: number; probe: number }[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      await changeRows(sides, CHANGES, round);
      const product = await drain(place, sides, CHANGES);
      const probe = await drainRaw(sides, CHANGES);
      say(`change data capture, round ${round}: ${rounded(product)} changes/s, probe ${rounded(probe)}/s, ratio ${rounded(product / probe, 2)}`);
      rounds.push({ product, probe });
    }
    const lags = await steady(place, sides);
    return {
      per_s: rounded(median(rounds.map((round) => round.product))), probe_per_s: rounded(median(rounds.map((round) => round.probe))),
      ratio: rounded(median(rounds.map((round) => round.product / round.probe)), 2),
      p50_ms: rounded(quantile(lags, 0.5), 1), p99_ms: rounded(quantile(lags, 0.99), 1),
    };
  } finally {
    await place.close();
    await sides.stop();
  }
}

/** Tells of each publication onto the changes' topics that Kafka has acknowledged. */
function acknowledging(deps: Deps, onAcknowledged: (count: number) => void): Deps {
  const lanes = ['live', 'backfill'].map((lane) => topicName(deps.config.topicPrefix, changesTopic(lane as 'live' | 'backfill')));
  const publisher: Deps['kafka']['publisher'] = (bounds) => {
    const inner = deps.kafka.publisher(bounds);
    return { ...inner, publish: async (messages) => {
      await inner.publish(messages);
      if (lanes.includes(messages[0]?.topic ?? '')) onAcknowledged(messages.length);
    } };
  };
  return { ...deps, metrics: new Registry(), kafka: { ...deps.kafka, publisher } };
}

function capture(place: Place, sides: Sides, onAcknowledged: (count: number) => void): ReturnType<typeof startCapture> {
  return startCapture(acknowledging(place.deps, onAcknowledged), { publicUrl: null, cdcUrl: sides.databaseUrl, cdcName: SLOTS.product, publishKeys: [], coalesceMs: 5 });
}

/** Changes per second between the first and the last acknowledgement of what waits in the slot, or of the first snapshot. */
async function drain(place: Place, sides: Sides, changes: number): Promise<number> {
  const seen: { at: number; count: number }[] = [];
  let done = 0;
  const role = await capture(place, sides, (count) => {
    seen.push({ at: performance.now(), count });
    done += count;
  });
  try {
    await until(`${changes} changes are on Kafka`, () => done >= changes);
  } finally {
    await role.stop();
  }
  return perSecond(seen, changes);
}

function perSecond(seen: readonly { at: number; count: number }[], changes: number): number {
  const first = seen[0];
  const last = seen.at(-1);
  return first && last && last.at > first.at ? ((changes - first.count) * 1_000) / (last.at - first.at) : Number.NaN;
}

async function withClient<T>({ databaseUrl }: Sides, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function createRawSlot(sides: Sides): Promise<void> {
  await withClient(sides, (client) => client.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [SLOTS.probe]));
}

/** Commits of a hundred rows, each row with a new value. */
async function changeRows(sides: Sides, changes: number, round: number): Promise<void> {
  await withClient(sides, async (client) => {
    for (let from = 0; from < changes; from += ROWS_PER_COMMIT) await changeSome(client, from, ROWS_PER_COMMIT, `round ${round}, row ${from}`);
  });
}

async function changeSome(client: pg.Client, from: number, count: number, value: string): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => `018d0d4a-0000-7000-8000-${((from + index) % CONTACTS).toString(16).padStart(12, '0')}`);
  await client.query({ name: 'change-some', text: 'update contacts set company_name = $3 where tenant_id = $1 and id = any($2)', values: [TENANT, ids, value] });
}

/** The library that the product uses too, with its decoder, and a counter. */
async function drainRaw(sides: Sides, changes: number): Promise<number> {
  const service = new LogicalReplicationService({ connectionString: sides.databaseUrl }, { acknowledge: { auto: false, timeoutSeconds: 0 } });
  const finished = Promise.withResolvers<void>();
  const seen: { at: number; count: number }[] = [];
  let done = 0;
  let newest = '0/0';
  service.on('error', finished.reject);
  service.on('data', (lsn: string, message: { tag: string }) => {
    newest = lsn;
    if (message.tag !== 'update') return;
    done += 1;
    if (done === 1 || done === changes) seen.push({ at: performance.now(), count: 1 });
    if (done === changes) finished.resolve();
  });
  const subscription = service.subscribe(new PgoutputPlugin({ protoVersion: 1, publicationNames: [SLOTS.product] }), SLOTS.probe);
  await Promise.race([finished.promise, subscription.then(() => finished.promise)]);
  await sleep(20);
  await service.acknowledge(newest);
  await service.stop();
  return perSecond(seen, changes);
}

/** Milliseconds from the sending of each row's commit to its acknowledgement by Kafka: both come in the order of the log. */
async function steady(place: Place, sides: Sides): Promise<number[]> {
  const sentAt: number[] = [];
  const lags: number[] = [];
  const role = await capture(place, sides, (count) => {
    const now = performance.now();
    // What comes before the first commit is a repetition after the last restart.
    for (const at of sentAt.slice(lags.length, lags.length + count)) lags.push(now - at);
  });
  try {
    await sleep(SETTLE_MS);
    await withClient(sides, async (client) => {
      const begun = performance.now();
      const commits = (STEADY.perSecond * STEADY.seconds) / STEADY.perCommit;
      for (let commit = 0; commit < commits; commit += 1) {
        const wait = begun + (commit * STEADY.perCommit * 1_000) / STEADY.perSecond - performance.now();
        if (wait > 0) await sleep(wait);
        const now = performance.now();
        for (let row = 0; row < STEADY.perCommit; row += 1) sentAt.push(now);
        await changeSome(client, commit * STEADY.perCommit, STEADY.perCommit, `steady ${commit}`);
      }
    });
    await until('every change is on Kafka', () => lags.length >= sentAt.length);
  } finally {
    await role.stop();
  }
  return lags;
}
