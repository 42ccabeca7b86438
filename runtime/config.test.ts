import { describe, expect, it } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import { parseProcessConfig } from './config.ts';
import { resolveSecret, resolveSecrets } from './secrets.ts';

const GOOD = {
  KAFKA_BROKERS: 'one:9092, two:9093', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:8080/apis/ccompat/v7', DATABASE_URL: 'postgres://u:p@127.0.0.1/db',
};
function refusal(env: Record<string, string | undefined>): SyncError {
  try {
    parseProcessConfig(env);
  } catch (error) {
    if (error instanceof SyncError) return error;
  }
  throw new Error('it was accepted');
}

describe('parseProcessConfig', () => {
  it('fills in the defaults: loopback, no Redis, no prefix', () => {
    expect(parseProcessConfig(GOOD)).toMatchObject({ kafkaBrokers: ['one:9092', 'two:9093'], redisUrl: null, apiKey: null, topicPrefix: '', host: '127.0.0.1', logLevel: 'info' });
  });
  it('names all variables that are missing, at once', () => {
    const error = refusal({ REDIS_URL: '', KAFKA_BROKERS: '' });
    expect(error.code).toBe('configuration_missing');
    expect(error.facts.faults?.map((fault) => fault.path)).toEqual(['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'DATABASE_URL']);
  });
  it('I11: names what is wrong, without the value', () => {
    const error = refusal({ ...GOOD, DATABASE_URL: 'mysql://root:hunter2@db', KAFKA_BROKERS: 'nowhere', API_KEY: 'short', CAPTURE_PORT: '99999' });
    expect(error.code).toBe('configuration_invalid');
    expect(error.facts.faults?.map((fault) => fault.path)).toEqual(['KAFKA_BROKERS', 'DATABASE_URL', 'CAPTURE_PORT', 'API_KEY']);
    expect(error.message).not.toMatch(/hunter2|nowhere|short;/);
  });
});

describe('secrets', () => {
  it('are found by the name of their variable', () => {
    expect(resolveSecret({ A: 'x' }, 'A')).toBe('x');
    expect(resolveSecrets({ A: 'x', B: 'y' }, ['A', 'B']).get('B')).toBe('y');
  });
  it('are missed by name', () => {
    expect(() => resolveSecret({ A: '' }, 'A')).toThrow('the environment variable A is not set');
    expect(() => resolveSecrets({ A: 'x' }, ['A', 'B', 'C'])).toThrow('B, C');
  });
});
