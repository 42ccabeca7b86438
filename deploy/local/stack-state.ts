/**
 * `state.json` in a stack's data folder: which supervisor serves it, with which processes and addresses.
 * It is written before and after each step, so that the next start can find what a crash left running.
 */
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
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
  const left: PartName[] = [];
  for (const part of PART_NAMES) {
    const pid = state.pids[part];
    if (pid === undefined || !(await runsFor(pid, dataDir))) continue;
    left.push(part);
    process.kill(pid, part === 'postgres' ? 'SIGINT' : 'SIGTERM');
    const deadline = performance.now() + REAP_LIMIT_MS;
    while (await runsFor(pid, dataDir) && performance.now() < deadline) await delay(50);
    if (await runsFor(pid, dataDir)) process.kill(pid, 'SIGKILL');
  }
  return left;
}

/** Is `pid` alive and does its command line or working folder name the data folder? Without /proc: alive. */
async function runsFor(pid: number, dataDir: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if ((await readdir('/proc').catch(() => [])).length === 0) return true;
  const [commandLine, environment] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
  ]);
  return commandLine.includes(dataDir) || environment.includes(`BEVATEL_STACK_DIR=${dataDir}\0`);
}
