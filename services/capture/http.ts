/** Capture's HTTP server: the doors for webhooks, and the publish API with its OpenAPI document. */
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { createHttpServer } from '../../runtime/http-server.ts';
import type { HttpServer, HttpServerOptions } from '../../runtime/http-server.ts';
import type { PublishApiOptions } from './publish-api.ts';
import { registerPublishApi } from './publish-api.ts';
import type { WebhookRoutesOptions } from './webhooks.ts';
import { registerWebhooks } from './webhooks.ts';

const OPENAPI = {
  openapi: '3.1.0',
  info: { title: 'Bevatel sync: publish API', version: '1.0.0', description: "How Bevatel's contact service tells changes of contacts by HTTP." },
  tags: [{ name: 'contacts', description: 'Changes of contacts' }],
  components: { securitySchemes: { bearer: { type: 'http' as const, scheme: 'bearer' } } },
};

async function registerDocument(app: FastifyInstance): Promise<void> {
  await app.register(swagger, { openapi: OPENAPI, transform: jsonSchemaTransform });
}

export interface CaptureHttpOptions {
  readonly server: HttpServerOptions;
  readonly webhooks: WebhookRoutesOptions;
  readonly publishApi: PublishApiOptions;
}

export async function createCaptureHttp({ server, webhooks, publishApi }: CaptureHttpOptions): Promise<HttpServer> {
  const app = createHttpServer(server);
  await registerDocument(app);
  await registerWebhooks(app, webhooks);
  await registerPublishApi(app, publishApi);
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => reply.send(app.swagger()));
  return app;
}

/** The OpenAPI document of the publish API, without a server; `docs/openapi-capture.json` is its copy. */
export async function openapiDocument(): Promise<object> {
  const app = Fastify({ logger: false });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await registerDocument(app);
  await registerPublishApi(app, {} as PublishApiOptions);
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}
