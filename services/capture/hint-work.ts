/**
 * What can become of hints, each effect on its own: dropped, read and published, parked, buried as a dead letter. All
 * of them end by calling the hints done; those that need Kafka or the database wait for it for as long as it takes.
 */
import type { Pool } from 'pg';
import type { Codec } from '../../runtime/codec.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { ContactChange, ContactHint } from '../../schemas/change.ts';
import type { SyncError } from '../../schemas/errors.ts';
import { HINTS_TOPIC, hintKey, topicName } from '../../schemas/topics.ts';
import type { Lane } from '../../schemas/value.ts';
import { isCreatingExternal, readHintFacts } from '../../store/hint-facts.ts';
import type { HintFacts } from '../../store/hint-facts.ts';
import type { IntegrationKey } from '../../store/integrations.ts';
import { insertDeadLetters } from '../../store/quarantine.ts';
import { parkHints } from '../../store/waiting-hints.ts';
import { changeOfErasure } from './change-of-record.ts';
import type { LiveIntegration } from './integration-set.ts';
import { integrationKeyOf } from '../../store/watch-integrations.ts';
import type { CaptureMetrics } from './metrics.ts';
import { createPatience } from './patience.ts';
import type { Patience } from './patience.ts';
import type { PublishChanges } from './publish-changes.ts';
import { readRecords } from './read-records.ts';
import type { ReadRecords, ReadRequest } from './read-records.ts';
import type { Report } from './report.ts';
import type { TrackedHint } from './record-reader.ts';

export interface HintWorkOptions {
  readonly pool: Pool;
  readonly codec: Codec<ContactHint>;
  readonly topicPrefix: string;
  readonly publishChanges: PublishChanges;
  readonly metrics: CaptureMetrics;
  readonly report: Report;
  readonly readTimeoutMs: number;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly random: () => number;
  readonly sleep: Sleep;
  /** Ends every wait; what is then undone comes again. */
  readonly signal: AbortSignal;
}

const RETRY_MS = { firstMs: 500, lastMs: 60_000 };
const OWN_RETRY_MS = 500;

export class HintWork {
  readonly #options: HintWorkOptions;
  readonly #patience = new Map<string, Patience>();

  constructor(options: HintWorkOptions) {
    this.#options = options;
  }

  finish(hints: readonly TrackedHint[], outcome: string): void {
    this.#options.metrics.hints.inc({ outcome }, hints.length);
    for (const hint of hints) hint.done();
  }

  drop(hints: readonly TrackedHint[], reason: string): void {
    this.finish(hints, reason);
  }

  /** The links of external records, and of the Bevatel contacts that notifications of the reference name. */
  async factsOf(integration: LiveIntegration, hints: readonly ContactHint[]): Promise<readonly HintFacts[]> {
    const external = hints.filter(({ side }) => side === 'external');
    if (external.length === 0) return [];
    const { referenceProperty } = integration.stored.config.connection;
    const partners = external.flatMap(({ field, value }) => (field === referenceProperty && value !== null ? [value] : []));
    const ids = [...new Set(external.map(({ recordId }) => recordId))];
    return (await this.#insist('facts', () => readHintFacts(this.#options.pool, integration, ids, [...new Set(partners)]))) ?? [];
  }

  /** Whether a record without a link may be the result of a creation of ours whose answer is not recorded yet. */
  async isCreating(integration: LiveIntegration): Promise<boolean> {
    return (await this.#insist('facts', () => isCreatingExternal(this.#options.pool, integration, this.#options.clock()))) ?? false;
  }

  read(request: ReadRequest): Promise<ReadRecords> {
    return readRecords({ ...this.#options, timeoutMs: this.#options.readTimeoutMs }, request);
  }

  async publish(changes: readonly ContactChange[], lane: Lane): Promise<void> {
    await this.#insist('publish', () => this.#options.publishChanges(changes, lane));
  }

  /** Publishes privacy deletions at once. */
  async erase(integration: LiveIntegration, hints: readonly TrackedHint[]): Promise<void> {
    if (hints.length === 0) return;
    const { clock, newId } = this.#options;
    const ids = new Set(hints.map(({ hint }) => `${hint.side}/${hint.recordId}`));
    const changes = [...ids].map((id) => {
      const side = id.startsWith('bevatel/') ? ('bevatel' as const) : ('external' as const);
      const now = clock();
      return changeOfErasure(id.slice(id.indexOf('/') + 1), {
        changeId: newId(), tenantId: integration.tenantId, integrationId: integration.integrationId, side, capture: 'read', readById: false, observedFrom: now, observedTo: now,
      });
    });
    await this.publish(changes, 'live');
    if (!this.#options.signal.aborted) this.finish(hints, 'erased');
  }

  /** Keeps the newest hint of each record for later. */
  async park(records: readonly (readonly TrackedHint[])[]): Promise<void> {
    const { pool, clock } = this.#options;
    const newest = records.flatMap((hints) => {
      const last = hints.at(-1)?.hint;
      const mergedInto = hints.findLast(({ hint }) => hint.mergedInto !== null)?.hint.mergedInto ?? null;
      return last ? [{ ...last, mergedInto }] : [];
    });
    await this.#insist('park', () => parkHints(pool, newest, clock(), clock()));
    if (!this.#options.signal.aborted) this.finish(records.flat(), 'parked');
  }

  async bury(hints: readonly TrackedHint[], error: SyncError): Promise<void> {
    const { pool, clock, newId } = this.#options;
    const letters = hints.map(({ hint, topic, partition, offset, key, bytes }) => ({
      deadLetterId: newId(), tenantId: hint.tenantId, integrationId: hint.integrationId, side: hint.side, recordId: hint.recordId,
      code: error.code, detail: error.message, stage: 'capture' as const, topic, partition, offset: String(offset), key, bytes, deadAt: clock(),
    }));
    await this.#insist('bury', () => inTransaction(pool, (transaction) => insertDeadLetters(transaction, letters)));
    this.#options.report.failed('hints', hints[0]?.hint ?? null, error);
    if (!this.#options.signal.aborted) this.finish(hints, 'dead');
  }

  /** Bytes that are no hint; the partition goes on (I8). */
  async buryBytes(at: Pick<TrackedHint, 'topic' | 'partition' | 'offset' | 'key'>, bytes: Buffer, error: SyncError): Promise<void> {
    const { clock, newId, pool } = this.#options;
    const letter = {
      deadLetterId: newId(), tenantId: null, integrationId: null, side: null, recordId: null, code: error.code, detail: error.message, stage: 'capture' as const,
      topic: at.topic, partition: at.partition, offset: String(at.offset), key: at.key, bytes, deadAt: clock(),
    };
    await inTransaction(pool, (transaction) => insertDeadLetters(transaction, [letter]));
    this.#options.metrics.hints.inc({ outcome: 'dead' });
    this.#options.report.failed('hints', null, error);
  }

  /** A hint that was parked, as if it came from the log; for dead letters. */
  tracked(hint: ContactHint): TrackedHint {
    const { topicPrefix, codec } = this.#options;
    return {
      hint, key: Buffer.from(hintKey(hint)), bytes: codec.encode(hint), topic: topicName(topicPrefix, HINTS_TOPIC), partition: -1, offset: -1n, done: () => undefined,
    };
  }

  /** Notes a failed read of an integration; gives the time (our clock) before which it is not tried again. */
  waitAfter(integration: IntegrationKey, error: unknown): number {
    const { clock, random, report } = this.#options;
    const key = integrationKeyOf(integration);
    const patience = this.#patience.get(key) ?? createPatience({ ...RETRY_MS, random });
    this.#patience.set(key, patience);
    const waitMs = patience.after(error);
    report.failed('read', integration, error, waitMs);
    return clock() + waitMs;
  }

  /** Notes that the system answered. */
  succeeded(integration: IntegrationKey): void {
    this.#patience.delete(integrationKeyOf(integration));
    this.#options.report.succeeded(integration);
  }

  /** Repeats what needs our own side until it succeeds or the service stops; undefined when it stopped. */
  async #insist<T>(part: string, work: () => Promise<T>): Promise<T | undefined> {
    const { signal, sleep, report } = this.#options;
    while (!signal.aborted) {
      try {
        return await work();
      } catch (error) {
        report.failed(part, null, error, OWN_RETRY_MS);
        await sleep(OWN_RETRY_MS, signal);
      }
    }
    return undefined;
  }
}
