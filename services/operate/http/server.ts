/** The operator's HTTP API: one Bearer key before everything, zod at the edge, refusals with code and advice. */
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { createHttpServer } from '../../../runtime/http-server.ts';
import type { HttpServer, HttpServerOptions } from '../../../runtime/http-server.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { bearerMatches } from './api-key.ts';
import { apiErrorOf } from './refusal.ts';
import { StateMoved } from '../conflicts/resolve-conflict.ts';
import { registerRoutes } from '../routes.ts';
import type { RouteDeps } from '../routes.ts';

export interface ApiServerOptions {
  readonly key: string;
  readonly http: HttpServerOptions;
  readonly deps: RouteDeps;
}

const OPENAPI = {
  openapi: '3.1.0',
  info: { title: 'Bevatel sync: operator API', version: '1.0.0', description: 'Status, explanations, conflicts, dead letters and verification. Times are epoch milliseconds.' },
  components: { securitySchemes: { bearer: { type: 'http' as const, scheme: 'bearer' } } },
  security: [{ bearer: [] }],
};
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
    await api.register(swagger, { openapi: OPENAPI, transform: jsonSchemaTransform, transformObject: jsonSchemaTransformObject });
    registerRoutes(api, deps);
    api.get('/v1/openapi.json', { schema: { hide: true } }, () => api.swagger());
  });
  return server;
}

/** The OpenAPI document, without a server; `docs/openapi-operate.json` is its copy. No route is called, so none needs what it works with. */
export async function operateDocument(): Promise<object> {
  const app = Fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, { openapi: OPENAPI, transform: jsonSchemaTransform, transformObject: jsonSchemaTransformObject });
  registerRoutes(app, {} as RouteDeps);
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}
