/** The roles as processes of their own, as an installation runs them: `bevatel-sync run ROLE`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePorts } from '../../deploy/local/ports.ts';

export type RoleName = 'capture' | 'reconcile' | 'deliver';
export const ROLE_NAMES: readonly RoleName[] = ['capture', 'reconcile', 'deliver'];
export type RoleProcesses = Readonly<Record<RoleName, RoleProcess>>;

const ROOT = join(import.meta.dirname, '..', '..');
const COMMAND = join(ROOT, 'bin', 'bevatel-sync.js');
const LOG_LINES = 40;
const STOP_WITHIN_MS = 8_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class RoleProcess<N extends RoleName | 'operate' = RoleName> {
  readonly name: N;
  readonly url: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #log: string[] = [];
  readonly #abandon = (): void => this.abandon();
  #child: ChildProcess | undefined;

  constructor(name: N, port: number, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = env;
  }

  /** The last lines that it said. */
  get log(): string {
    return this.#log.join('\n');
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Resolves when it says that it is ready. It ends with this process at the latest. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', COMMAND, 'run', this.name], {
      cwd: ROOT, env: { ...process.env, NODE_OPTIONS: '', ...this.#env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
    });
    this.#child = child;
    process.off('exit', this.#abandon).once('exit', this.#abandon);
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#log.push(...text.split('\n').filter(Boolean));
        this.#log.splice(0, this.#log.length - LOG_LINES);
        if (text.includes('"ready":true')) resolve();
      });
    }
    await Promise.race([ready, once(child, 'exit').then(() => { throw new Error(`${this.name} ended while it started:\n${this.log}`); })]);
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    const child = this.#child;
    if (!child) return { code: null, signal: null };
    if (this.isRunning) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    process.off('exit', this.#abandon);
    return { code: child.exitCode, signal: child.signalCode };
  }

  /** As an operator ends it; with SIGKILL when that takes too long. */
  async stop(): Promise<void> {
    this.signal('SIGCONT');
    const late = setTimeout(() => this.abandon(), STOP_WITHIN_MS);
    await this.end('SIGTERM');
    clearTimeout(late);
  }

  /** Stops it as it is, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  /** Without waiting; for when this process ends. */
  abandon(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Whether anything runs that this process started; it leads a process group of its own. */
  hasLeftProcesses(): boolean {
    const pid = this.#child?.pid;
    if (pid === undefined) return false;
    try {
      return process.kill(-pid, 0);
    } catch {
      return false;
    }
  }
}

/** One process per role, none started. `env`: where everything is (see runtime/config.ts); the ports are chosen here. */
export async function roleProcesses(env: Readonly<Record<string, string>>): Promise<RoleProcesses> {
  const [capture = 0, reconcile = 0, deliver = 0] = await freePorts(ROLE_NAMES.length);
  const common = {
    LOG_LEVEL: process.env['TEST_LOG'] ?? 'warn', ...env,
    CAPTURE_PORT: String(capture), RECONCILE_PORT: String(reconcile), DELIVER_PORT: String(deliver), CAPTURE_PUBLIC_URL: `http://127.0.0.1:${capture}`,
  };
  return { capture: new RoleProcess('capture', capture, common), reconcile: new RoleProcess('reconcile', reconcile, common), deliver: new RoleProcess('deliver', deliver, common) };
}
