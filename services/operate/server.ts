/** The operator's HTTP API: one Bearer key before everything, zod at the edge, refusals with code and advice. */
import swagger from '@fastify/swagger';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { createHttpServer } from '../../runtime/http-server.ts';
import type { HttpServer, HttpServerOptions } from '../../runtime/http-server.ts';
import { SyncError } from '../../schemas/errors.ts';
import { bearerMatches } from './api-key.ts';
import { apiErrorOf } from './refusal.ts';
import { StateMoved } from './resolve-conflict.ts';
import { registerRoutes } from './routes.ts';
import type { RouteDeps } from './routes.ts';

export interface ApiServerOptions {
  readonly key: string;
  readonly http: HttpServerOptions;
  readonly deps: RouteDeps;
}

const BODY_LIMIT_BYTES = 65_536;

/** The API under `/v1`, its document at `/v1/openapi.json`; health and metrics beside it need no key. */
export async function createApiServer({ key, http, deps }: ApiServerOptions): Promise<HttpServer> {
  const server = createHttpServer({ ...http, bodyLimit: BODY_LIMIT_BYTES });
  await server.register(async (api) => {
    api.setErrorHandler((error, _request, reply) => {
      if (error instanceof StateMoved) return reply.code(409).send({ error: apiErrorOf(error) });
      throw error;
    });
    api.addHook('onRequest', async (request) => {
      if (!bearerMatches(request.headers.authorization, key)) throw new SyncError('unauthenticated', 'the key is missing or wrong');
    });
    await api.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'bevatel-sync operator API', version: '1', description: 'Status, conflicts, dead letters, explanations and verification.' },
        components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
        security: [{ key: [] }],
      },
      transform: jsonSchemaTransform,
    });
    registerRoutes(api, deps);
    api.get('/v1/openapi.json', { schema: { hide: true } }, () => api.swagger());
  });
  return server;
}

/** The document of the API; no route is called, so its dependencies need not work. */
export async function operateOpenApi(options: Omit<ApiServerOptions, 'key'>): Promise<unknown> {
  const server = await createApiServer({ ...options, key: 'document' });
  const answer = await server.inject({ url: '/v1/openapi.json', headers: { authorization: 'Bearer document' } });
  await server.close();
  return answer.json();
}
