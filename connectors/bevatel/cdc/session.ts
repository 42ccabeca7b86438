/**
 * One replication connection: from its start at the confirmed position to its end.
 *
 * Uses `pg-logical-replication` with some of its habits turned round:
 *  - it would acknowledge what it received by a timer; here only what the caller acknowledged is confirmed;
 *  - its `acknowledge(lsn)` tells Postgres the byte after `lsn`, so it is given commit positions, never ends;
 *  - it would parse rows, and throw what it cannot parse into the socket; here plugin.ts does better;
 *  - its flow control waits for a promise per message; here the socket is paused while a batch is with the caller and
 *    the queue is full, so what is handed over is handled at once.
 *
 * Status messages go out by a timer of ours meanwhile, so Postgres does not take a slow caller for a dead one; each
 * asks for an answer, so a dead connection is noticed here too, and the slot moves on while other tables are written.
 */
import type { ClientConfig } from 'pg';
import { LogicalReplicationService } from 'pg-logical-replication';

import { BatchQueue } from './batch-queue.ts';
import type { Lsn } from './lsn.ts';
import { LSN_ZERO, before, formatLsn, maxLsn, parseLsn } from './lsn.ts';
import type { Received } from './plugin.ts';
import { RowPlugin } from './plugin.ts';
import type { CdcTable } from './publication.ts';
import type { RowEvent } from './row-event.ts';
import type { RowMessage } from './row-reader.ts';

export interface SessionOptions {
  readonly client: ClientConfig;
  readonly slot: string;
  readonly publication: string;
  readonly table: CdcTable;
  /** The slot's confirmed position, from `inspectSlot`. */
  readonly confirmed: Lsn;
  readonly maxBatchRows: number;
  /** How often Postgres is told what is confirmed; well below its `wal_sender_timeout`. */
  readonly statusIntervalMs: number;
  /** Without a word from Postgres for so long the connection is given up. */
  readonly silenceLimitMs: number;
  /** How long a stop waits for the batch that is with the caller. */
  readonly drainLimitMs: number;
  readonly clock: () => number;
  readonly onBatch: (events: readonly RowEvent[]) => Promise<void>;
  readonly onStarted: () => void;
}

export class ReplicationSession {
  readonly #options: SessionOptions;
  readonly #service: LogicalReplicationService;
  readonly #plugin: RowPlugin;
  readonly #queue: BatchQueue;
  #confirmed: Lsn;
  #inTransaction = false;
  /** Set when the session ends: what comes now is left to the next one. */
  #closing = false;
  #commitTime = 0;
  #commitLsn = '0/0';
  #heardAt: number;
  #ended = Promise.withResolvers<void>();
  #answered = Promise.withResolvers<void>();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#confirmed = before(options.confirmed);
    this.#heardAt = options.clock();
    this.#plugin = new RowPlugin(options.publication);
    this.#service = new LogicalReplicationService(
      { ...options.client, keepAlive: true },
      { acknowledge: { auto: false, timeoutSeconds: 0 } },
    );
    this.#queue = new BatchQueue({
      maxRows: options.maxBatchRows,
      deliver: options.onBatch,
      confirm: (commit) => this.#confirm(commit),
      fail: (error) => this.#ended.reject(error),
    });
    this.#listen();
  }

  /** Reads until the signal ends it (resolves, after the batch at hand) or something breaks (rejects). */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const stop = () => this.#ended.resolve();
    signal.addEventListener('abort', stop, { once: true });
    const status = setInterval(() => this.#reportStatus(), this.#options.statusIntervalMs);
    const subscription = this.#subscribe();
    const broken = await Promise.race([this.#ended.promise, subscription]).then(() => undefined, (error: unknown) => ({ error }));
    await this.#drain(subscription);
    clearInterval(status);
    signal.removeEventListener('abort', stop);
    this.#ended.promise.catch(() => undefined); // a second failure of a session that has ended
    await this.#service.destroy().catch(() => undefined);
    if (broken !== undefined) throw broken.error;
    if (!signal.aborted) throw new Error('Postgres ended the replication stream');
  }

  async #subscribe(): Promise<void> {
    await this.#service.subscribe(this.#plugin, this.#options.slot);
  }

  #listen(): void {
    this.#service.on('error', (error) => this.#ended.reject(error));
    this.#service.on('start', () => {
      this.#reportStatus();
      this.#options.onStarted();
    });
    this.#service.on('heartbeat', (lsn, _timestamp, shouldRespond) => this.#heartbeat(parseLsn(lsn), shouldRespond));
    this.#service.on('data', (_lsn, message: Received) => {
      this.#heardAt = this.#options.clock();
      if (this.#closing) return;
      this.#handle(message);
      if (this.#queue.full && !this.#plugin.isPaused) void this.#waitForRoom();
    });
  }

  /** What was received already still comes: at most the rest of one read of the socket. */
  async #waitForRoom(): Promise<void> {
    this.#plugin.pause();
    await this.#queue.room();
    this.#heardAt = this.#options.clock();
    this.#plugin.resume();
  }

  #handle(message: Received): void {
    switch (message.tag) {
      case 'begin':
        this.#inTransaction = true;
        this.#commitTime = Number(message.commitTime) / 1_000;
        this.#commitLsn = formatLsn(parseLsn(message.commitLsn ?? '0/0'));
        return;
      case 'insert':
      case 'update':
      case 'delete':
        return this.#push(message);
      case 'commit':
        this.#inTransaction = false;
        return this.#queue.commit(parseLsn(message.commitLsn ?? '0/0'));
      case 'unreadable': // its transaction must not be taken for a whole one
        this.#closing = true;
        return this.#ended.reject(message.error);
      default: // relation, type, origin, truncate, message: nothing happens to a contact
        return undefined;
    }
  }

  #push({ tag, relation, old, new: now }: RowMessage): void {
    const { table } = this.#options;
    if (relation.name !== table.table || relation.schema !== table.schema) return;
    this.#queue.push({ op: tag, lsn: this.#commitLsn, commitTime: this.#commitTime, observedFrom: this.#heardAt, observedTo: this.#heardAt, old, new: now });
  }

  /** What Postgres says it has sent is safe when everything received before was acknowledged. */
  #heartbeat(sent: Lsn, shouldRespond: boolean): void {
    this.#heardAt = this.#options.clock();
    this.#answered.resolve();
    this.#answered = Promise.withResolvers<void>();
    const caughtUp = this.#queue.idle && !this.#inTransaction;
    if (caughtUp && before(sent) > this.#confirmed) this.#confirm(before(sent));
    else if (shouldRespond) this.#tell(false);
  }

  #confirm(commit: Lsn): void {
    this.#confirmed = maxLsn(this.#confirmed, commit);
    this.#tell(false);
  }

  #reportStatus(): void {
    const silentMs = this.#options.clock() - this.#heardAt;
    if (silentMs > this.#options.silenceLimitMs && !this.#queue.full) {
      this.#ended.reject(new Error('Postgres is silent; the connection is given up'));
    }
    this.#tell(true);
  }

  #tell(ask: boolean): void {
    if (this.#service.isStop() || this.#confirmed === LSN_ZERO) return;
    this.#service.acknowledge(formatLsn(this.#confirmed), ask).catch((error: unknown) => this.#ended.reject(error));
  }

  /** Waits for the batch with the caller, then until Postgres has taken note of the last position, if it still can. */
  async #drain(subscription: Promise<void>): Promise<void> {
    this.#closing = true;
    this.#plugin.resume();
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, this.#options.drainLimitMs);
    const connectionLost = subscription.catch(() => undefined);
    await Promise.race([this.#queue.drained(), limit.promise]);
    if (!this.#service.isStop()) {
      const { promise } = this.#answered;
      this.#tell(true);
      await Promise.race([promise, connectionLost, limit.promise]);
    }
    clearTimeout(timer);
  }
}
