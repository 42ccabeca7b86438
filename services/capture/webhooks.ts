/**
 * Doors for webhooks: `POST /hooks/:system` (one URL per app, routed by the account that each event names) and
 * `POST /hooks/:system/:tenant/:integration`.
 *
 * The signature is checked over the raw bytes and the configured public URL, and before anything is parsed. An event is
 * taken only for an integration whose own secret signed it, so that no app can speak for another's account. The answer
 * is 2xx only after Kafka's acknowledgement; what is refused publishes nothing and is counted.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { WebhookHint, WebhookRequest } from '../../connectors/connector.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { Message, Publisher } from '../../runtime/publisher.ts';
import type { ContactHint } from '../../schemas/change.ts';
import { isSyncError } from '../../schemas/errors.ts';
import { HINTS_TOPIC, hintKey, topicName } from '../../schemas/topics.ts';
import type { Endpoint } from './integration-set.ts';
import type { CaptureMetrics } from './metrics.ts';

export interface WebhookRoutesOptions {
  readonly endpoints: (system: string) => readonly Endpoint[];
  readonly publisher: Publisher;
  readonly codec: Codec<ContactHint>;
  readonly topicPrefix: string;
  /** The public base URL as the senders know it, without a trailing slash; asked at each call. */
  readonly publicUrl: () => string;
  readonly maxBodyBytes: number;
  readonly metrics: CaptureMetrics;
  readonly clock: () => number;
  readonly newId: () => string;
}

interface HookParams {
  readonly system: string;
  readonly tenant?: string;
  readonly integration?: string;
}

type Refused = 'unknown_endpoint' | 'missing_signature' | 'bad_signature' | 'stale_timestamp' | 'malformed' | 'oversized' | 'unknown_account' | 'kafka_unavailable';

const STATUS: Readonly<Record<Refused, number>> = {
  unknown_endpoint: 404, missing_signature: 401, bad_signature: 401, stale_timestamp: 401, malformed: 400, oversized: 413, unknown_account: 404, kafka_unavailable: 503,
};

/** Registers the routes with a body parser of their own, which keeps the bytes as they came. */
export async function registerWebhooks(app: FastifyInstance, options: WebhookRoutesOptions): Promise<void> {
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: options.maxBodyBytes }, (_request, body, parsed) => parsed(null, body));
    scope.setErrorHandler((error, request, reply) => {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      const { system } = request.params as HookParams;
      return refuse(options, reply, knownSystem(options, system), code === 'FST_ERR_CTP_BODY_TOO_LARGE' ? 'oversized' : 'malformed');
    });
    const handler = (request: FastifyRequest, reply: FastifyReply) => takeWebhook(options, request, reply);
    const ofSystems = { schema: { hide: true } };
    scope.post('/hooks/:system', ofSystems, handler);
    scope.post('/hooks/:system/:tenant/:integration', ofSystems, handler);
    done();
  });
}

/** A label must not hold what a stranger wrote into a URL. */
function knownSystem(options: WebhookRoutesOptions, system: string): string {
  return options.endpoints(system).length > 0 ? system : 'unknown';
}

function refuse({ metrics }: WebhookRoutesOptions, reply: FastifyReply, system: string, reason: Refused): FastifyReply {
  metrics.webhooksRefused.inc({ system, reason });
  if (reason === 'kafka_unavailable') void reply.header('retry-after', '5');
  return reply.code(STATUS[reason]).send({ error: { code: reason } });
}

async function takeWebhook(options: WebhookRoutesOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { system, tenant, integration } = request.params as HookParams;
  const endpoints = options.endpoints(system).filter((one) => tenant === undefined || (one.tenantId === tenant && one.integrationId === integration));
  if (endpoints.length === 0) return refuse(options, reply, 'unknown', 'unknown_endpoint');
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const verified = verify(options, endpoints, { method: request.method, url: options.publicUrl() + request.url, headers: headersOf(request), body });
  if (typeof verified === 'string') return refuse(options, reply, system, verified);
  const hints = readHints(options, verified, body, tenant !== undefined);
  if (hints === null) return refuse(options, reply, system, 'malformed');
  if (hints.unknown > 0) options.metrics.webhooksRefused.inc({ system, reason: 'unknown_account' }, hints.taken.length > 0 ? hints.unknown : hints.unknown - 1);
  if (hints.taken.length === 0 && hints.unknown > 0) return refuse(options, reply, system, 'unknown_account');
  try {
    await options.publisher.publish(hints.taken.map((hint) => toMessage(options, hint)));
  } catch (error) {
    if (isSyncError(error)) return refuse(options, reply, system, 'kafka_unavailable');
    throw error;
  }
  return reply.code(200).send({ accepted: hints.taken.length });
}

function headersOf(request: FastifyRequest): WebhookRequest['headers'] {
  return request.headers as Readonly<Record<string, string | undefined>>;
}

/** The endpoints whose secret signed the request, or why none did. */
function verify(options: WebhookRoutesOptions, endpoints: readonly Endpoint[], request: WebhookRequest): readonly Endpoint[] | Refused {
  let refused: Refused = 'unknown_endpoint';
  for (const [secret, sharing] of Map.groupBy(endpoints, (endpoint) => endpoint.secret)) {
    const verdict = sharing[0]?.door.verify(request, secret, options.clock());
    if (verdict?.ok) return sharing;
    if (verdict) refused = verdict.reason;
  }
  return refused;
}

interface ReadHints {
  readonly taken: readonly ContactHint[];
  /** Events of accounts that none of these endpoints serves. */
  readonly unknown: number;
}

/** Null when the body is not what the system documents. */
function readHints(options: WebhookRoutesOptions, endpoints: readonly Endpoint[], body: Buffer, isOwnUrl: boolean): ReadHints | null {
  const door = endpoints[0]?.door;
  if (!door) return null;
  let events: ReturnType<typeof door.parse>;
  try {
    events = door.parse(body);
  } catch (error) {
    if (isSyncError(error)) return null;
    throw error;
  }
  const receivedAt = options.clock();
  const taken: ContactHint[] = [];
  let unknown = 0;
  for (const { account, hint } of events) {
    const served = endpoints.filter((endpoint) => (account === null || endpoint.account === null ? isOwnUrl : endpoint.account === account));
    if (served.length === 0) unknown += 1;
    for (const endpoint of served) taken.push(toHint(options, endpoint, hint, receivedAt));
  }
  return { taken, unknown };
}

function toHint(options: WebhookRoutesOptions, { tenantId, integrationId }: Endpoint, hint: WebhookHint, receivedAt: number): ContactHint {
  return { hintId: options.newId(), tenantId, side: 'external', integrationId, lane: 'live', origin: 'webhook', revision: null, receivedAt, ...hint };
}

function toMessage({ topicPrefix, codec }: WebhookRoutesOptions, hint: ContactHint): Message {
  return { topic: topicName(topicPrefix, HINTS_TOPIC), key: hintKey(hint), value: codec.encode(hint) };
}
