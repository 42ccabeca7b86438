/** `bevatel-sync stack up|down|status|reset`: the embedded stack as one that stays up between commands. */
import type { Command } from 'commander';
import { bringDown, bringUp, checkParts, findBackgroundStack, resetStack } from '../../deploy/local/background-stack.ts';
import { PART_NAMES } from '../../deploy/local/part.ts';
import type { StackUrls } from '../../deploy/local/stack.ts';

export function register(program: Command): void {
  const stack = program.command('stack').description('a local Kafka, schema registry, PostgreSQL and Redis, without a container engine');
  stack.command('up').description('start it (the first time: download and initialise) and leave it running').action(up);
  stack.command('down').description('stop it; its data stay').action(down);
  stack.command('status').description('ask each part; exit code 1 unless all answer').option('--json', 'as one JSON object').action(status);
  stack.command('reset').description('stop it and remove its data').action(reset);
}

async function up(): Promise<void> {
  const { urls, timings } = await bringUp({ log: (line) => { console.log(line); } });
  if (timings === undefined) console.log('the stack is up already');
  else console.log(`the stack is up after ${seconds(timings.totalMs)} (${timings.warm ? 'nothing downloaded or initialised' : 'first start'})`);
  console.log(`\n${exportsOf(urls)}`);
}

async function down(): Promise<void> {
  const stopped = await bringDown();
  console.log(stopped ? 'the stack is down' : 'no stack was running');
}

async function reset(): Promise<void> {
  await resetStack();
  console.log('the stack is down and its data are gone');
}

async function status({ json = false }: { json?: boolean }): Promise<void> {
  const urls = await findBackgroundStack();
  const problems = urls === undefined ? undefined : await checkParts(urls);
  const up = problems !== undefined && PART_NAMES.every((part) => problems[part] === undefined);
  if (json) console.log(JSON.stringify({ up, urls, problems }));
  else if (urls === undefined || problems === undefined) console.log('no stack is running: start it by bevatel-sync stack up');
  else console.log(`${PART_NAMES.map((part) => `${part}: ${problems[part] ?? 'answers'}`).join('\n')}\n\n${exportsOf(urls)}`);
  process.exitCode = up ? 0 : 1;
}

/** What makes another shell use this stack. */
function exportsOf(urls: StackUrls): string {
  return [
    'export STACK=given',
    `export KAFKA_BROKERS=${urls.kafkaBrokers.join(',')}`,
    `export SCHEMA_REGISTRY_URL=${urls.schemaRegistryUrl}`,
    `export DATABASE_URL=${urls.databaseUrl}`,
    `export REDIS_URL=${urls.redisUrl}`,
  ].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
