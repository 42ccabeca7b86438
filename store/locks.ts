/**
 * Who does a job that only one process may do (a poll, a listing, the replication slot): whoever holds its advisory lock.
 *
 * All locks of a process are held by one connection of its own. When that connection is lost the database gives the
 * locks to others, so every job that was held is told at once to end. A job must stay harmless if it runs twice for a
 * moment all the same: its effects are fenced by compare-and-set (I7).
 */
import type { Pool, PoolClient } from 'pg';

export interface Held {
  /** Aborted when the lock is lost. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

export interface Locks {
  /** The lock, or null when another process (or this one) holds it. */
  tryHold(name: string): Promise<Held | null>;
  /** Releases everything; may be called twice. */
  close(): Promise<void>;
}

export function createLocks(pool: Pool): Locks {
  const held = new Map<string, AbortController>();
  /** Postgres grants a lock to its holder once more, so asking twice at a time is refused here. */
  const asking = new Set<string>();
  let connecting: Promise<PoolClient> | undefined;
  let closed = false;
  /** One question at a time: the connection is shared. */
  let asked: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = asked.then(work);
    asked = turn.catch(() => undefined);
    return turn;
  }

  function lose(client: PoolClient, error?: Error): void {
    connecting = undefined;
    for (const controller of held.values()) controller.abort();
    held.clear();
    client.release(error ?? true);
  }
  async function connect(): Promise<PoolClient> {
    const client = await pool.connect();
    client.once('error', (error) => lose(client, error));
    return client;
  }
  function connection(): Promise<PoolClient> {
    connecting ??= connect().catch((error: unknown) => {
      connecting = undefined;
      throw error;
    });
    return connecting;
  }
  async function release(name: string, controller: AbortController): Promise<void> {
    if (held.get(name) !== controller || !connecting) return;
    held.delete(name);
    const client = await connecting;
    await inTurn(() => client.query('select pg_advisory_unlock(hashtextextended($1, 1))', [name])).catch(() => undefined);
  }
  async function ask(name: string): Promise<Held | null> {
    const client = await connection();
    const { rows } = await inTurn(() => client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 1)) as locked', [name]));
    if (rows[0]?.locked !== true) return null;
    const controller = new AbortController();
    held.set(name, controller);
    return { signal: controller.signal, release: () => release(name, controller) };
  }
  return {
    tryHold: async (name) => {
      if (closed || held.has(name) || asking.has(name)) return null;
      asking.add(name);
      try {
        return await ask(name);
      } finally {
        asking.delete(name);
      }
    },
    close: async () => {
      closed = true;
      if (!connecting) return;
      const client = await connecting.catch(() => undefined);
      connecting = undefined;
      for (const controller of held.values()) controller.abort();
      held.clear();
      client?.release(true);
    },
  };
}
