/**
 * `POST /sandbox/...`: the control surface for a user of the demo with curl. Loopback only and without a token.
 * GET /sandbox shows counts, webhook counts and the number of contacts.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SandboxControl } from './control.ts';
import { notFound } from './fault.ts';
import { parsed, propertiesSchema } from './object-routes.ts';

const idSchema = z.object({ id: z.string() });
const editSchema = z.object({ properties: propertiesSchema, userId: z.number().int().optional() });
const mergeSchema = z.object({ primaryId: z.string(), secondaryId: z.string(), mintId: z.boolean().optional() });
const share = z.number().min(0).max(1);
const headersSchema = z.record(z.string(), z.string());
const faultSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('status'), status: z.number().int().min(400).max(599), category: z.string().optional(), message: z.string().optional(),
    policyName: z.string().optional(), headers: headersSchema.optional(),
  }),
  z.object({ kind: z.enum(['delay_before', 'delay_after']), delayMs: z.number().min(0) }),
  z.object({ kind: z.enum(['hold_before', 'hold_after', 'drop_before', 'drop_after']) }),
]);
const ruleSchema = z.object({ endpoint: z.string().optional(), fault: faultSchema, times: z.number().int().min(1).optional(), probability: share.optional() });
const limitsSchema = z.object({
  perTenSeconds: z.number().int(), perDay: z.number().int(), searchPerSecond: z.number().int(), retryAfterSeconds: z.number().int(),
}).partial();
const webhooksSchema = z.object({
  targetUrl: z.url().nullable(), signedUrl: z.url().nullable(), batchWindowMs: z.number().min(0), loss: share, duplication: share,
  delayMs: z.number().min(0), reorder: z.boolean(), retryDelaysMs: z.array(z.number().min(0)), timeoutMs: z.number().min(1),
  maxConcurrentRequests: z.number().int().min(1), properties: z.array(z.string()).nullable(),
}).partial();

/** Drops keys whose value is undefined, which exact optional types do not allow. */
function present<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

export function registerControlRoutes(app: FastifyInstance, control: SandboxControl): void {
  registerContactControls(app, control);
  app.get('/sandbox', async () => ({ contacts: control.contactCount(), calls: control.counts(), webhooks: control.webhookCounts() }));
  app.post('/sandbox/counts/reset', async (_request, reply) => {
    control.resetCounts();
    return reply.code(204).send();
  });
  app.post('/sandbox/faults', async (request, reply) => {
    const { fault, ...rule } = parsed(ruleSchema, request.body);
    control.addFault(present({ ...rule, fault: present(fault) }));
    return reply.code(204).send();
  });
  app.delete('/sandbox/faults', async (_request, reply) => {
    control.clearFaults();
    return reply.code(204).send();
  });
  app.post('/sandbox/limits', async (request, reply) => {
    control.setLimits(present(parsed(limitsSchema, request.body)));
    return reply.code(204).send();
  });
  app.post('/sandbox/webhooks', async (request, reply) => {
    control.configureWebhooks(present(parsed(webhooksSchema, request.body)));
    return reply.code(204).send();
  });
  app.post('/sandbox/index-lag', async (request, reply) => {
    control.setIndexLagMs(parsed(z.object({ lagMs: z.number().min(0) }), request.body).lagMs);
    return reply.code(204).send();
  });
}

function registerContactControls(app: FastifyInstance, control: SandboxControl): void {
  app.get('/sandbox/contacts/:id', async (request) => {
    const view = control.contact(parsed(idSchema, request.params).id);
    if (!view) throw notFound();
    return view;
  });
  app.post('/sandbox/contacts', async (request) => {
    const { properties, userId } = parsed(editSchema, request.body);
    return control.create(properties, userId);
  });
  app.post('/sandbox/contacts/:id/edit', async (request) => {
    const { properties, userId } = parsed(editSchema, request.body);
    return control.edit(parsed(idSchema, request.params).id, properties, userId);
  });
  for (const action of ['archive', 'restore', 'erase'] as const) {
    app.post(`/sandbox/contacts/:id/${action}`, async (request) => {
      control[action](parsed(idSchema, request.params).id);
      return { done: action };
    });
  }
  app.post('/sandbox/merge', async (request) => {
    const { primaryId, secondaryId, mintId } = parsed(mergeSchema, request.body);
    return control.merge(primaryId, secondaryId, mintId === undefined ? {} : { mintId });
  });
  app.post('/sandbox/seed', { bodyLimit: 64 * 1024 * 1024 }, async (request) => ({
    ids: control.seed(parsed(z.object({ rows: z.array(propertiesSchema).max(100_000) }), request.body).rows),
  }));
}
