/**
 * The process above the servers of one embedded stack: starts them, says when they answer, and ends them
 * on an order, on SIGINT/SIGTERM, and when the process that owns the stack is gone (the IPC channel breaks).
 * Started by `embedded-stack.ts` with its options as the only argument.
 */
import { mkdir, rm } from 'node:fs/promises';
import { EmbeddedParts } from './embedded-parts.ts';
import type { Part, PartName } from './part.ts';
import { StackUnavailable } from './stack.ts';
import { isSupervised, readState, reapLeftovers, type StackState, writeState } from './stack-state.ts';
import type { Order, Report, SupervisorOptions } from './supervisor-protocol.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as SupervisorOptions;
const { dataDir, mode, ephemeral } = options;
const state: StackState = { mode, supervisorPid: process.pid, pids: {} };
let parts: EmbeddedParts | undefined;
let ending: Promise<void> | undefined;
let ready = false;
let written: Promise<void> = Promise.resolve();

process.on('SIGTERM', () => void end());
process.on('SIGINT', () => void end());
process.on('disconnect', () => { if (mode === 'owned' || !ready) void end(); });
process.on('message', (order: Order) => void obey(order));
await begin();

async function begin(): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await takeOver();
    parts = new EmbeddedParts({ ...options, log: (line) => { say({ type: 'progress', line }); }, started: remember });
    const { urls, timings } = await parts.start();
    state.urls = { ...urls, kafkaBrokers: [...urls.kafkaBrokers] };
    await record();
    ready = true;
    say({ type: 'ready', urls, timings });
  } catch (error) {
    if (ending !== undefined) return;
    say({ type: 'failed', message: error instanceof StackUnavailable ? error.message : String(error) });
    await end(1);
  }
}

/** One supervisor per folder. What a killed one left running is ended first. */
async function takeOver(): Promise<void> {
  const before = await readState(dataDir);
  if (before !== undefined && await isSupervised(before, dataDir)) {
    ending = Promise.resolve();
    say({ type: 'failed', message: `a stack already runs on ${dataDir} (process ${before.supervisorPid})` });
    process.exit(1);
  }
  const left = before === undefined ? [] : await reapLeftovers(before, dataDir);
  if (left.length > 0) say({ type: 'progress', line: `ended what a crash had left running: ${left.join(', ')}` });
  await record();
}

async function remember(part: PartName, pid: number): Promise<void> {
  state.pids[part] = pid;
  await record();
}

/** Writes the state as it is now; one writer at a time, because parts start at once. */
function record(): Promise<void> {
  written = written.then(() => writeState(dataDir, state));
  return written;
}

async function obey(order: Order): Promise<void> {
  if (order.type === 'stop') return end();
  try {
    const part = findPart(order.part);
    if (order.type === 'stop-part') await part.stop(order.signal);
    else await part.start((pid) => remember(part.name, pid));
    say({ type: 'done', id: order.id });
  } catch (error) {
    say({ type: 'refused', id: order.id, message: String(error) });
  }
}

function findPart(name: PartName): Part {
  const part = parts?.part(name);
  if (part === undefined) throw new Error(`${name} is not part of this stack`);
  return part;
}

function end(code = 0): Promise<void> {
  ending ??= (async () => {
    await parts?.stop({ discard: ephemeral });
    await rm(ephemeral ? dataDir : `${dataDir}/state.json`, { recursive: true, force: true });
    process.exit(code);
  })();
  return ending;
}

function say(report: Report): void {
  // The owner may be gone already; then nobody is left to hear it.
  if (process.connected) process.send?.(report, () => undefined);
}
