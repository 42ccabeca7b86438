/** The operator's HTTP API: one Bearer key before everything, zod at the edge, refusals with code and advice. */
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Logger } from '../../runtime/logger.ts';
import { describeError } from '../../runtime/logger.ts';
import { SyncError } from '../../schemas/errors.ts';
import { bearerMatches } from './api-key.ts';
import { refusalOf } from './refusal.ts';
import { registerRoutes } from './routes.ts';
import type { RouteDeps } from './routes.ts';

export interface ServerOptions {
  readonly key: string;
  readonly logger: Logger;
  readonly deps: RouteDeps;
}

const BODY_LIMIT_BYTES = 65_536;

/** Adds the API under `/v1` to a server, with its documentation at `/v1/openapi.json`. */
export async function registerApi(server: FastifyInstance, { key, logger, deps }: ServerOptions): Promise<void> {
  await server.register(async (api) => {
    api.setValidatorCompiler(validatorCompiler);
    api.setSerializerCompiler(serializerCompiler);
    api.setErrorHandler((error, _request, reply) => {
      const { status, body } = refusalOf(error);
      if (status >= 500) logger.error({ err: describeError(error), code: body.code }, 'a request failed');
      return reply.code(status).send(body);
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
}

/** The document of the API, without a database or a port. */
export async function operateOpenApi(deps: RouteDeps, logger: Logger): Promise<unknown> {
  const server = Fastify();
  await registerApi(server, { key: 'document', logger, deps });
  await server.ready();
  const answer = await server.inject({ url: '/v1/openapi.json', headers: { authorization: 'Bearer document' } });
  await server.close();
  return answer.json();
}

export function createServer(): FastifyInstance {
  return Fastify({ bodyLimit: BODY_LIMIT_BYTES, logger: false, forceCloseConnections: true });
}
