import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SyncError } from '../schemas/errors.ts';
import { createHttpServer, listen } from './http-server.ts';
import type { HttpServer, HttpServerOptions } from './http-server.ts';
import { createLogger } from './logger.ts';

const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

function serve(more: Partial<HttpServerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({ service: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });
  const server = createHttpServer({ logger, metrics: new Registry(), checks: {}, ...more });
  open.push(server);
  return { server, lines };
}

describe('createHttpServer', () => {
  it('is alive while what it needs is gone, and not ready then', async () => {
    const { server } = serve({ checks: { database: () => Promise.reject(new SyncError('database_unavailable', 'gone')), kafka: () => Promise.resolve() } });
    expect((await server.inject('/health/live')).statusCode).toBe(200);
    const ready = await server.inject('/health/ready');
    expect(ready.statusCode).toBe(503);
    expect(ready.json()).toEqual({ ready: false, checks: [{ name: 'database', ok: false, code: 'database_unavailable' }, { name: 'kafka', ok: true, code: null }] });
  });

  it('serves the metrics of its own registry', async () => {
    const answer = await serve().server.inject('/metrics');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toContain('text/plain');
  });

  it.each([
    ['unauthenticated', 401], ['not_found', 404], ['state_moved', 409], ['change_malformed', 422], ['webhook_malformed', 400],
    ['kafka_unavailable', 503], ['database_unavailable', 503], ['unexpected_answer', 500],
  ] as const)('answers %s by status %d with code, message and advice', async (code, status) => {
    const { server } = serve();
    const error = new SyncError(code, 'as it is');
    server.get('/x', () => { throw error; });
    const answer = await server.inject('/x');
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({ error: { code, message: 'as it is', advice: error.advice } });
  });

  it('I11: answers an unforeseen error without a word about it and logs it without its message', async () => {
    const { server, lines } = serve();
    server.get('/x/:id', () => { throw new Error('duplicate key sara@example.com'); });
    const answer = await server.inject('/x/7');
    expect(answer.statusCode).toBe(500);
    expect(answer.body + lines.join('')).not.toContain('sara@example.com');
    expect(lines.join('')).toContain('GET /x/:id');
  });

  it('names the faults of a body that breaks its schema, with their paths', async () => {
    const { server } = serve();
    server.post('/x', { schema: { body: z.strictObject({ a: z.object({ b: z.number() }) }) } }, () => ({}));
    const answer = await server.inject({ method: 'POST', url: '/x', payload: { a: { b: 'no' } } });
    expect(answer.statusCode).toBe(422);
    expect(answer.json()).toMatchObject({ error: { code: 'change_malformed', faults: [{ path: 'a.b' }] } });
  });

  it.each([
    ['an oversized body', { method: 'POST', url: '/x', payload: { text: 'x'.repeat(200) } }, 413],
    ['a body that is not JSON', { method: 'POST', url: '/x', payload: '{', headers: { 'content-type': 'application/json' } }, 400],
    ['an unknown media type', { method: 'POST', url: '/x', payload: 'x', headers: { 'content-type': 'image/png' } }, 415],
    ['an unknown path', { method: 'GET', url: '/nothing' }, 404],
  ] as const)('refuses %s in the shape of all errors', async (_name, request, status) => {
    const { server } = serve({ bodyLimit: 100 });
    server.post('/x', () => ({}));
    const answer = await server.inject(request);
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({ error: { code: expect.any(String), message: expect.any(String), advice: expect.any(String) } });
  });

  it('listens on loopback, on a free port when asked for 0', async () => {
    const url = await listen(serve().server, { port: 0 });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });
});
