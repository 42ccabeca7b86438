/**
 * Webhook delivery (fact sheet §4): arrays of up to 100 events, signed v3 and v1, five seconds to answer, retried on
 * anything but 2xx with a growing `attemptNumber`; may lose, double, delay and reorder when told to.
 */
import { Agent, request } from 'undici';
import { signV1, signV3, SIGNATURE_V3_HEADER, TIMESTAMP_HEADER } from '../signature.ts';
import type { ContactFact } from './model.ts';

export const MAX_EVENTS_PER_CALL = 100;
const unsubscribable = new Set(['hs_lastmodifieddate', 'num_unique_conversion_events']);

export interface WebhookSettings {
  /** Where calls go; null delivers nothing and forgets the events. */
  readonly targetUrl: string | null;
  /** The URL that is signed, if it is not `targetUrl` (a receiver behind a proxy). */
  readonly signedUrl: string | null;
  /** How long events gather before a call, in milliseconds. */
  readonly batchWindowMs: number;
  /** Shares of events that are lost or delivered twice, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** Extra time before each call. */
  readonly delayMs: number;
  /** Shuffles the events of a batch, and lets batches overtake each other. */
  readonly reorder: boolean;
  /** Waits before the second, third … attempt; when used up the batch is given up. */
  readonly retryDelaysMs: readonly number[];
  readonly timeoutMs: number;
  readonly maxConcurrentRequests: number;
  /** Subscribed properties; null subscribes all. */
  readonly properties: readonly string[] | null;
}

export const defaultWebhookSettings: WebhookSettings = {
  targetUrl: null, signedUrl: null, batchWindowMs: 5, loss: 0, duplication: 0, delayMs: 0, reorder: false,
  retryDelaysMs: [1_000, 5_000, 30_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000, 7_200_000],
  timeoutMs: 5_000, maxConcurrentRequests: 10, properties: null,
};

export interface WebhookCounts {
  readonly events: number;
  readonly calls: number;
  readonly delivered: number;
  readonly lost: number;
  readonly doubled: number;
  readonly failedCalls: number;
  readonly givenUp: number;
}

export interface WebhookSenderOptions {
  readonly secret: string;
  readonly portalId: number;
  readonly appId: number;
  readonly now: () => number;
  readonly random: () => number;
  readonly settings: WebhookSettings;
}

type WebhookEvent = Readonly<Record<string, unknown>>;

export class WebhookSender {
  readonly #options: WebhookSenderOptions;
  readonly #agent = new Agent({ connections: 16, pipelining: 1 });
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #counts = { events: 0, calls: 0, delivered: 0, lost: 0, doubled: 0, failedCalls: 0, givenUp: 0 };
  #settings: WebhookSettings;
  #gathered: WebhookEvent[] = [];
  #windowOpen = false;
  #nextEventId = 1;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #stopped = false;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  get settings(): WebhookSettings {
    return this.#settings;
  }

  configure(change: Partial<WebhookSettings>): void {
    this.#settings = { ...this.#settings, ...change };
  }

  counts(): WebhookCounts {
    return { ...this.#counts };
  }

  /** Whether nothing is gathered, waiting for a retry, or on its way. */
  get idle(): boolean {
    return this.#gathered.length === 0 && this.#timers.size === 0 && this.#running === 0;
  }

  publish(fact: ContactFact): void {
    const { targetUrl, loss, duplication, properties, batchWindowMs } = this.#settings;
    if (targetUrl === null || this.#stopped) return;
    if (fact.kind === 'changed' && (unsubscribable.has(fact.property) || (properties && !properties.includes(fact.property)))) return;
    this.#counts.events += 1;
    if (this.#options.random() < loss) {
      this.#counts.lost += 1;
      return;
    }
    const event = this.#event(fact);
    this.#gathered.push(event);
    if (this.#options.random() < duplication) {
      this.#counts.doubled += 1;
      this.#gathered.push(event);
    }
    if (this.#gathered.length >= MAX_EVENTS_PER_CALL) this.#flush();
    else if (!this.#windowOpen) {
      this.#windowOpen = true;
      this.#later(batchWindowMs, () => this.#flush());
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.#agent.destroy();
  }

  #flush(): void {
    this.#windowOpen = false;
    const { delayMs, reorder } = this.#settings;
    const events = this.#gathered;
    this.#gathered = [];
    if (reorder) shuffle(events, this.#options.random);
    for (let from = 0; from < events.length; from += MAX_EVENTS_PER_CALL) {
      const batch = events.slice(from, from + MAX_EVENTS_PER_CALL);
      const waitMs = reorder ? delayMs * 2 * this.#options.random() : delayMs;
      if (waitMs > 0) this.#later(waitMs, () => this.#send(batch, 0));
      else this.#send(batch, 0);
    }
  }

  #send(batch: readonly WebhookEvent[], attemptNumber: number): void {
    void this.#withSlot(async () => {
      if (await this.#post(batch.map((event) => ({ ...event, attemptNumber })))) {
        this.#counts.delivered += batch.length;
        return;
      }
      this.#counts.failedCalls += 1;
      const retryDelayMs = this.#settings.retryDelaysMs[attemptNumber];
      if (retryDelayMs === undefined) this.#counts.givenUp += batch.length;
      else this.#later(retryDelayMs, () => this.#send(batch, attemptNumber + 1));
    });
  }

  /** One call; true when it was answered with 2xx in time. */
  async #post(events: readonly WebhookEvent[]): Promise<boolean> {
    const { targetUrl, signedUrl, timeoutMs } = this.#settings;
    if (targetUrl === null || this.#stopped) return false;
    const body = Buffer.from(JSON.stringify(events));
    const timestampMs = this.#options.now();
    const { secret } = this.#options;
    this.#counts.calls += 1;
    try {
      const answer = await request(targetUrl, {
        method: 'POST', body, dispatcher: this.#agent, signal: AbortSignal.timeout(timeoutMs),
        headers: {
          'content-type': 'application/json',
          'user-agent': 'HubSpot Connect 2.0 (sandbox)',
          'x-hubspot-signature': signV1(secret, body),
          'x-hubspot-signature-version': 'v1',
          [SIGNATURE_V3_HEADER]: signV3({ secret, method: 'POST', url: signedUrl ?? targetUrl, body, timestampMs }),
          [TIMESTAMP_HEADER]: String(timestampMs),
        },
      });
      await answer.body.dump();
      return answer.statusCode >= 200 && answer.statusCode < 300;
    } catch {
      return false;
    }
  }

  async #withSlot(work: () => Promise<void>): Promise<void> {
    if (this.#running >= this.#settings.maxConcurrentRequests) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
    try {
      await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  #later(delayMs: number, work: () => void): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, delayMs);
    this.#timers.add(timer);
  }

  #event(fact: ContactFact): WebhookEvent {
    const { portalId, appId } = this.#options;
    const eventId = this.#nextEventId;
    this.#nextEventId += 1;
    const common = {
      eventId, subscriptionId: 1, portalId, appId, occurredAt: fact.atMs, attemptNumber: 0, objectTypeId: '0-1',
      objectId: Number(fact.id), changeSource: fact.actor.sourceType, sourceId: fact.actor.sourceId,
    };
    switch (fact.kind) {
      case 'changed':
        return { ...common, subscriptionType: 'contact.propertyChange', propertyName: fact.property, propertyValue: fact.value };
      case 'created':
        return { ...common, subscriptionType: 'contact.creation', changeFlag: 'CREATED' };
      case 'deleted':
        return { ...common, subscriptionType: 'contact.deletion', changeFlag: 'DELETED' };
      case 'restored':
        return { ...common, subscriptionType: 'contact.restore', changeFlag: 'RESTORED' };
      case 'erased':
        return { ...common, subscriptionType: 'contact.privacyDeletion' };
      case 'merged':
        return {
          ...common, subscriptionType: 'contact.merge', primaryObjectId: Number(fact.primaryId), mergedObjectIds: fact.mergedIds.map(Number),
          newObjectId: Number(fact.survivorId), numberOfPropertiesMoved: fact.movedProperties,
        };
    }
  }
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let index = items.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    const item = items[index] as T;
    items[index] = items[other] as T;
    items[other] = item;
  }
}
