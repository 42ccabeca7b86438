/**
 * PostgreSQL: one bounded pool per process, and transactions that are begun again when the database says that they
 * lost a race. Connection failures become SyncError `database_unavailable`.
 */
import pg from 'pg';
import type { Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { SyncError } from '../schemas/errors.ts';

export interface PoolOptions {
  readonly databaseUrl: string;
  readonly applicationName: string;
  /** Connections at most (default 12). */
  readonly max?: number;
  /** Longest run of one statement (ms, default 30,000). */
  readonly statementTimeoutMs?: number;
  /** Told of errors on idle connections; the pool replaces them by itself. */
  readonly onError: (error: Error) => void;
}

/**
 * Hot statements name the rows that they want by key. Planned once, and never by reading a whole table: on a young
 * table the statistics would have it so, and a plan made then would be kept while the table grows.
 */
const PLANNER = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off';

export function createPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.max ?? 12,
    connectionTimeoutMillis: 5_000,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    options: PLANNER,
    pipeline: true,
  });
  pool.on('error', options.onError);
  return pool;
}

const RACES_LOST: ReadonlySet<string> = new Set(['40P01', '40001']);
const MAX_ATTEMPTS = 8;
/** SQLSTATE classes and codes, and socket errors, that say that the server is not there for us now. */
const UNAVAILABLE = /^(08|57P0[123]$|53300$|ECONN|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$)/;

/**
 * Begins a transaction and marks it in the same message. `begin` is sent together with the first statement, which would
 * take effect by itself if `begin` alone failed: a statement for which that matters asks for IN_TRANSACTION.
 */
const BEGIN = "begin; set local bevatel_sync.transaction = 'open'";
export const IN_TRANSACTION = "current_setting('bevatel_sync.transaction', true) = 'open'";

/** One open transaction. What is sent in one turn of the event loop travels in one message (pipelining). */
export class Transaction {
  readonly #client: PoolClient;
  readonly #sent: Promise<unknown>[] = [];
  #isCorked = false;
  /** Of several statements only the first that fails tells why; those behind it fail because it did. */
  #failure: { readonly error: unknown } | undefined;

  constructor(client: PoolClient) {
    this.#client = client;
    this.#sent.push(this.#submit({ text: BEGIN }));
  }

  /** Sends a statement and gives its answer. */
  async query<R extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<R>> {
    try {
      return await this.#submit<R>(statement);
    } catch (error) {
      throw this.#failure?.error ?? error;
    }
  }

  /** Sends a statement whose answer nobody needs; if it fails, the commit does. */
  send(statement: QueryConfig): void {
    this.#sent.push(this.#submit(statement));
  }

  /** Rejects with what failed first. A commit that the server turned into a rollback is a failure. */
  async commit(): Promise<void> {
    const committed = this.#submit({ text: 'commit' });
    await Promise.allSettled([...this.#sent, committed]);
    if (this.#failure) throw this.#failure.error;
    const { command } = await committed;
    if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`);
  }

  async rollback(): Promise<void> {
    await this.#submit({ text: 'rollback' });
  }

  #submit<R extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<R>> {
    this.#cork();
    const answer = this.#client.query<R>(statement);
    answer.catch((error: unknown) => { this.#failure ??= { error }; });
    return answer;
  }

  #cork(): void {
    if (this.#isCorked) return;
    const { stream } = this.#client.connection;
    this.#isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }
}

/** Runs `work` in a transaction; a deadlock or serialisation failure restarts it, at most eight times. */
export async function inTransaction<T>(pool: Pool, work: (transaction: Transaction) => Promise<T> | T): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runOnce(pool, work);
    } catch (error) {
      if (!RACES_LOST.has(codeOf(error)) || attempt === MAX_ATTEMPTS) throw classified(error);
    }
  }
}

async function runOnce<T>(pool: Pool, work: (transaction: Transaction) => Promise<T> | T): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // An error on a checked-out connection is also thrown by its query; unheard it would end the process.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  const transaction = new Transaction(client);
  try {
    const result = await work(transaction);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback().catch((rollback: Error) => {
      broken = rollback;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What was thrown, or SyncError `database_unavailable` when the server was not there. */
export function classified(error: unknown): unknown {
  const isGone = UNAVAILABLE.test(codeOf(error)) || (error instanceof Error && /Connection terminated|timeout exceeded when trying to connect/.test(error.message));
  return isGone ? new SyncError('database_unavailable', 'PostgreSQL did not answer', { cause: error }) : error;
}
