/** These tests start, end and kill stacks of their own, each in a folder that is removed afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { Kafka, logLevel } from 'kafkajs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { bringDown, bringUp, checkParts, findBackgroundStack, resetStack } from './background-stack.ts';
import { openStack } from './choose-stack.ts';
import { LOCAL_DIR, startEmbeddedStack } from './embedded-stack.ts';
import { PART_NAMES } from './part.ts';
import { askPostgres, withClient } from './postgres.ts';
import { type StackState, readState } from './stack-state.ts';
import type { StackUrls } from './stack.ts';

const LIMIT_MS = 240_000;
const SCHEMA = { type: SchemaType.AVRO, schema: JSON.stringify({ type: 'record', name: 'Greeting', namespace: 'test', fields: [{ name: 'text', type: 'string' }] }) } as const;
const ALL_ANSWER = { postgres: undefined, kafka: undefined, registry: undefined, redis: undefined };

let dataDir = '';
beforeAll(async () => { dataDir = await mkdtemp(join(LOCAL_DIR, 'stack-test-')); });
afterAll(async () => {
  await bringDown({ dataDir });
  await rm(dataDir, { recursive: true, force: true });
});

describe('a stack and its data', () => {
  it('records written before `stack down` decode after `stack up`, which downloads and initialises nothing', { timeout: LIMIT_MS }, async () => {
    const first = await bringUp({ dataDir });
    expect(first.timings).toMatchObject({ warm: false });
    const written = await produceGreeting(first.urls, 'مرحبا');
    await produceGreeting(first.urls, 'second schema', 'Other');
    expect(await bringDown({ dataDir })).toBe(true);
    expect(await findBackgroundStack(dataDir)).toBeUndefined();

    const second = await bringUp({ dataDir });
    expect(second.timings).toMatchObject({ warm: true });
    expect(await checkParts(second.urls)).toEqual(ALL_ANSWER);
    const bytes = await readFirst(second.urls, 'greetings');
    expect(bytes).toEqual(written);
    expect(await new SchemaRegistry({ host: second.urls.schemaRegistryUrl }).decode(bytes)).toEqual({ text: 'مرحبا' });
    expect(await bringUp({ dataDir })).toEqual({ urls: second.urls });
  });

  it('Postgres can replicate logically, with room for many slots and connections', { timeout: LIMIT_MS }, async () => {
    const { urls } = await bringUp({ dataDir });
    const { rows } = await withClient(urls.databaseUrl, (client) => client.query<{ name: string; setting: string }>(
      "SELECT name, setting FROM pg_settings WHERE name IN ('wal_level', 'max_replication_slots', 'max_wal_senders', 'max_connections')"));
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      wal_level: 'logical', max_replication_slots: '64', max_wal_senders: '64', max_connections: '300',
    });
  });

  it('a stack that is up is used by others and left running by them; a DATABASE_URL alone is not used', { timeout: LIMIT_MS }, async () => {
    const { urls } = await bringUp({ dataDir });
    const environment = { STACK: 'embedded', DATABASE_URL: 'postgres://somebody@localhost/theirs' };
    const stack = await openStack({ dataDir, environment });
    expect(stack).toMatchObject({ kind: 'embedded', urls });
    await stack.stop();
    expect(await checkParts(urls)).toEqual(ALL_ANSWER);
  });

  it('a second supervisor on the same folder is refused and harms nothing', { timeout: LIMIT_MS }, async () => {
    const { urls } = await bringUp({ dataDir });
    await expect(startEmbeddedStack({ dataDir })).rejects.toThrow(/a stack already runs on/);
    expect(await checkParts(urls)).toEqual(ALL_ANSWER);
    expect(await findBackgroundStack(dataDir)).toEqual(urls);
  });

  it('after a kill of the supervisor the next start ends what was left running, and keeps the data', { timeout: LIMIT_MS }, async () => {
    const { urls } = await bringUp({ dataDir });
    await withClient(urls.databaseUrl, (client) => client.query('CREATE TABLE kept AS SELECT 1 AS id'));
    const before = await stateOf(dataDir);
    process.kill(before.supervisorPid, 'SIGKILL');
    await expect.poll(() => isAlive(before.supervisorPid)).toBe(false);
    expect(Object.values(before.pids).filter(isAlive)).toHaveLength(PART_NAMES.length);

    const lines: string[] = [];
    const again = await bringUp({ dataDir, log: (line) => { lines.push(line); } });
    expect(lines).toContainEqual(expect.stringContaining('a crash had left running'));
    expect(Object.values(before.pids).filter(isAlive)).toHaveLength(0);
    expect(await withClient(again.urls.databaseUrl, async (client) => (await client.query('SELECT id FROM kept')).rows)).toEqual([{ id: 1 }]);
  });

  it('reset removes the data', { timeout: LIMIT_MS }, async () => {
    await bringUp({ dataDir });
    await resetStack({ dataDir });
    expect(await readState(dataDir)).toBeUndefined();
  });
});

describe('a stack owned by a process', () => {
  it('ends with its owner when that one is killed, and leaves no folder', { timeout: LIMIT_MS }, async () => {
    const folder = await mkdtemp(join(LOCAL_DIR, 'stack-test-'));
    const owner = ownerOf(folder);
    onTestFinished(() => { owner.kill('SIGKILL'); });
    await expect.poll(() => readState(folder).then((state) => state?.urls), { timeout: LIMIT_MS }).toBeDefined();
    const state = await stateOf(folder);
    owner.kill('SIGKILL');
    const processes = [state.supervisorPid, ...Object.values(state.pids)];
    await expect.poll(() => processes.filter(isAlive), { timeout: 60_000 }).toEqual([]);
    await expect.poll(() => readState(folder), { timeout: 10_000 }).toBeUndefined();
  });

  it('each part can be killed and started again on its port, with its data', { timeout: LIMIT_MS }, async () => {
    const stack = await startEmbeddedStack({ dataDir: await mkdtemp(join(LOCAL_DIR, 'stack-test-')), ephemeral: true });
    onTestFinished(() => stack.stop());
    const { urls } = stack;
    const written = await produceGreeting(urls, 'before');
    for (const part of PART_NAMES) {
      await stack.stopPart(part, 'SIGKILL');
      expect((await checkParts(urls))[part]).toBeTypeOf('string');
      await stack.startPart(part);
    }
    expect(await checkParts(urls)).toEqual(ALL_ANSWER);
    expect(await readFirst(urls, 'greetings')).toEqual(written);
    await stack.stop();
    await expect(askPostgres(urls.databaseUrl)).rejects.toThrow();
    await expect(new Redis(urls.redisUrl, { lazyConnect: true, retryStrategy: () => null }).on('error', () => undefined).connect()).rejects.toThrow();
  });
});

function ownerOf(folder: string): ChildProcess {
  const script = `
    import { startEmbeddedStack } from ${JSON.stringify(join(import.meta.dirname, 'embedded-stack.ts'))};
    await startEmbeddedStack({ dataDir: ${JSON.stringify(folder)}, ephemeral: true });
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
}

async function stateOf(folder: string): Promise<StackState> {
  const state = await readState(folder);
  if (state === undefined) throw new Error(`no stack on ${folder}`);
  return state;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function kafkaOf(urls: StackUrls): Kafka {
  return new Kafka({ brokers: [...urls.kafkaBrokers], logLevel: logLevel.NOTHING });
}

/** Registers the schema, produces one record and returns its bytes. */
async function produceGreeting(urls: StackUrls, text: string, name = 'Greeting'): Promise<Buffer> {
  const registry = new SchemaRegistry({ host: urls.schemaRegistryUrl });
  const schema = { ...SCHEMA, schema: SCHEMA.schema.replace('Greeting', name) };
  const { id } = await registry.register(schema, { subject: `${name}-value` });
  const value = await registry.encode(id, { text });
  const [admin, producer] = [kafkaOf(urls).admin(), kafkaOf(urls).producer()];
  try {
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'greetings', numPartitions: 1 }], waitForLeaders: true });
    await producer.connect();
    await producer.send({ topic: 'greetings', messages: [{ value }] });
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
  return value;
}

async function readFirst(urls: StackUrls, topic: string): Promise<Buffer> {
  const consumer = kafkaOf(urls).consumer({ groupId: `reader-${Date.now()}` });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    return await new Promise((resolve, reject) => {
      consumer.run({ eachMessage: ({ message }) => { resolve(message.value ?? Buffer.alloc(0)); return Promise.resolve(); } }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}
