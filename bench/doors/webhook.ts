/**
 * Webhook intake: signed requests of ten events each, answered after Kafka's acknowledgement, from 32 connections that
 * are always busy; beside it raw fastify and produce, without signature, routing or schema. Each is a process of its
 * own, and they take turns.
 */
import { Pool } from 'undici';
import { signV3 } from '../../connectors/hubspot/signature.ts';
import { isolate } from '../../deploy/local/isolate.ts';
import { loadMigrations, migrate } from '../../runtime/migrate.ts';
import { createPool } from '../../runtime/database.ts';
import { upsertIntegration } from '../../store/integrations.ts';
import type { Child } from '../child.ts';
import { startChild } from '../child.ts';
import type { FigureOptions } from '../figure.ts';
import { benchIntegration } from '../integration.ts';
import { SECRETS } from '../service.ts';
import { median, quantile, rounded } from '../statistics.ts';

export interface WebhookFigure {
  readonly per_s: number;
  readonly probe_per_s: number;
  readonly ratio: number;
  readonly p99_ms: number;
}

const CONNECTIONS = 32;
const EVENTS_PER_REQUEST = 10;
/** Different bodies, signed beforehand: the sender's work must not be the limit. */
const BODIES = 400;
const ROUNDS = 4;
const WARM_UP_MS = 2_000;
const ROUND_MS = 6_000;

interface Signed {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export async function benchWebhook({ urls, say }: FigureOptions): Promise<WebhookFigure> {
  const isolation = await isolate({ urls }, 'bench-webhook');
  try {
    await migrate({ databaseUrl: isolation.databaseUrl, migrations: await loadMigrations() });
    const pool = createPool({ databaseUrl: isolation.databaseUrl, applicationName: 'bench', onError: () => undefined });
    await upsertIntegration(pool, benchIntegration(), Date.now());
    // Paused: its records are nobody's to list or read here.
    await pool.query('update integrations set paused = true');
    await pool.end();
    const env = { ...SECRETS, KAFKA_BROKERS: urls.kafkaBrokers.join(','), SCHEMA_REGISTRY_URL: urls.schemaRegistryUrl, DATABASE_URL: isolation.databaseUrl, TOPIC_PREFIX: isolation.topicPrefix };
    const product = await startChild('bench/doors/capture.ts', [], env);
    const probe = await startChild('bench/doors/webhook-probe.ts', [], env);
    try {
      return await compare(product, probe, say);
    } finally {
      await Promise.all([product.stop(), probe.stop()]);
    }
  } finally {
    await isolation.drop();
  }
}

async function compare(product: Child, probe: Child, say: (line: string) => void): Promise<WebhookFigure> {
  const url = { product: String(product.said['url']), probe: String(probe.said['url']) };
  const bodies = { product: signedBodies(url.product), probe: signedBodies(url.probe) };
  for (const name of ['product', 'probe'] as const) await load(url[name], bodies[name], WARM_UP_MS);
  const rounds: { product: number; probe: number; lags: readonly number[] }[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const mine = await load(url.product, bodies.product, ROUND_MS);
    const raw = await load(url.probe, bodies.probe, ROUND_MS);
    rounds.push({ product: mine.perSecond, probe: raw.perSecond, lags: mine.lags });
    say(`webhooks, round ${round}: ${rounded(mine.perSecond)} requests/s, p99 ${rounded(quantile(mine.lags, 0.99), 1)} ms; probe ${rounded(raw.perSecond)}/s, p99 ${rounded(quantile(raw.lags, 0.99), 1)} ms`);
  }
  return {
    per_s: rounded(median(rounds.map((round) => round.product))), probe_per_s: rounded(median(rounds.map((round) => round.probe))),
    ratio: rounded(median(rounds.map((round) => round.product / round.probe)), 2), p99_ms: rounded(quantile(rounds.flatMap(({ lags }) => lags), 0.99), 1),
  };
}

function signedBodies(url: string): Signed[] {
  return Array.from({ length: BODIES }, (_, index) => {
    const body = JSON.stringify(Array.from({ length: EVENTS_PER_REQUEST }, (_event, event) => ({
      eventId: index * EVENTS_PER_REQUEST + event, subscriptionId: 12_345, portalId: 4_242, appId: 9_000, occurredAt: Date.now(), subscriptionType: 'contact.propertyChange', attemptNumber: 0,
      objectId: 40_000_000_000 + index * EVENTS_PER_REQUEST + event, propertyName: 'jobtitle', propertyValue: `Account manager ${event}`, changeSource: 'CRM_UI', sourceId: 'userId:55',
    })));
    const timestampMs = Date.now();
    const signature = signV3({ secret: SECRETS.BENCH_HUBSPOT_SECRET, method: 'POST', url, body: Buffer.from(body), timestampMs });
    return { body, headers: { 'content-type': 'application/json', 'x-hubspot-signature-v3': signature, 'x-hubspot-request-timestamp': String(timestampMs) } };
  });
}

async function load(url: string, bodies: readonly Signed[], forMs: number): Promise<{ perSecond: number; lags: readonly number[] }> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
  const lags: number[] = [];
  const begun = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, async (_, connection) => {
    for (let index = connection; performance.now() - begun < forMs; index += CONNECTIONS) {
      const { body, headers } = bodies[index % bodies.length] as Signed;
      const at = performance.now();
      const answer = await pool.request({ method: 'POST', path: pathname, body, headers });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`a webhook was answered ${answer.statusCode}`);
      lags.push(performance.now() - at);
    }
  }));
  const perSecond = (lags.length * 1_000) / (performance.now() - begun);
  await pool.close();
  return { perSecond, lags };
}
