/**
 * The real Postgres in simulated time: one connection for all simulated processes, so that each transaction is one step.
 *
 * A process reaches the database after a moment, in which it may die; what it sends is then run for real while time
 * stands still. Its commit is answered after another moment, in which it may die as well: what was committed stays.
 * Whoever dies within a transaction leaves nothing.
 */
import pg from 'pg';
import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg';
import { createPool } from '../../runtime/database.ts';
import type { Incarnation } from './incarnation.ts';
import type { RealIo } from './real-io.ts';

export class Database {
  readonly #pool: Pool;
  readonly #client: PoolClient;
  readonly #observer: PoolClient;
  readonly #io: RealIo;
  /** Every table whose rows belong to a tenant. */
  readonly tenantTables: readonly string[];
  readonly #waiting: (() => void)[] = [];
  #isTaken = false;

  private constructor(pool: Pool, [client, observer]: readonly [PoolClient, PoolClient], io: RealIo, tenantTables: readonly string[]) {
    this.tenantTables = tenantTables;
    this.#pool = pool;
    this.#client = client;
    this.#observer = observer;
    this.#io = io;
  }

  static async open(databaseUrl: string, io: RealIo): Promise<Database> {
    const pool = createPool({ databaseUrl, applicationName: 'simulation', max: 2, onError: () => undefined });
    const clients = [await pool.connect(), await pool.connect()] as const;
    // Nothing here need survive the server.
    for (const client of clients) await client.query('set synchronous_commit = off');
    const { rows } = await clients[1].query<{ name: string }>("select table_name as name from information_schema.columns where table_schema = 'public' and column_name = 'tenant_id' order by 1");
    return new Database(pool, clients, io, rows.map(({ name }) => name));
  }

  get client(): PoolClient {
    return this.#client;
  }

  async close(): Promise<void> {
    this.#client.release();
    this.#observer.release();
    await this.#pool.end();
  }

  /** A look or a deed of the simulation itself, outside of simulated time and beside the processes' connection. */
  async ask<R extends object>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.#observer.query(text, [...values])).rows as R[];
  }

  send(statement: QueryConfig): Promise<QueryResult> {
    return this.#io.track(this.#client.query(statement));
  }

  /** The connection, when it is free; in the order of asking. */
  take(): Promise<() => void> {
    let isFreed = false;
    const free = (): void => {
      if (isFreed) return;
      isFreed = true;
      this.#isTaken = false;
      this.#waiting.shift()?.();
    };
    return new Promise((resolve) => {
      const take = (): void => {
        this.#isTaken = true;
        resolve(free);
      };
      if (this.#isTaken) this.#waiting.push(take);
      else take();
    });
  }
}

/** What goes wrong between a process and the database; each is asked once per access. */
export interface DatabaseFaults {
  isDown(): boolean;
  /** A commit whose answer is lost: it is done, but the process hears of a broken connection. */
  losesAnswer(): boolean;
}

/** The pool of one process; everything of it that the product uses. */
export class GatedPool extends pg.Pool {
  readonly #database: Database;
  readonly #incarnation: Incarnation;
  readonly #faults: DatabaseFaults;

  constructor(database: Database, incarnation: Incarnation, faults: DatabaseFaults) {
    super();
    this.#database = database;
    this.#incarnation = incarnation;
    this.#faults = faults;
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: (error: Error | undefined, client: PoolClient | undefined, done: (release?: unknown) => void) => void): void;
  override connect(callback?: (error: Error | undefined, client: PoolClient | undefined, done: (release?: unknown) => void) => void): Promise<PoolClient> | void {
    const connected = this.#reach();
    if (!callback) return connected;
    connected.then((client) => callback(undefined, client, (release) => client.release(release === true)), (error: Error) => callback(error, undefined, () => undefined));
  }

  async #reach(): Promise<PoolClient> {
    const incarnation = this.#incarnation;
    await incarnation.passes('database', incarnation.random.int(0, 3), () => {
      if (this.#faults.isDown()) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    });
    const free = await this.#database.take();
    // While others were waited for the process may have died.
    if (incarnation.isAlive) return new Session(this.#database, incarnation, this.#faults, free).client;
    free();
    return new Promise(() => undefined);
  }
}

type Callback = (error: Error | null, result?: QueryResult) => void;

/** One use of the connection by one process: a single statement or a transaction. */
class Session {
  readonly client: PoolClient;
  readonly #database: Database;
  readonly #incarnation: Incarnation;
  readonly #faults: DatabaseFaults;
  readonly #stay: () => void;
  readonly #free: () => void;
  #isInTransaction = false;

  constructor(database: Database, incarnation: Incarnation, faults: DatabaseFaults, free: () => void) {
    this.#database = database;
    this.#incarnation = incarnation;
    this.#faults = faults;
    this.#free = free;
    this.#stay = incarnation.onLeaving(() => void this.#abandon());
    this.client = this.#gate(database.client);
  }

  /** The client with what the product calls of it replaced; its connection is the real one. */
  #gate(real: PoolClient): PoolClient {
    const gated = Object.create(real) as PoolClient;
    const listens = (): PoolClient => gated;
    const query = (statement: string | QueryConfig, values?: unknown[], callback?: Callback): Promise<QueryResult> => {
      const config: QueryConfig = typeof statement === 'string' ? { text: statement, ...(values ? { values } : {}) } : statement;
      const answer = this.#query(config);
      if (callback) answer.then((result) => callback(null, result), (error: Error) => callback(error));
      return answer;
    };
    Object.assign(gated, { query, release: () => this.#end(), on: listens, once: listens, off: listens, removeListener: listens });
    return gated;
  }

  async #query(statement: QueryConfig): Promise<QueryResult> {
    if (statement.text.startsWith('begin')) this.#isInTransaction = true;
    const isLast = !this.#isInTransaction || statement.text === 'commit';
    let outcome: () => QueryResult;
    try {
      const result = await this.#database.send(statement);
      outcome = () => result;
    } catch (error) {
      if (this.#isInTransaction && statement.text !== 'commit') throw error;
      outcome = () => { throw error; };
    }
    return isLast ? this.#answer(statement.text === 'commit', outcome) : outcome();
  }

  /** What was done is done, and the connection is free for others before the process hears of it. */
  #answer(isCommit: boolean, outcome: () => QueryResult): Promise<QueryResult> {
    const incarnation = this.#incarnation;
    this.#isInTransaction = false;
    this.#end();
    return incarnation.passes(isCommit ? 'commit' : 'database', incarnation.random.int(0, 2), () => {
      if (isCommit && this.#faults.losesAnswer()) throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
      return outcome();
    });
  }

  async #abandon(): Promise<void> {
    if (this.#isInTransaction) await this.#database.send({ text: 'rollback' });
    this.#isInTransaction = false;
    this.#free();
  }

  #end(): void {
    this.#stay();
    this.#free();
  }
}
