/**
 * Memory: what `bevatel-sync run all` holds after 50,000 and after 300,000 events on `contact.changes.live`.
 *
 * Nine events in ten repeat an image, one brings a new revision; beside them people edit some contacts in Bevatel, so
 * that change data capture, delivery, webhooks and reads work as well. What is told is the resident set (MiB), the
 * least of a few looks, because garbage that is about to be collected is nobody's need.
 */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createCodecs } from '../runtime/codec.ts';
import type { Codec } from '../runtime/codec.ts';
import { connectKafka } from '../runtime/kafka.ts';
import type { Publisher } from '../runtime/publisher.ts';
import { createLogger } from '../runtime/logger.ts';
import type { ContactChange } from '../schemas/change.ts';
import { changeKey, changesTopic, topicName } from '../schemas/topics.ts';
import { until } from './child.ts';
import type { FigureOptions } from './figure.ts';
import { INTEGRATION, TENANT } from './integration.ts';
import type { Pair, Service, Sides } from './service.ts';
import { openSides, seedPairs, startService, untilLinked } from './service.ts';
import { rounded } from './statistics.ts';

export interface MemoryFigure {
  readonly start: number;
  readonly end: number;
}

const PAIRS = 2_000;
/** The last so many pairs are edited by people, the others are told of. */
const EDITED = 200;
const EVENTS = { start: 50_000, end: 300_000 };
const CHUNK = 2_000;
/** Events that may be on their way. */
const AHEAD = 6_000;
const LOOKS = 6;
const LOOK_EVERY_MS = 500;

export async function benchMemory({ urls, say }: FigureOptions): Promise<MemoryFigure> {
  const sides = await openSides(urls, 'memory');
  const service = await startService(urls, 'memory', sides);
  const { topicPrefix } = service.isolation;
  const kafka = await connectKafka({ brokers: urls.kafkaBrokers, clientId: 'bench', logger: createLogger({ service: 'bench', level: 'error' }) });
  const codec = createCodecs({ registryUrl: urls.schemaRegistryUrl, topicPrefix });
  try {
    await codec.prepare();
    const pairs = await seedPairs(sides, PAIRS);
    await untilLinked(service, PAIRS);
    const editing = new AbortController();
    const edits = keepEditing(sides, pairs.slice(-EDITED), editing.signal);
    const feeder = new Feeder({ publisher: kafka.publisher(), codec: codec.changes, topicPrefix, service, pairs: pairs.slice(0, -EDITED) });
    await feeder.feed(EVENTS.start);
    const start = await residentMib(service.pid);
    say(`after ${EVENTS.start} events: ${start} MiB`);
    await feeder.feed(EVENTS.end);
    const end = await residentMib(service.pid);
    editing.abort();
    say(`after ${EVENTS.end} events and ${await edits} edits by people: ${end} MiB`);
    return { start, end };
  } finally {
    await kafka.close();
    await service.stop();
    await sides.stop();
  }
}

/** Some fifty a second, until the signal ends; resolves with how many there were. */
async function keepEditing({ bevatel }: Sides, pairs: readonly Pair[], signal: AbortSignal): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    const pair = pairs[count % pairs.length];
    count += 1;
    await bevatel.control.sql('update contacts set company_name = $3 where tenant_id = $1 and id = $2', [TENANT, pair?.bevatelId, `Edit ${count}`]);
    await sleep(20);
  }
  return count;
}

interface FeederOptions {
  readonly publisher: Publisher;
  readonly codec: Codec<ContactChange>;
  readonly topicPrefix: string;
  readonly service: Service;
  readonly pairs: readonly Pair[];
}

class Feeder {
  readonly #options: FeederOptions;
  #sent = 0;
  #consumedBefore: number | undefined;

  constructor(options: FeederOptions) {
    this.#options = options;
  }

  /** Publishes until so many events were sent in all, and waits until they are reconciled. */
  async feed(events: number): Promise<void> {
    this.#consumedBefore ??= await this.#consumed();
    while (this.#sent < events) {
      await this.#publish(Math.min(CHUNK, events - this.#sent));
      await this.#untilBehind(AHEAD);
    }
    await this.#untilBehind(0);
  }

  async #publish(count: number): Promise<void> {
    const { publisher, codec, topicPrefix, pairs } = this.#options;
    const topic = topicName(topicPrefix, changesTopic('live'));
    await publisher.publish(Array.from({ length: count }, (_, index) => {
      const number = this.#sent + index;
      const change = told(pairs[number % pairs.length] as Pair, number, Math.floor(number / (pairs.length * 10)));
      return { topic, key: changeKey(change), value: codec.encode(change) };
    }));
    this.#sent += count;
  }

  async #untilBehind(limit: number): Promise<void> {
    await until('the events are reconciled', async () => this.#sent - ((await this.#consumed()) - (this.#consumedBefore ?? 0)) <= limit);
  }

  /** Includes what people's edits cause, which is little beside the rest. */
  async #consumed(): Promise<number> {
    const { rows } = await this.#options.service.pool.query<{ next: string | null }>("select sum(next_offset) as next from positions where topic like '%contact.changes.live'");
    return Number(rows[0]?.next ?? 0);
  }
}

/** Ten times the same revision, then the next one; the values are those that both sides agree on. */
function told({ bevatelId, externalId }: Pair, number: number, revision: number): ContactChange {
  const index = Number.parseInt(bevatelId.slice(-12), 16);
  const now = Date.now();
  return {
    changeId: `told-${number}`, tenantId: TENANT, side: 'bevatel', integrationId: null, recordId: bevatelId, kind: 'image', revision: String(2 + revision),
    image: {
      contact_first_name: 'Sara', contact_last_name: `Haddad ${index}`, phone_number: `+96650${String(index).padStart(7, '0')}`, email: `sara${index}@example.com`,
      company_name: `Najd ${index}`, language: null, 'custom.job_title': 'Owner', 'custom.city': 'Jeddah',
    },
    fieldTimes: {}, histories: {}, modifiedAt: now, observedFrom: now, observedTo: now, readById: false, capture: 'publish', references: { [INTEGRATION]: externalId }, mergedIds: [], mergedInto: null,
  };
}

async function residentMib(pid: number): Promise<number> {
  const seen: number[] = [];
  for (let look = 0; look < LOOKS; look += 1) {
    await sleep(LOOK_EVERY_MS);
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
    seen.push(Number(stdout) / 1_024);
  }
  return rounded(Math.min(...seen), 1);
}
