/**
 * The notifications of an external system: one for each changed field, at least once and in no order. What it sends lands
 * on `contact.hints` as capture's door would put it there, whichever process holds the door.
 */
import type { ContactHint } from '../../schemas/change.ts';
import type { Fact } from '../journal.ts';
import { sameValue } from '../../schemas/value.ts';
import type { Image } from '../../schemas/value.ts';
import { asText } from './record.ts';
import type { SimulatedRecord } from './record.ts';
import type { SimulatedSystem, SystemChange } from './system.ts';

/** What befalls one notification. */
export type WebhookFault = { readonly kind: 'webhook_dropped' } | { readonly kind: 'webhook_doubled' } | { readonly kind: 'webhook_late'; readonly byMs: number };

export interface WebhookOptions {
  readonly system: SimulatedSystem;
  readonly tenant: string;
  readonly integration: string;
  /** The field that holds the partner's id. */
  readonly referenceField: string;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly usualMs: () => number;
  readonly fault: () => WebhookFault | null;
  readonly tell: (fact: Fact) => void;
  /** Puts the hint on the log after a while; again when the log is not to be had. */
  readonly deliver: (hint: ContactHint, ms: number) => void;
}

export function sendWebhooks(options: WebhookOptions): void {
  options.system.listeners.push((change) => {
    for (const told of notificationsOf(options, change)) send(options, told, change);
  });
}

type Told = Pick<ContactHint, 'event' | 'field' | 'value' | 'mergedInto'>;

function notificationsOf({ referenceField }: WebhookOptions, { kind, before, after }: SystemChange): Told[] {
  const plain = { field: null, value: null, mergedInto: null };
  const fields = changedFields(before?.fields ?? {}, after.fields).map((field): Told => ({ event: 'changed', field, value: asText(after.fields[field]), mergedInto: null }));
  const isReferred = after.references['bevatel'] !== before?.references['bevatel'] && kind !== 'merged';
  const reference: Told[] = isReferred ? [{ event: 'changed', field: referenceField, value: after.references['bevatel'] ?? null, mergedInto: null }] : [];
  switch (kind) {
    case 'created': return [{ ...plain, event: 'created' }, ...fields, ...reference];
    case 'changed': return [...fields, ...reference];
    case 'merged': return [{ ...plain, event: 'merged', mergedInto: typeof after.life === 'object' ? after.life.mergedInto : null }, { ...plain, event: 'deleted' }];
    case 'deleted':
    case 'restored':
    case 'erased': return [{ ...plain, event: kind }];
    default: return kind satisfies never;
  }
}

function changedFields(before: Image, after: Image): string[] {
  return Object.keys(after).filter((field) => !sameValue(before[field] ?? null, after[field]));
}

function send(options: WebhookOptions, told: Told, { record }: SystemChange): void {
  const fault = options.fault();
  if (fault?.kind === 'webhook_dropped') return unheard(options, told, record);
  const hint: ContactHint = {
    hintId: options.newId(), tenantId: options.tenant, side: 'external', integrationId: options.integration, recordId: record.id, lane: 'live', origin: 'webhook',
    revision: null, occurredAt: options.system.clockAt, receivedAt: options.clock(), ...told,
  };
  const late = fault?.kind === 'webhook_late' ? fault.byMs : 0;
  options.deliver(hint, options.usualMs() + late);
  if (fault?.kind === 'webhook_doubled') options.deliver({ ...hint, hintId: options.newId() }, options.usualMs());
}

/** A poll shows a change of a field, and never an end. */
function unheard({ tell, clock, system }: WebhookOptions, { event }: Told, { id }: SimulatedRecord): void {
  if (event !== 'created' && event !== 'changed') tell({ kind: 'unheard', at: clock(), system: system.name, record: id });
}
