/**
 * Starts an embedded stack under a supervisor of its own and hands out its addresses.
 * The servers outlive neither the supervisor's orderly end nor, in the `owned` mode, the calling process,
 * however that one ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { PartName } from './part.ts';
import { type Stack, StackUnavailable, type StackUrls } from './stack.ts';
import type { Order, Report, StackMode, SupervisorOptions, Timings } from './supervisor-protocol.ts';

/** The project's git-ignored folder for everything that the local stack keeps. */
export const LOCAL_DIR = resolve(import.meta.dirname, '..', '..', '.local');

/** kafkajs 2.2 makes Node 24 warn of a timer in the past, to no effect. */
const QUIET = '--disable-warning=TimeoutNegativeWarning';

export type EmbeddedStackOptions = {
  /** Default: `.local/stack`. One stack at a time per folder. */
  readonly dataDir?: string;
  /** Downloaded programs, shared by all stacks of the checkout. Default: `.local/artifacts`. */
  readonly artifactsDir?: string;
  readonly mode?: StackMode;
  /** The data folder is removed at the end. */
  readonly ephemeral?: boolean;
  readonly log?: (line: string) => void;
};

export type EmbeddedStack = Stack & {
  readonly kind: 'embedded';
  readonly timings: Timings;
  /** Ends one server (default: in good order; SIGKILL for a crash) and waits until it is gone. */
  stopPart(part: PartName, signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data, and waits until it answers. */
  startPart(part: PartName): Promise<void>;
};

/**
 * Resolves when every part answers.
 * @throws StackUnavailable when something is missing, a part does not start, or the folder is in use.
 */
export async function startEmbeddedStack(options: EmbeddedStackOptions = {}): Promise<EmbeddedStack> {
  const { dataDir = join(LOCAL_DIR, 'stack'), artifactsDir = join(LOCAL_DIR, 'artifacts'), mode = 'owned', ephemeral = false } = options;
  const supervisor = await spawnSupervisor({ dataDir: resolve(dataDir), artifactsDir: resolve(artifactsDir), mode, ephemeral });
  const { urls, timings } = await untilReady(supervisor, options.log ?? (() => undefined));
  letGo(supervisor, mode);
  return { kind: 'embedded', urls, timings, ...partOrders(supervisor), stop: () => stop(supervisor) };
}

async function spawnSupervisor(options: SupervisorOptions): Promise<ChildProcess> {
  await mkdir(join(options.dataDir, 'logs'), { recursive: true });
  const log = await open(join(options.dataDir, 'logs', 'supervisor.log'), 'a');
  // A process group of its own: Ctrl-C in the terminal reaches the owner, which then stops the stack in its order.
  const child = spawn(process.execPath, [QUIET, join(import.meta.dirname, 'supervisor.ts'), JSON.stringify(options)], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  await log.close();
  return child;
}

function untilReady(supervisor: ChildProcess, log: (line: string) => void): Promise<{ urls: StackUrls; timings: Timings }> {
  return new Promise((resolve, reject) => {
    const done = (act: () => void): void => {
      supervisor.off('message', hear).off('exit', gone);
      act();
    };
    const hear = (report: Report): void => {
      if (report.type === 'progress') log(report.line);
      if (report.type === 'failed') done(() => { reject(new StackUnavailable(report.message)); });
      if (report.type === 'ready') done(() => { resolve(report); });
    };
    const gone = (): void => { done(() => { reject(new StackUnavailable('the supervisor of the stack ended while it started; see logs/supervisor.log in its data folder')); }); };
    supervisor.on('message', hear).on('exit', gone);
  });
}

/** The calling process may end without waiting for the stack; a background stack is cut loose altogether. */
function letGo(supervisor: ChildProcess, mode: StackMode): void {
  supervisor.unref();
  if (mode === 'background') supervisor.disconnect();
  else supervisor.channel?.unref();
}

function partOrders(supervisor: ChildProcess): Pick<EmbeddedStack, 'stopPart' | 'startPart'> {
  let nextId = 0;
  const give = (order: (id: number) => Order): Promise<void> => new Promise((resolve, reject) => {
    nextId += 1;
    const id = nextId;
    const settle = (outcome: () => void): void => {
      supervisor.off('message', hear).off('exit', gone);
      supervisor.channel?.unref();
      outcome();
    };
    const gone = (): void => { settle(() => { reject(new Error('the stack has ended')); }); };
    const hear = (report: Report): void => {
      if (report.type === 'done' && report.id === id) settle(resolve);
      if (report.type === 'refused' && report.id === id) settle(() => { reject(new Error(report.message)); });
    };
    supervisor.on('message', hear).on('exit', gone);
    supervisor.channel?.ref();
    supervisor.send(order(id), (error) => { if (error !== null) gone(); });
  });
  return {
    stopPart: (part, signal) => give((id) => ({ type: 'stop-part', id, part, ...(signal === undefined ? {} : { signal }) })),
    startPart: (part) => give((id) => ({ type: 'start-part', id, part })),
  };
}

function stop(supervisor: ChildProcess): Promise<void> {
  if (supervisor.exitCode !== null || supervisor.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    supervisor.ref();
    supervisor.once('exit', () => { resolve(); });
    if (supervisor.connected) supervisor.send({ type: 'stop' } satisfies Order, () => undefined);
    else supervisor.kill('SIGTERM');
  });
}
