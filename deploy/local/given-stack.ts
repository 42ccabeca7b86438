/**
 * A stack that somebody else runs: four addresses from the environment, each asked once before use.
 * Only `STACK=given` leads here. An exported DATABASE_URL alone is somebody's database and is never used.
 */
import { checkParts } from './background-stack.ts';
import type { PartName } from './part.ts';
import { type Stack, StackUnavailable, type StackUrls } from './stack.ts';

const VARIABLES = {
  kafka: 'KAFKA_BROKERS', registry: 'SCHEMA_REGISTRY_URL', postgres: 'DATABASE_URL', redis: 'REDIS_URL',
} as const satisfies Record<PartName, string>;

const EXAMPLES = {
  kafka: 'host:9092,host:9093', registry: 'http://host:8080/apis/ccompat/v7', postgres: 'postgres://user:password@host:5432/database', redis: 'redis://host:6379',
} as const satisfies Record<PartName, string>;

const PARTS = ['kafka', 'registry', 'postgres', 'redis'] as const;

/** @throws StackUnavailable naming every variable that is missing, or every part that does not answer. */
export async function givenStack(environment: NodeJS.ProcessEnv): Promise<Stack> {
  const missing = PARTS.filter((part) => (environment[VARIABLES[part]] ?? '').trim() === '');
  if (missing.length > 0) {
    const lines = missing.map((part) => `  ${VARIABLES[part]} is missing: set it to something like ${EXAMPLES[part]}`);
    throw new StackUnavailable(`STACK=given needs four addresses:\n${lines.join('\n')}\n  or leave STACK unset to start a stack here`);
  }
  const urls = readUrls(environment);
  const problems = await checkParts(urls);
  const refused = PARTS.flatMap((part) => (problems[part] === undefined ? [] : [
    `  ${VARIABLES[part]} (${withoutSecrets(environment[VARIABLES[part]] ?? '')}): ${problems[part]}`,
  ]));
  if (refused.length > 0) {
    throw new StackUnavailable(`STACK=given, but not every address answers; check that each is right and its server is up:\n${refused.join('\n')}`);
  }
  return { kind: 'given', urls, stop: () => Promise.resolve() };
}

function readUrls(environment: NodeJS.ProcessEnv): StackUrls {
  const value = (part: PartName): string => (environment[VARIABLES[part]] ?? '').trim();
  return {
    kafkaBrokers: value('kafka').split(',').map((broker) => broker.trim()).filter((broker) => broker !== ''),
    schemaRegistryUrl: value('registry').replace(/\/+$/, ''),
    databaseUrl: value('postgres'),
    redisUrl: value('redis'),
  };
}

/** The address without user and password (I11). */
function withoutSecrets(address: string): string {
  return address.replace(/\/\/[^@/]*@/, '//');
}
