/**
 * The stack that stays up between commands: `bevatel-sync stack up|down|status|reset`.
 * Its state is the state file of its data folder; there is no other registration.
 */
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LOCAL_DIR, startEmbeddedStack } from './embedded-stack.ts';
import { describeCluster } from './kafka-admin.ts';
import type { PartName } from './part.ts';
import { askPostgres } from './postgres.ts';
import { pingRedis } from './redis.ts';
import { askRegistry } from './registry.ts';
import type { StackUrls } from './stack.ts';
import { isSupervised, readState, reapLeftovers } from './stack-state.ts';
import type { Timings } from './supervisor-protocol.ts';

export type BackgroundOptions = {
  /** Default: `.local/stack`. */
  readonly dataDir?: string;
  readonly artifactsDir?: string;
  readonly log?: (line: string) => void;
};

const STOP_LIMIT_MS = 60_000;

/** Starts the background stack, or finds it up already (then `timings` is absent). */
export async function bringUp(options: BackgroundOptions = {}): Promise<{ urls: StackUrls; timings?: Timings }> {
  const running = await findBackgroundStack(options.dataDir);
  if (running !== undefined) return { urls: running };
  const { urls, timings } = await startEmbeddedStack({ ...options, mode: 'background' });
  return { urls, timings };
}

/** Stops it and waits until it is gone. `false`: there was none. What a crash left running is ended too. */
export async function bringDown({ dataDir = join(LOCAL_DIR, 'stack') }: BackgroundOptions = {}): Promise<boolean> {
  const folder = resolve(dataDir);
  const state = await readState(folder);
  if (state === undefined) return false;
  if (!(await isSupervised(state, folder))) {
    await reapLeftovers(state, folder);
    await rm(join(folder, 'state.json'), { force: true });
    return false;
  }
  process.kill(state.supervisorPid, 'SIGTERM');
  const deadline = performance.now() + STOP_LIMIT_MS;
  while (await isSupervised(state, folder)) {
    if (performance.now() > deadline) throw new Error(`the supervisor of the stack (process ${state.supervisorPid}) did not end within ${STOP_LIMIT_MS / 1000} s`);
    await delay(50);
  }
  return true;
}

/** Stops it and removes its data; the downloaded programs stay. */
export async function resetStack({ dataDir = join(LOCAL_DIR, 'stack') }: BackgroundOptions = {}): Promise<void> {
  await bringDown({ dataDir });
  await rm(dataDir, { recursive: true, force: true });
}

/** The addresses of a background stack that is up. */
export async function findBackgroundStack(dataDir = join(LOCAL_DIR, 'stack')): Promise<StackUrls | undefined> {
  const folder = resolve(dataDir);
  const state = await readState(folder);
  if (state?.mode !== 'background' || !(await isSupervised(state, folder))) return undefined;
  return state.urls;
}

/** Asks each part a real question; the answer is the problem, or nothing when all is well. */
export async function checkParts(urls: StackUrls): Promise<Record<PartName, string | undefined>> {
  const [postgres, kafka, registry, redis] = await Promise.all([
    problemOf(askPostgres(urls.databaseUrl)),
    problemOf(describeCluster(urls.kafkaBrokers)),
    problemOf(askRegistry(urls.schemaRegistryUrl)),
    problemOf(pingRedis(urls.redisUrl)),
  ]);
  return { postgres, kafka, registry, redis };
}

function problemOf(question: Promise<void>): Promise<string | undefined> {
  return question.then(() => undefined, (error: unknown) => (error instanceof Error ? error.message : String(error)));
}
