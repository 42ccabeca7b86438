/**
 * `POST /v1/bevatel/contacts/changes`: Bevatel's contact service tells changes by HTTP, one or up to 500 at a time.
 *
 * The tenant comes from the Bearer key. The answer is given after Kafka's acknowledgement: 202 when all were accepted,
 * 207 when some were refused, 422 when none was taken, always with one result per change and all faults of each. What
 * fits the shape is accepted even if a value breaks its type rule: the reconciler quarantines it with its bytes (I8).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { changeOfPublished, zPublishedChange } from '../../connectors/bevatel/publisher/published-change.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { CONTACT_FIELDS } from '../../schemas/contact.ts';
import { ERRORS } from '../../schemas/errors.ts';
import type { ErrorCode } from '../../schemas/errors.ts';
import type { Answer, Idempotency } from './idempotency.ts';
import { repeatableId } from './idempotency.ts';
import type { CaptureMetrics } from './metrics.ts';
import type { PublishChanges } from './publish-changes.ts';
import { MAX_CHANGES, faultsOf, zApiError, zBatch, zPublishAnswer } from './publish-contract.ts';
import type { Fault, ItemResult } from './publish-contract.ts';

export interface PublishApiOptions {
  /** The tenant of an Authorization header; null refuses. */
  readonly tenantOf: (authorization: string | undefined) => string | null;
  readonly publishChanges: PublishChanges;
  readonly idempotency: Idempotency;
  readonly maxBodyBytes: number;
  readonly metrics: CaptureMetrics;
  readonly clock: () => number;
  readonly newId: () => string;
}

const MAX_KEY_LENGTH = 200;

const SCHEMA = {
  operationId: 'publishContactChanges',
  summary: 'Tell changes of contacts',
  description: [
    `One change, or a batch of up to ${MAX_CHANGES}. Answered after the changes are safe. Changes of one contact are ordered by their revision, so repeating a request is harmless.`,
    `The fields of an image are ${Object.keys(CONTACT_FIELDS).join(', ')} and custom.<name>.`,
  ].join(' '),
  tags: ['contacts'],
  security: [{ bearer: [] }],
  headers: z.object({ 'idempotency-key': z.string().min(1).max(MAX_KEY_LENGTH).optional().describe('A repeated request with the same key gets the first answer, for a day.') }),
  body: z.union([zPublishedChange, z.strictObject({ changes: z.array(zPublishedChange).min(1).max(MAX_CHANGES) })]),
  response: {
    202: zPublishAnswer.describe('All changes are accepted and safe.'),
    207: zPublishAnswer.describe('Some changes were refused; the others are accepted and safe.'),
    400: zApiError.describe('The body is neither a change nor a batch.'),
    401: zApiError.describe('The key is missing or wrong.'),
    413: zApiError.describe('The body is too large.'),
    422: z.union([zPublishAnswer, zApiError]).describe('Nothing was accepted.'),
    503: zApiError.describe('Kafka does not answer; send it again.'),
  },
};

export async function registerPublishApi(app: FastifyInstance, options: PublishApiOptions): Promise<void> {
  await app.register((scope, _options, done) => {
    scope.addHook('onRequest', async (request, reply) => {
      if (options.tenantOf(request.headers.authorization) === null) await refuse(options, reply, 401, 'unauthenticated', 'the key is missing or wrong');
    });
    scope.setErrorHandler((error, _request, reply) => {
      const status = error instanceof Error && 'statusCode' in error && error.statusCode === 413 ? 413 : 400;
      return refuse(options, reply, status, 'change_malformed', status === 413 ? `the body exceeds ${options.maxBodyBytes} bytes` : 'the body is not JSON');
    });
    scope.post('/v1/bevatel/contacts/changes', {
      schema: SCHEMA, bodyLimit: options.maxBodyBytes,
      // Each change is checked on its own by the handler, so that one bad change does not refuse the others.
      validatorCompiler: () => (data: unknown) => ({ value: data }),
    }, (request, reply) => publish(options, request, reply));
    done();
  });
}

function refuse({ metrics }: PublishApiOptions, reply: FastifyReply, status: number, code: ErrorCode, message: string, faults?: readonly Fault[]): FastifyReply {
  metrics.publishRefused.inc({ reason: code });
  return reply.code(status).send({ error: { code, message, advice: ERRORS[code].advice, ...(faults ? { faults } : {}) } });
}

async function publish(options: PublishApiOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const tenantId = options.tenantOf(request.headers.authorization) ?? '';
  const key = request.headers['idempotency-key'];
  if (key !== undefined && (typeof key !== 'string' || key === '' || key.length > MAX_KEY_LENGTH)) {
    return refuse(options, reply, 400, 'change_malformed', `Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} characters`);
  }
  if (typeof request.body !== 'object' || request.body === null || Array.isArray(request.body)) {
    return refuse(options, reply, 400, 'change_malformed', 'the body must be a change, or an object with `changes`');
  }
  const remembered = key === undefined ? undefined : await options.idempotency.recall(tenantId, key, request.body);
  if (remembered?.kind === 'other_body') return refuse(options, reply, 422, 'change_malformed', 'this Idempotency-Key was used with another body');
  if (remembered?.kind === 'repeated') return reply.header('idempotent-replay', 'true').code(remembered.answer.status).send(remembered.answer.body);
  const answer = await accept(options, tenantId, key, request.body);
  if (answer === null) return refuse(options, reply.header('retry-after', '5'), 503, 'kafka_unavailable', 'the changes could not be stored; send them again');
  if (key !== undefined && answer.status < 300) await options.idempotency.remember(tenantId, key, request.body, answer);
  return reply.code(answer.status).send(answer.body);
}

/** Null when Kafka did not acknowledge. */
async function accept(options: PublishApiOptions, tenantId: string, key: string | undefined, body: object): Promise<Answer | null> {
  const batch = 'changes' in body ? zBatch.safeParse(body) : null;
  if (batch && !batch.success) {
    options.metrics.publishRefused.inc({ reason: 'change_malformed' });
    return { status: 422, body: { error: { code: 'change_malformed', message: 'the batch is not valid', advice: ERRORS.change_malformed.advice, faults: faultsOf(batch.error) } } };
  }
  const items = batch ? batch.data.changes : [body];
  const receivedAt = options.clock();
  const changes: ContactChange[] = [];
  const results = items.map((item, index): ItemResult => {
    const parsed = zPublishedChange.safeParse(item);
    if (!parsed.success) return { index, status: 'refused', changeId: null, faults: faultsOf(parsed.error, batch ? ['changes', index] : []) };
    const changeId = key === undefined ? options.newId() : repeatableId(tenantId, key, index);
    changes.push(changeOfPublished(parsed.data, { changeId, tenantId, receivedAt }));
    return { index, status: 'accepted', changeId, faults: [] };
  });
  const refused = results.length - changes.length;
  if (refused > 0) options.metrics.publishRefused.inc({ reason: 'change_malformed' }, refused);
  try {
    await options.publishChanges(changes, 'live');
  } catch {
    return null;
  }
  return { status: refused === 0 ? 202 : changes.length === 0 ? 422 : 207, body: { results } };
}
