/** `bevatel-sync run`: the service as a process of its own, each role's health, an edit both ways, a stop that drains. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createSandboxDatabase } from '../connectors/bevatel/sandbox/database.ts';
import { startBevatelSandbox } from '../connectors/bevatel/sandbox/server.ts';
import type { BevatelSandbox } from '../connectors/bevatel/sandbox/server.ts';
import { startHubSpotSandbox } from '../connectors/hubspot/sandbox/start.ts';
import type { HubSpotSandbox } from '../connectors/hubspot/sandbox/start.ts';
import { isolatedStack } from '../tests/stack/fixture.ts';

const stack = await isolatedStack('run-all');
const COMMAND = join(import.meta.dirname, '..', 'bin', 'bevatel-sync.js');
const KEYS = { API_KEY: 'operator-key-for-tests', HUBSPOT_TOKEN: 'pat-na1-sandbox', BEVATEL_KEY: 'bevatel-key-of-acme' };
let hubspot: HubSpotSandbox;
let bevatel: BevatelSandbox;
let environment: Record<string, string> = {};
let folder = '';
const running: ChildProcess[] = [];

beforeAll(async () => {
  hubspot = await startHubSpotSandbox({ uniqueProperties: ['bevatel_contact_id'], indexLagMs: 0 });
  const bevatelUrl = await createSandboxDatabase(stack.databaseUrl, `${new URL(stack.databaseUrl).pathname.slice(1)}_bev`);
  bevatel = await startBevatelSandbox({ databaseUrl: bevatelUrl, keys: [{ key: KEYS.BEVATEL_KEY, tenantId: 'acme', name: 'bevatel-sync' }] });
  folder = await mkdtemp(join(tmpdir(), 'bevatel-sync-run-'));
  environment = {
    PATH: process.env['PATH'] ?? '', KAFKA_BROKERS: stack.kafkaBrokers.join(','), SCHEMA_REGISTRY_URL: stack.schemaRegistryUrl, DATABASE_URL: stack.databaseUrl, REDIS_URL: stack.redisUrl,
    TOPIC_PREFIX: stack.topicPrefix, CAPTURE_PORT: '0', RECONCILE_PORT: '0', DELIVER_PORT: '0', OPERATE_PORT: '0', BEVATEL_CDC_URL: bevatelUrl, LOG_LEVEL: 'warn', ...KEYS,
  };
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await bevatel.stop();
  await hubspot.stop();
  await rm(folder, { recursive: true });
});

type Urls = Readonly<Record<'capture' | 'reconcile' | 'deliver' | 'operate', string>>;

/** Starts the roles; gives where they listen, as the service prints it. */
async function run(...roles: readonly string[]): Promise<{ child: ChildProcess; urls: Urls; said: () => string }> {
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', COMMAND, 'run', ...roles], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let said = '';
  const ready = new Promise<Urls>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const line = said.split('\n').find((one) => one.startsWith('{"ready":true'));
      if (line) resolve(JSON.parse(line) as Urls);
    });
    child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString(); });
    child.once('exit', (code) => { reject(new Error(`ended with ${code}: ${said}`)); });
  });
  return { child, urls: await ready, said: () => said };
}

async function apply(): Promise<void> {
  const file = join(folder, 'integration.yaml');
  await writeFile(file, stringify({
    integration: 'crm', tenant: 'acme', system: 'hubspot', connection: { baseUrl: hubspot.url, tokenEnv: 'HUBSPOT_TOKEN', callsPerTenSeconds: 100_000, searchesPerSecond: 1_000 },
    bevatel: { baseUrl: bevatel.url, keyEnv: 'BEVATEL_KEY' }, poll: { everyMs: 100 }, match: ['email'],
    fields: [{ bevatel: 'contact_first_name', external: 'firstname' }, { bevatel: 'company_name', external: 'company' }, { bevatel: 'email', external: 'email', lens: 'email' }],
  }));
  const child = spawn(process.execPath, [COMMAND, 'apply', file], { env: environment, stdio: 'ignore' });
  const [code] = await once(child, 'exit') as [number];
  expect(code).toBe(0);
}

async function stop(child: ChildProcess): Promise<number | null> {
  const ended = once(child, 'exit') as Promise<[number | null]>;
  child.kill('SIGTERM');
  return (await ended)[0];
}

async function until(condition: () => unknown, what: string): Promise<void> {
  for (const end = Date.now() + 30_000; Date.now() < end;) {
    if (await condition()) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error(`waited in vain: ${what}`);
}

describe('run', () => {
  it('all: an edit goes both ways, each role answers for itself, and SIGTERM ends with 0', async () => {
    const [noura = ''] = await bevatel.control.seed('acme', [{ fields: { contact_first_name: 'Noura', email: 'noura@example.com', company_name: 'ACME' } }]);
    hubspot.control.seed([{ firstname: 'Sami', email: 'sami@example.com' }]);
    const { child, urls, said } = await run('all');
    expect(Object.keys(urls).sort()).toEqual(['capture', 'deliver', 'operate', 'ready', 'reconcile']);
    for (const role of ['capture', 'reconcile', 'deliver', 'operate'] as const) {
      expect((await fetch(`${urls[role]}/health/live`)).status, role).toBe(200);
      expect((await fetch(`${urls[role]}/health/ready`)).status, role).toBe(200);
      expect(await (await fetch(`${urls[role]}/metrics`)).text(), role).toContain('process_cpu');
    }
    await apply();
    await until(() => hubspot.control.findBy('email', 'noura@example.com'), 'created in HubSpot');
    await until(async () => (await bevatel.control.sql("select from contacts where email = 'sami@example.com'")).length === 1, 'created in Bevatel');
    const partner = hubspot.control.findBy('email', 'noura@example.com');
    hubspot.control.edit(partner?.id ?? '', { company: 'From HubSpot' });
    await until(async () => (await bevatel.control.sql<{ company_name: string }>('select company_name from contacts where id = $1', [noura]))[0]?.company_name === 'From HubSpot', 'an edit in HubSpot in Bevatel');
    await bevatel.control.sql("update contacts set company_name = 'From Bevatel' where id = $1", [noura]);
    await until(() => hubspot.control.contact(partner?.id ?? '')?.properties['company'] === 'From Bevatel', 'an edit in Bevatel in HubSpot');
    const verify = await fetch(`${urls.operate}/v1/verifications`, { method: 'POST', headers: { authorization: `Bearer ${KEYS.API_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ tenant: 'acme', integration: 'crm' }) });
    const { id } = await verify.json() as { id: string };
    let certificate: { ok: boolean; pairs: number; equal: number } | null = null;
    await until(async () => {
      const run = await (await fetch(`${urls.operate}/v1/verifications/${id}`, { headers: { authorization: `Bearer ${KEYS.API_KEY}` } })).json() as { certificate: typeof certificate };
      certificate = run.certificate;
      return certificate;
    }, 'a certificate');
    expect(certificate, said()).toMatchObject({ ok: true, pairs: 2, equal: 2 });
    expect(await stop(child), said()).toBe(0);
  });

  it('one role alone, and again over the same database: migrations run once', async () => {
    const [first, second] = await Promise.all([run('operate'), run('operate', 'reconcile')]);
    expect(Object.keys(first.urls)).toEqual(['ready', 'operate']);
    expect(Object.keys(second.urls).sort()).toEqual(['operate', 'ready', 'reconcile']);
    expect(await Promise.all([stop(first.child), stop(second.child)])).toEqual([0, 0]);
  });
});
