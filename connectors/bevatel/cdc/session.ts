/**
 * One replication connection: from its start at the confirmed position to its end.
 *
 * Uses `pg-logical-replication` with three of its habits turned round:
 *  - it would acknowledge what it received by a timer; here only what the caller acknowledged is confirmed;
 *  - its `acknowledge(lsn)` tells Postgres the byte after `lsn`, so it is given commit positions, never ends;
 *  - a message that cannot be parsed would be thrown into the socket; here it ends the session.
 *
 * Its flow control pauses the socket while a batch is with the caller and the queue is full. Status messages go out by
 * a timer of ours meanwhile, so Postgres does not take a slow caller for a dead one; each asks for an answer, so a dead
 * connection is noticed here too, and the slot moves on while other tables are written.
 */
import type { ClientConfig } from 'pg';
import type { Pgoutput } from 'pg-logical-replication';
import { LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication';

import { BatchQueue } from './batch-queue.ts';
import type { Lsn } from './lsn.ts';
import { LSN_ZERO, before, formatLsn, maxLsn, parseLsn } from './lsn.ts';
import type { CdcTable } from './publication.ts';
import type { CdcRow, RowEvent } from './row-event.ts';

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

type Received = Pgoutput.Message | { readonly tag: 'unreadable'; readonly error: unknown };

/** Counts at the receipt, since flow control handles messages later. */
class CountingPlugin extends PgoutputPlugin {
  received = 0;

  override parse(buffer: Buffer): Pgoutput.Message {
    this.received += 1;
    try {
      return super.parse(buffer);
    } catch (error) {
      const unreadable: Received = { tag: 'unreadable', error };
      return unreadable as unknown as Pgoutput.Message;
    }
  }
}

export class ReplicationSession {
  readonly #options: SessionOptions;
  readonly #service: LogicalReplicationService;
  readonly #plugin: CountingPlugin;
  readonly #queue: BatchQueue;
  #handled = 0;
  #confirmed: Lsn;
  #inTransaction = false;
  /** Set when a stop was asked for: what comes now is left to the next session. */
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
    this.#plugin = new CountingPlugin({ protoVersion: 1, publicationNames: [options.publication] });
    this.#service = new LogicalReplicationService(
      { ...options.client, keepAlive: true },
      { acknowledge: { auto: false, timeoutSeconds: 0 }, flowControl: { enabled: true } },
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
      if (this.#closing) return undefined;
      this.#handle(message);
      this.#handled += 1;
      return this.#queue.full ? this.#waitForRoom() : undefined;
    });
  }

  async #waitForRoom(): Promise<void> {
    await this.#queue.room();
    this.#heardAt = this.#options.clock();
  }

  #handle(message: Received): void {
    switch (message.tag) {
      case 'begin':
        this.#inTransaction = true;
        this.#commitTime = Number(message.commitTime) / 1_000;
        this.#commitLsn = formatLsn(parseLsn(message.commitLsn ?? '0/0'));
        return;
      case 'insert':
        return this.#push('insert', message.relation, null, message.new);
      case 'update':
        return this.#push('update', message.relation, message.old, message.new);
      case 'delete':
        return this.#push('delete', message.relation, message.old ?? message.key, null);
      case 'commit':
        this.#inTransaction = false;
        return this.#queue.commit(parseLsn(message.commitLsn ?? '0/0'));
      case 'unreadable':
        return this.#ended.reject(message.error);
      default: // relation, type, origin, truncate, message: nothing happens to a contact
        return undefined;
    }
  }

  #push(op: RowEvent['op'], relation: Pgoutput.MessageRelation, old: object | null, now: object | null): void {
    const { table } = this.#options;
    if (relation.name !== table.table || relation.schema !== table.schema) return;
    this.#queue.push({
      op,
      lsn: this.#commitLsn,
      commitTime: this.#commitTime,
      observedFrom: this.#heardAt,
      observedTo: this.#heardAt,
      old: old as CdcRow | null,
      new: now as CdcRow | null,
    });
  }

  /** What Postgres says it has sent is safe when everything received was handled and acknowledged. */
  #heartbeat(sent: Lsn, shouldRespond: boolean): void {
    this.#heardAt = this.#options.clock();
    this.#answered.resolve();
    this.#answered = Promise.withResolvers<void>();
    const caughtUp = this.#handled === this.#plugin.received && this.#queue.idle && !this.#inTransaction;
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
