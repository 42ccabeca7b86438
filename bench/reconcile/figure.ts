/**
 * Reconcile throughput: events per second from `contact.changes.live` to committed state and published decisions,
 * beside the raw probe on the same topic (probe.ts). Product and probe run in turns on the same data, so that
 * a noisy machine disturbs both alike; what counts is the median of the ratios of neighbours.
 */
import { Registry } from 'prom-client';
import type { Deps } from '../../runtime/deps.ts';
import { changeKey, changesTopic, topicName } from '../../schemas/topics.ts';
import { startReconcile } from '../../services/reconcile/main.ts';
import { buildContext } from '../../domain/context.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import type { FigureOptions } from '../figure.ts';
import { benchIntegration, INTEGRATION, TENANT } from '../integration.ts';
import type { Place } from '../place.ts';
import { openPlace } from '../place.ts';
import { changesOf } from './events.ts';
import type { Kind, Plan } from './plan.ts';
import { planEvents } from './plan.ts';
import { storePairs } from './rows.ts';
import { createProbeTable, PROBE_TOPIC, startProbe } from './probe.ts';
import { LATER, recordId } from './records.ts';
import { median, rounded } from '../statistics.ts';

export interface ReconcileFigure {
  readonly events_per_s: number;
  readonly probe_per_s: number;
  readonly ratio: number;
  readonly ratio_at_200k_links: number;
}

/** The first figure is the product's; the second only tells whether it stays so when there are ten times as many links. */
const SMALL = { pairs: 20_000, events: 100_000, rounds: 2 };
const LARGE = { pairs: 200_000, events: 40_000, rounds: 1 };
type Size = typeof SMALL;

interface Round {
  readonly product: number;
  readonly probe: number;
}

export async function benchReconcile(options: FigureOptions): Promise<ReconcileFigure> {
  const small = await measure(options, SMALL);
  const large = await measure(options, LARGE);
  return {
    events_per_s: rounded(median(small.map((round) => round.product))),
    probe_per_s: rounded(median(small.map((round) => round.probe))),
    ratio: rounded(median(small.map((round) => round.product / round.probe)), 2),
    ratio_at_200k_links: rounded(median(large.map((round) => round.product / round.probe)), 2),
  };
}

export async function measure({ urls, say }: FigureOptions, { pairs, events, rounds }: Size): Promise<Round[]> {
  const begun = performance.now();
  const place = await openPlace(urls, 'reconcile', () => LATER + Math.round(performance.now() - begun));
  try {
    const plan = planEvents(pairs, events, 7);
    await prepare(place, plan, rounds > 1);
    say(`${pairs} links, ${events} events: prepared in ${rounded((performance.now() - begun) / 1_000, 1)} s`);
    const results: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const product = await runProduct(place, plan, events, round);
      const probe = await runProbe(place, events, round);
      say(`${pairs} links, round ${round + 1}: ${rounded(product)} events/s, probe ${rounded(probe)}/s, ratio ${rounded(product / probe, 2)}`);
      results.push({ product, probe });
    }
    return results;
  } finally {
    await place.close();
  }
}

async function prepare({ deps }: Place, plan: Plan, isRepeated: boolean): Promise<void> {
  const integration = benchIntegration();
  const context = buildContext(integration);
  await upsertIntegration(deps.pool, integration, LATER);
  await storePairs(deps.pool, context, plan);
  if (isRepeated) await deps.pool.query('create unlogged table links_before as select * from links');
  await createProbeTable(deps, (from, to) => probeKeys(from, to), plan.pairs);
  await deps.kafka.ensureTopics(deps.config.topicPrefix, [{ ...probeTopic }]);
  const publisher = deps.kafka.publisher();
  const topic = topicName(deps.config.topicPrefix, changesTopic('live'));
  let messages: { topic: string; key: string; value: Buffer }[] = [];
  for (const change of changesOf(plan, context)) {
    messages.push({ topic, key: changeKey(change), value: deps.codec.changes.encode(change) });
    if (messages.length < 2_000) continue;
    await publisher.publish(messages);
    messages = [];
  }
  await publisher.publish(messages);
  await publisher.close();
}

const probeTopic = {
  name: PROBE_TOPIC, says: 'what the probe produces', schema: 'contact-change', key: [], partitions: 3, retentionMs: 86_400_000, cleanup: 'delete', writers: [], readers: [],
} as const;

function probeKeys(from: number, to: number): string[] {
  const keys: string[] = [];
  for (let pair = from; pair < to; pair += 1) {
    keys.push(changeKey({ tenantId: TENANT, side: 'bevatel', integrationId: null, recordId: recordId('bevatel', pair) }));
    keys.push(changeKey({ tenantId: TENANT, side: 'external', integrationId: INTEGRATION, recordId: recordId('external', pair) }));
  }
  return keys;
}

/** Until every event has its decision acknowledged by Kafka, which comes after the commit of state and position. */
async function runProduct(place: Place, plan: Plan, events: number, round: number): Promise<number> {
  const { deps } = place;
  if (round > 0) {
    await deps.pool.query('truncate links, decisions, positions');
    await deps.pool.query('insert into links select * from links_before');
  }
  await deps.pool.query('vacuum analyze links');
  const seconds = await timed(events, async (onDone) => {
    const role = await startReconcile(countingDecisions(deps, onDone));
    return () => role.stop();
  });
  if (round === 0) await checkVerdicts(deps, plan);
  return events / seconds;
}

async function runProbe({ deps }: Place, events: number, round: number): Promise<number> {
  await deps.pool.query('vacuum analyze probe_rows');
  const topic = topicName(deps.config.topicPrefix, changesTopic('live'));
  const target = topicName(deps.config.topicPrefix, PROBE_TOPIC);
  const groupId = `${deps.config.topicPrefix}probe-${round}`;
  return events / await timed(events, (onDone) => startProbe({ deps, groupId, topic, target, onDone }));
}

/** Seconds from the first batch's fetch, when the group was joined, to the last event done. */
async function timed(events: number, start: (onDone: (count: number) => void) => Promise<() => Promise<void>>): Promise<number> {
  const finished = Promise.withResolvers<number>();
  let done = 0;
  const stop = await start((count) => {
    done += count;
    if (done >= events) finished.resolve(performance.now());
  });
  const begun = performance.now();
  const ended = await finished.promise;
  await stop();
  return (ended - begun) / 1_000;
}

function countingDecisions(deps: Deps, onDone: (count: number) => void): Deps {
  const { kafka } = deps;
  const publisher: Deps['kafka']['publisher'] = (bounds) => {
    const inner = kafka.publisher(bounds);
    return { ...inner, publish: async (messages) => {
      await inner.publish(messages);
      onDone(messages.length);
    } };
  };
  return { ...deps, metrics: new Registry(), kafka: { ...kafka, publisher } };
}

/** What the record's decision may say of each kind; where groups of the link wait as well, it says what is new. */
const EXPECTED: Readonly<Record<Kind, readonly string[]>> = {
  edit: ['propagate'], outstanding: ['echo'], finished: ['echo'], duplicate: ['duplicate', 'echo'], conflict: ['conflict_resolved', 'conflict_held'],
};
/** Of all events; a conflict is told again with other edits of its link, and a duplicate of an echo is one. */
const TOLERANCE = 0.05;

/** The mix is what it claims to be, as the decisions tell. Throws when it is not. */
async function checkVerdicts(deps: Deps, plan: Plan): Promise<void> {
  const { rows } = await deps.pool.query<{ verdict: string; count: string }>('select verdict, count(*) from decisions group by verdict');
  const counted = new Map(rows.map((row) => [row.verdict, Number(row.count)]));
  const groups = [['edit'], ['conflict'], ['outstanding', 'finished', 'duplicate']] as const satisfies readonly (readonly Kind[])[];
  for (const kinds of groups) {
    const planned = plan.happenings.filter((happening) => kinds.some((kind) => kind === happening.kind)).length;
    const verdicts = new Set(kinds.flatMap((kind) => EXPECTED[kind]));
    const found = [...verdicts].reduce((sum, verdict) => sum + (counted.get(verdict) ?? 0), 0);
    if (Math.abs(planned - found) > TOLERANCE * plan.happenings.length) throw new Error(`${planned} of ${kinds.join(' and ')} were planned, ${found} decided (${JSON.stringify(Object.fromEntries(counted))})`);
  }
}
