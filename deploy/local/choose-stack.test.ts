import { expect, it } from 'vitest';
import { openStack } from './choose-stack.ts';
import { dockerAnswers } from './docker-stack.ts';
import { freePorts } from './ports.ts';

it('STACK=given names every address that is missing, and what to do', async () => {
  const opening = openStack({ environment: { STACK: 'given', DATABASE_URL: 'postgres://somebody@db/theirs', REDIS_URL: ' ' } });
  await expect(opening).rejects.toThrow(/KAFKA_BROKERS is missing[^]*SCHEMA_REGISTRY_URL is missing[^]*REDIS_URL is missing[^]*leave STACK unset/);
  await expect(opening).rejects.not.toThrow(/DATABASE_URL is missing/);
});

it('I11: STACK=given says which server refuses, without its password', async () => {
  const [port = 0] = await freePorts(1);
  const environment = {
    STACK: 'given',
    KAFKA_BROKERS: `127.0.0.1:${port}`,
    SCHEMA_REGISTRY_URL: `http://127.0.0.1:${port}`,
    DATABASE_URL: `postgres://user:the-secret@127.0.0.1:${port}/db`,
    REDIS_URL: `redis://:the-secret@127.0.0.1:${port}`,
  };
  const opening = openStack({ environment });
  await expect(opening).rejects.toThrow(/KAFKA_BROKERS[^]*SCHEMA_REGISTRY_URL[^]*DATABASE_URL[^]*REDIS_URL/);
  await expect(opening).rejects.toThrow(`127.0.0.1:${port}`);
  await expect(opening).rejects.not.toThrow(/the-secret/);
});

it('refuses a kind of stack that it does not know', async () => {
  await expect(openStack({ environment: { STACK: 'podman' } })).rejects.toThrow(/STACK=podman is unknown: use given, docker or embedded/);
});

it('an engine that is not there does not answer', async () => {
  const [port = 0] = await freePorts(1);
  expect(await dockerAnswers({ DOCKER_HOST: `tcp://127.0.0.1:${port}` })).toBe(false);
  expect(await dockerAnswers({ DOCKER_HOST: 'unix:///nowhere/docker.sock' })).toBe(false);
});
