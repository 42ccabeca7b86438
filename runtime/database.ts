/**
 * PostgreSQL: one bounded pool per process, and transactions that are begun again when the database says that they
 * lost a race. Connection failures become SyncError `database_unavailable`.
 */
import pg from 'pg';
import type { Pool, PoolClient } from 'pg';
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

export function createPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.max ?? 12,
    connectionTimeoutMillis: 5_000,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
  });
  pool.on('error', options.onError);
  return pool;
}

const RACES_LOST: ReadonlySet<string> = new Set(['40P01', '40001']);
const MAX_ATTEMPTS = 8;
/** SQLSTATE classes and codes, and socket errors, that say that the server is not there for us now. */
const UNAVAILABLE = /^(08|57P0[123]$|53300$|ECONN|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$)/;

/** Runs `work` in a transaction; a deadlock or serialisation failure restarts it, at most eight times. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runOnce(pool, work);
    } catch (error) {
      if (!RACES_LOST.has(codeOf(error)) || attempt === MAX_ATTEMPTS) throw classified(error);
    }
  }
}

async function runOnce<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // An error on a checked-out connection is also thrown by its query; unheard it would end the process.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((rollback: Error) => {
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
