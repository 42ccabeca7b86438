/**
 * One server of the embedded stack as an operating-system process: started with its output in a log file,
 * ready when it answers a real request, stopped by signal.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StackUnavailable } from './stack.ts';

export const PART_NAMES = ['postgres', 'kafka', 'registry', 'redis'] as const;
export type PartName = (typeof PART_NAMES)[number];

export type PartSpec = {
  readonly name: PartName;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd: string;
  readonly logFile: string;
  /** Resolves when the part answers; rejects while it does not. Must end by itself within a few seconds. */
  readonly probe: () => Promise<void>;
  /** The signal that ends the part in good order. */
  readonly stopSignal: NodeJS.Signals;
  /** The signal that ends it at once, with its data about to be thrown away. */
  readonly discardSignal: NodeJS.Signals;
};

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 30_000;
const PROBE_PAUSE_MS = 40;
const LOG_TAIL_LINES = 6;

export class Part {
  readonly #spec: PartSpec;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(spec: PartSpec) {
    this.#spec = spec;
  }

  get name(): PartName { return this.#spec.name; }
  get pid(): number | undefined { return this.#child?.pid; }

  /** Starts the process; `started` is told its id at once, before it is ready. Resolves when it answers. */
  async start(started: (pid: number) => Promise<void>): Promise<void> {
    if (this.#child !== undefined) return;
    const log = await open(this.#spec.logFile, 'a');
    const child = this.#spawn(log.fd);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const end = (): void => { this.#child = undefined; resolve(); };
      child.once('exit', end);
      child.once('error', end);
    });
    await log.close();
    if (child.pid !== undefined) await started(child.pid);
    await this.#untilReady();
  }

  /** Ends the process and waits until it is gone; kills it when the signal had no effect in time. */
  async stop(signal: NodeJS.Signals = this.#spec.stopSignal): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async discard(): Promise<void> {
    await this.stop(this.#spec.discardSignal);
  }

  #spawn(logFd: number): ChildProcess {
    const { command, args, env, uid, gid, cwd } = this.#spec;
    return spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', logFd, logFd],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
  }

  async #untilReady(): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    let lastProblem: unknown;
    while (performance.now() < deadline) {
      if (this.#child === undefined) throw await this.#problem('ended while starting', lastProblem);
      try {
        await this.#spec.probe();
        return;
      } catch (error) {
        lastProblem = error;
        await delay(PROBE_PAUSE_MS);
      }
    }
    throw await this.#problem(`did not answer within ${START_LIMIT_MS / 1000} s`, lastProblem);
  }

  async #problem(what: string, cause: unknown): Promise<StackUnavailable> {
    const log = await readFile(this.#spec.logFile, 'utf8').catch(() => '');
    const tail = log.trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n  ');
    return new StackUnavailable(`${this.name} ${what}; end of ${this.#spec.logFile}:\n  ${tail}`, { cause });
  }
}
