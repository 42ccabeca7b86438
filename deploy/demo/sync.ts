/**
 * The sync service as a user runs it: `bevatel-sync run all` as a process of its own, `bevatel-sync apply FILE`, and the
 * operator's API. Nothing is shared with it but the environment and the addresses.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocument } from 'yaml';
import { zStatus } from '../../schemas/api.ts';
import type { Status } from '../../schemas/api.ts';
import { zVerification } from '../../schemas/verification.ts';
import type { Certificate } from '../../schemas/verification.ts';
import { freePorts } from '../local/ports.ts';
import type { StackUrls } from '../local/stack.ts';
import { KEYS, SYNC_APP_ID, TENANT } from './sides.ts';
import type { Sides } from './sides.ts';

export const INTEGRATION = 'hubspot-demo';
const API_KEY = 'demo-operator-key';
const ROOT = join(import.meta.dirname, '..', '..');
const COMMAND = join(ROOT, 'bin', 'bevatel-sync.js');
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
const VERIFY_EVERY_MS = 200;
/** The integration file's default. Webhooks find what happens; a poll finds those that were lost. */
export const POLL_EVERY_MS = 30_000;

export interface SyncOptions {
  readonly urls: StackUrls;
  readonly databaseUrl: string;
  readonly topicPrefix: string;
  readonly sides: Sides;
  /** Where its log, its integration file and the user's environment file go. */
  readonly folder: string;
  /** Told as soon as there is a process to be stopped. */
  readonly onSpawn: (sync: Sync) => void;
}

export class Sync {
  readonly captureUrl: string;
  readonly operateUrl: string;
  readonly logFile: string;
  readonly integrationFile: string;
  /** `source` it, and the command line talks to this service. */
  readonly environmentFile: string;
  readonly #environment: Readonly<Record<string, string>>;
  #process: ChildProcess | null = null;

  private constructor(ports: readonly number[], options: SyncOptions) {
    const [operate = 0, capture = 0, reconcile = 0, deliver = 0] = ports;
    this.operateUrl = `http://127.0.0.1:${operate}`;
    this.captureUrl = `http://127.0.0.1:${capture}`;
    this.logFile = join(options.folder, 'service.log');
    this.integrationFile = join(options.folder, 'hubspot.yaml');
    this.environmentFile = join(options.folder, 'environment.sh');
    this.#environment = {
      KAFKA_BROKERS: options.urls.kafkaBrokers.join(','), SCHEMA_REGISTRY_URL: options.urls.schemaRegistryUrl, DATABASE_URL: options.databaseUrl,
      REDIS_URL: options.urls.redisUrl, TOPIC_PREFIX: options.topicPrefix,
      OPERATE_PORT: String(operate), CAPTURE_PORT: String(capture), RECONCILE_PORT: String(reconcile), DELIVER_PORT: String(deliver),
      CAPTURE_PUBLIC_URL: this.captureUrl, BEVATEL_CDC_URL: options.sides.bevatelDatabaseUrl,
      API_KEY, OPERATE_URL: this.operateUrl, LOG_LEVEL: 'info',
      HUBSPOT_TOKEN: KEYS.syncOnHubSpot, HUBSPOT_WEBHOOK_SECRET: KEYS.webhookSecret, BEVATEL_KEY: KEYS.syncOnBevatel,
    };
  }

  /** Starts the service and waits until it is ready; HubSpot's webhooks are then aimed at it. */
  static async start(options: SyncOptions): Promise<Sync> {
    await mkdir(options.folder, { recursive: true });
    const sync = new Sync(await freePorts(4), options);
    await sync.#writeFiles(options.sides);
    await sync.#spawn();
    options.onSpawn(sync);
    await sync.#untilReady();
    options.sides.hubspot.control.configureWebhooks({ targetUrl: `${sync.captureUrl}/hooks/hubspot` });
    return sync;
  }

  /** The very command that a user would give. */
  async apply(): Promise<void> {
    const child = spawn(process.execPath, [COMMAND, 'apply', this.integrationFile], { cwd: ROOT, env: { ...process.env, ...this.#environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    const said: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk));
    const [code] = await once(child, 'close') as [number | null];
    if (code !== 0) throw new Error(`bevatel-sync apply ended with ${code}: ${Buffer.concat(said).toString().trim()}`);
  }

  async status(): Promise<Status> {
    return zStatus.parse(await this.#call('GET', '/v1/status'));
  }

  /** Compares both sides; gives the certificate. */
  async verify(onProgress: (examined: number) => void): Promise<Certificate> {
    let run = zVerification.parse(await this.#call('POST', '/v1/verifications', { tenant: TENANT, integration: INTEGRATION, settleMs: 20_000 }));
    while (run.state === 'running') {
      await sleep(VERIFY_EVERY_MS);
      run = zVerification.parse(await this.#call('GET', `/v1/verifications/${run.id}`));
      onProgress(run.examined);
    }
    if (run.certificate === null) throw new Error(`verify failed: ${run.error?.code ?? ''} ${run.error?.message ?? ''}`);
    return run.certificate;
  }

  /** Sum of a counter over the series whose labels include all of `labels`; 0 when there is none. */
  async counter(url: string, name: string, labels: readonly string[]): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text();
    return text.split('\n').filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Ends the process in good order, and for certain. May be called twice. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === null || this.#hasEnded()) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await ended;
    clearTimeout(late);
  }

  async #writeFiles({ bevatel, hubspot }: Sides): Promise<void> {
    const file = parseDocument(await readFile(join(import.meta.dirname, 'hubspot.yaml'), 'utf8'));
    file.setIn(['connection', 'baseUrl'], hubspot.url);
    file.setIn(['connection', 'appId'], String(SYNC_APP_ID));
    file.setIn(['connection', 'callsPerTenSeconds'], 190);
    file.setIn(['bevatel', 'baseUrl'], bevatel.url);
    file.setIn(['poll', 'everyMs'], POLL_EVERY_MS);
    await writeFile(this.integrationFile, String(file));
    const lines = Object.entries(this.#environment).map(([name, value]) => `export ${name}='${value}'`);
    await writeFile(this.environmentFile, `${lines.join('\n')}\nexport STACK=given\n`, { mode: 0o600 });
  }

  /** A process group of its own: Ctrl-C in the terminal reaches the demo, which then stops everything in its order. */
  async #spawn(): Promise<void> {
    const log = await open(this.logFile, 'w');
    const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', COMMAND, 'run', 'all'], {
      cwd: ROOT, env: { ...process.env, ...this.#environment }, stdio: ['ignore', log.fd, log.fd], detached: true,
    });
    this.#process = child;
    process.once('exit', () => child.kill('SIGKILL'));
    await log.close();
  }

  #hasEnded(): boolean {
    return this.#process !== null && (this.#process.exitCode !== null || this.#process.signalCode !== null);
  }

  async #untilReady(): Promise<void> {
    const until = Date.now() + READY_WITHIN_MS;
    while (!(await isReady(this.operateUrl)) || !(await isReady(this.captureUrl))) {
      if (this.#hasEnded() || Date.now() > until) throw new Error(`the service did not start; its log is ${this.logFile}`);
      await sleep(50);
    }
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const headers = { authorization: `Bearer ${API_KEY}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await fetch(`${this.operateUrl}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }).catch((error: unknown) => {
      throw new Error(`the service ${this.#hasEnded() ? 'ended by itself' : 'does not answer'}; its log is ${this.logFile}`, { cause: error });
    });
    if (!answer.ok) throw new Error(`the operator's API answered ${answer.status} to ${method} ${path}`);
    return answer.json();
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health/ready`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
