/**
 * HubSpot's webhooks (fact sheet §4): one URL per app, so that `portalId` routes each event; JSON arrays of up to 100
 * events, in no order and possibly repeated; a masked value is absent. Events are hints and prove nothing.
 */
import { z } from 'zod';
import { SyncError } from '../../schemas/errors.ts';
import type { WebhookDoor, WebhookHint, WebhookRequest } from '../connector.ts';
import { CONTACT_TYPE_ID } from './paths.ts';
import type { SignatureVerdict } from './signature.ts';
import { SIGNATURE_V3_HEADER, TIMESTAMP_HEADER, verifySignatureV3 } from './signature.ts';

/** Documented are 100; more is not HubSpot. */
const MAX_EVENTS = 1_000;

const zId = z.union([z.string().regex(/^\d{1,20}$/), z.number().int().positive()]).transform(String);
const zEvent = z.object({
  portalId: zId,
  subscriptionType: z.string().optional(),
  /** The documentation's word for subscriptionType. */
  eventType: z.string().optional(),
  objectTypeId: z.string().optional(),
  objectId: zId.optional(),
  fromObjectId: zId.optional(),
  propertyName: z.string().optional(),
  propertyValue: z.union([z.string(), z.number(), z.boolean()]).transform(String).nullish().catch(null),
  isSensitive: z.boolean().optional().catch(undefined),
  occurredAt: z.number().optional().catch(undefined),
  primaryObjectId: zId.optional(),
  mergedObjectIds: z.array(zId).optional(),
  newObjectId: zId.optional(),
});
type HubSpotEvent = z.infer<typeof zEvent>;
const zEvents = z.array(zEvent).max(MAX_EVENTS);
const utf8 = new TextDecoder('utf-8', { fatal: true });

const EVENTS: Readonly<Record<string, WebhookHint['event']>> = {
  creation: 'created', deletion: 'deleted', restore: 'restored', privacyDeletion: 'erased',
};
const REASONS = { missing: 'missing_signature', bad_timestamp: 'stale_timestamp', stale: 'stale_timestamp', mismatch: 'bad_signature' } as const satisfies Record<
  Exclude<SignatureVerdict, 'valid'>, string
>;

export const hubSpotWebhookDoor: WebhookDoor = {
  system: 'hubspot',
  verify: (request: WebhookRequest, secret: string, now: number) => {
    const { method, url, body, headers } = request;
    const verdict = verifySignatureV3({ secret, method, url, body, signature: headers[SIGNATURE_V3_HEADER], timestamp: headers[TIMESTAMP_HEADER], nowMs: now });
    return verdict === 'valid' ? { ok: true } : { ok: false, reason: REASONS[verdict] };
  },
  parse: (body: Uint8Array) => parseEvents(body).flatMap((event) => hintsOf(event).map((hint) => ({ account: event.portalId, hint }))),
};

function parseEvents(body: Uint8Array): HubSpotEvent[] {
  const malformed = (why: string): SyncError => new SyncError('webhook_malformed', `A HubSpot webhook is ${why}`);
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(body));
  } catch {
    throw malformed('not JSON in UTF-8');
  }
  const parsed = zEvents.safeParse(json);
  if (!parsed.success) throw malformed(`not an array of events (at ${parsed.error.issues[0]?.path.join('.') ?? ''})`);
  return parsed.data;
}

/** The hints of one event; none when it is not about a contact or names no record. */
function hintsOf(event: HubSpotEvent): WebhookHint[] {
  const [object, what] = (event.subscriptionType ?? event.eventType ?? '').split('.');
  const isContact = object === 'contact' || (object === 'object' && event.objectTypeId === CONTACT_TYPE_ID);
  if (!isContact || what === undefined) return [];
  if (what === 'merge') return mergeHints(event);
  const recordId = event.objectId ?? event.fromObjectId;
  if (recordId === undefined) return [];
  const isChange = what === 'propertyChange';
  return [hint(event, recordId, {
    event: EVENTS[what] ?? 'changed',
    field: isChange ? event.propertyName ?? null : null,
    value: isChange && event.isSensitive !== true ? event.propertyValue ?? null : null,
  })];
}

/** A merge may mint a new id: then the primary is gone as well (fact sheet §4). No property changes are told for it. */
function mergeHints(event: HubSpotEvent): WebhookHint[] {
  const survivor = event.newObjectId ?? event.primaryObjectId ?? event.objectId;
  if (survivor === undefined) return [];
  const gone = new Set([...(event.mergedObjectIds ?? []), ...(event.primaryObjectId === undefined ? [] : [event.primaryObjectId])]);
  gone.delete(survivor);
  return [...[...gone].map((id) => hint(event, id, { event: 'merged', mergedInto: survivor })), hint(event, survivor, { event: 'changed' })];
}

function hint(event: HubSpotEvent, recordId: string, told: Partial<WebhookHint>): WebhookHint {
  return { recordId, event: 'changed', field: null, value: null, occurredAt: event.occurredAt ?? null, mergedInto: null, ...told };
}
