/**
 * A Postgres to simulate on: the one that is given, or one of our own that is thrown away at the end. Each worker gets a
 * fresh database with all migrations; they are removed again in either case.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCAL_DIR } from '../deploy/local/embedded-stack.ts';
import { freePorts } from '../deploy/local/ports.ts';
import { postgresUrl, preparePostgres, withClient } from '../deploy/local/postgres.ts';
import { loadMigrations, migrate } from '../runtime/migrate.ts';

export interface Place {
  /** A fresh, migrated database; its address. */
  database(): Promise<string>;
  /** Removes everything that was made; may be called twice. */
  close(): Promise<void>;
}

const FOLDER = join(LOCAL_DIR, 'simulation');

/** `given`: an address at which databases may be made; without one a Postgres is started here. */
export async function openPlace(given: string | undefined): Promise<Place> {
  const own = given === undefined ? await startPostgres() : null;
  const server = given ?? own?.url ?? '';
  const id = `simulation_${randomBytes(4).toString('hex')}`;
  const made: string[] = [];
  const make = async (name: string, template: string): Promise<string> => {
    made.push(name);
    await withClient(server, (client) => client.query(`create database ${name} ${template}`));
    return addressOf(server, name);
  };
  const template = await make(id, '');
  await migrate({ databaseUrl: template, migrations: await loadMigrations() });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    if (own) return own.stop();
    await withClient(server, async (client) => { for (const name of made) await client.query(`drop database if exists ${name} with (force)`); });
  };
  return { database: () => make(`${id}_${made.length}`, `template ${id}`), close: () => (closing ??= close()) };
}

function addressOf(server: string, database: string): string {
  const address = new URL(server);
  address.pathname = `/${database}`;
  return address.href;
}

/** A server of our own, on data that need not survive anything. It ends with this process, or is ended by the next one. */
async function startPostgres(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  await removeLeftovers();
  const folder = join(FOLDER, randomBytes(4).toString('hex'));
  await mkdir(folder, { recursive: true });
  const [port = 0] = await freePorts(1);
  const { part, password } = await preparePostgres({ dataDir: join(folder, 'postgres'), logFile: join(folder, 'postgres.log'), port, throwaway: true });
  const stop = async (): Promise<void> => {
    await part.discard();
    await rm(folder, { recursive: true, force: true });
  };
  await part.start((pid) => writeFile(join(folder, 'pids'), `${process.pid} ${pid}`));
  return { url: postgresUrl(port, password), stop };
}

/** Servers and folders of runs that were killed. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(FOLDER).catch(() => [])) {
    const [owner = 0, server = 0] = (await readFile(join(FOLDER, name, 'pids'), 'utf8').catch(() => '')).split(' ').map(Number);
    if (owner === 0 || isRunning(owner)) continue;
    if (server > 0 && isRunning(server)) process.kill(server, 'SIGQUIT');
    await rm(join(FOLDER, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
