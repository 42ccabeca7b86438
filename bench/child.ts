/** Processes of their own for what is measured: started, waited for, ended for certain. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '..');
const STOP_WITHIN_MS = 20_000;
const UNTIL_MS = 120_000;

export interface Child {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly said: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Runs a file of the project and resolves when it prints a line `{"ready":true,…}`. */
export async function startChild(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Child> {
  const child = spawn(process.execPath, [...process.execArgv, join(ROOT, file), ...args], {
    cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  const kill = (): void => { child.kill('SIGKILL'); };
  process.once('exit', kill);
  const ready = Promise.withResolvers<Record<string, unknown>>();
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const line = text.split('\n').find((one) => one.startsWith('{"ready":true') && one.endsWith('}'));
    if (line !== undefined) ready.resolve(JSON.parse(line) as Record<string, unknown>);
  });
  child.once('exit', (code) => ready.reject(new Error(`${file} ended with ${code} before it was ready`)));
  const said = await ready.promise;
  return {
    pid: child.pid ?? 0, said,
    stop: async () => {
      await end(child);
      process.off('exit', kill);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(late);
}

/** Looks every 50 ms; throws when it takes too long. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = UNTIL_MS): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs / 1_000} s: ${what}`);
    await sleep(50);
  }
}
