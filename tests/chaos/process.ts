/** The roles as processes of their own, as an installation runs them: `bevatel-sync run ROLE`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { freePorts } from '../../deploy/local/ports.ts';
import type { Flow } from '../flow/rig.ts';
import { SECRETS } from '../flow/rig.ts';

export type RoleName = 'capture' | 'reconcile' | 'deliver';
export const ROLE_NAMES: readonly RoleName[] = ['capture', 'reconcile', 'deliver'];

const ROOT = join(import.meta.dirname, '..', '..');
const COMMAND = join(ROOT, 'bin', 'bevatel-sync.js');
/** Short, so that what a killed delivery left behind is taken up within seconds. */
const DELIVERY = { DELIVER_CALL_MS: '3000', DELIVER_LEASE_MS: '8000' };
const LOG_LINES = 40;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class RoleProcess<N extends RoleName | 'operate' = RoleName> {
  readonly name: N;
  readonly url: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #log: string[] = [];
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

  /** Resolves when it says that it is ready. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', COMMAND, 'run', this.name], {
      cwd: ROOT, env: { ...process.env, NODE_OPTIONS: '', ...this.#env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
    });
    this.#child = child;
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
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    return { code: child.exitCode, signal: child.signalCode };
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

/** One process per role, none started; all are ended after the file. HubSpot's webhooks are aimed at capture. */
export async function roleProcesses(flow: Flow, env: Readonly<Record<string, string>> = {}): Promise<Readonly<Record<RoleName, RoleProcess>>> {
  const ports = await freePorts(ROLE_NAMES.length);
  const [capture = 0, reconcile = 0, deliver = 0] = ports;
  const { stack } = flow;
  const common = {
    KAFKA_BROKERS: stack.kafkaBrokers.join(','), SCHEMA_REGISTRY_URL: stack.schemaRegistryUrl, DATABASE_URL: stack.databaseUrl, REDIS_URL: stack.redisUrl,
    TOPIC_PREFIX: stack.topicPrefix, CAPTURE_PORT: String(capture), RECONCILE_PORT: String(reconcile), DELIVER_PORT: String(deliver),
    CAPTURE_PUBLIC_URL: `http://127.0.0.1:${capture}`, BEVATEL_CDC_URL: flow.bevatelDatabaseUrl, LOG_LEVEL: process.env['TEST_LOG'] ?? 'warn', ...SECRETS, ...DELIVERY, ...env,
  };
  const processes = {
    capture: new RoleProcess('capture', capture, common), reconcile: new RoleProcess('reconcile', reconcile, common), deliver: new RoleProcess('deliver', deliver, common),
  };
  afterAll(() => Promise.all(Object.values(processes).map((one) => one.end('SIGKILL'))));
  process.once('exit', () => { for (const one of Object.values(processes)) one.abandon(); });
  flow.hubspot.control.configureWebhooks({ targetUrl: `${processes.capture.url}/hooks/hubspot`, retryDelaysMs: [1_000, 2_000, 4_000] });
  return processes;
}
