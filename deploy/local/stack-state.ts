/**
 * `state.json` in a stack's data folder: which supervisor serves it, with which processes and addresses.
 * It is written before and after each step, so that the next start can find what a crash left running.
 */
import { readFile, readdir, readlink, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { PART_NAMES, type PartName } from './part.ts';

const stackStateSchema = z.object({
  mode: z.enum(['owned', 'background']),
  supervisorPid: z.int(),
  pids: z.partialRecord(z.enum(PART_NAMES), z.int()),
  /** Present once the stack is ready. */
  urls: z.object({
    kafkaBrokers: z.array(z.string()), schemaRegistryUrl: z.string(), databaseUrl: z.string(), redisUrl: z.string(),
  }).optional(),
});
export type StackState = z.infer<typeof stackStateSchema>;

const REAP_LIMIT_MS = 10_000;

export async function readState(dataDir: string): Promise<StackState | undefined> {
  const text = await readFile(join(dataDir, 'state.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = stackStateSchema.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
}

/** Readable by the owner alone: the addresses carry the database's password. */
export async function writeState(dataDir: string, state: StackState): Promise<void> {
  const file = join(dataDir, 'state.json');
  await writeFile(`${file}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** True when the state's supervisor is alive and is the supervisor of this very folder. */
export function isSupervised(state: StackState, dataDir: string): Promise<boolean> {
  return runsFor(state.supervisorPid, dataDir);
}

/** Ends the parts that a supervisor which was killed left behind. A process id that now is something else is left alone. */
export async function reapLeftovers(state: StackState, dataDir: string): Promise<PartName[]> {
  const reaped = await Promise.all(PART_NAMES.map(async (part) => {
    const pid = state.pids[part];
    return pid !== undefined && await reap(pid, part === 'postgres' ? 'SIGINT' : 'SIGTERM', dataDir) ? [part] : [];
  }));
  return reaped.flat();
}

async function reap(pid: number, signal: NodeJS.Signals, dataDir: string): Promise<boolean> {
  if (!(await runsFor(pid, dataDir))) return false;
  process.kill(pid, signal);
  const deadline = performance.now() + REAP_LIMIT_MS;
  while (await runsFor(pid, dataDir)) {
    if (performance.now() > deadline) process.kill(pid, 'SIGKILL');
    await delay(50);
  }
  return true;
}

/**
 * Is `pid` alive and does its command line or working folder name the data folder? (Redis and Postgres write
 * their own title over the command line, but work in their folder.) Without /proc: alive.
 */
async function runsFor(pid: number, dataDir: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if ((await readdir('/proc').catch(() => [])).length === 0) return true;
  const [commandLine, workingFolder] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
  ]);
  return commandLine.includes(dataDir) || workingFolder.startsWith(dataDir);
}
