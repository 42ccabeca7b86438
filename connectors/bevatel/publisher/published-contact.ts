/**
 * What Bevatel's contact service says of a contact when it publishes by itself: the contact as its API shows it, and
 * what this version changed. The same shape is the body of `POST /v1/bevatel/contacts/changes` (docs/bevatel-contract.md).
 *
 * Types are checked here, values are not: a malformed phone number is quarantined behind Kafka with its bytes and mended
 * by the next version (I8), whereas a malformed document is refused at once with all its faults.
 */
import { z } from 'zod';
import type { ChangeKind, ContactChange, FieldTime } from '../../../schemas/change.ts';
import { zContactImage } from '../../../schemas/contact.ts';
import type { Image } from '../../../schemas/value.ts';
import { CUSTOM_PREFIX } from '../values.ts';

const KINDS = ['image', 'deleted', 'erased', 'merged'] as const satisfies readonly ChangeKind[];

/** `custom: {tier: …}`, as the contact API has it, becomes `custom.tier`. */
function flatten(fields: unknown): unknown {
  if (typeof fields !== 'object' || fields === null || !('custom' in fields)) return fields;
  const { custom, ...plain } = fields;
  if (typeof custom !== 'object' || custom === null || Array.isArray(custom)) return custom === null ? plain : fields;
  return { ...plain, ...Object.fromEntries(Object.entries(custom).map(([name, value]) => [CUSTOM_PREFIX + name, value])) };
}

const zId = z.string().min(1).max(200);

export const zPublishedContact = z.strictObject({
  id: zId,
  /** Grows with every change of this contact; orders its changes, whichever way they come. */
  version: z.int().positive(),
  kind: z.enum(KINDS).default('image'),
  /** All fields of the contact; absent is unknown, null is cleared. Ignored unless `kind` is `image`. */
  fields: z.preprocess(flatten, zContactImage).default({}),
  /** The fields that this version changed, custom attributes as `custom.<name>`; without it their times are unknown. */
  changed: z.array(z.string()).max(1_000).optional(),
  /** When and by whom this version was made. */
  updated_at: z.iso.datetime({ offset: true }).optional(),
  updated_by: z.string().max(254).optional(),
  /** Integration id → the external system's id. */
  external_references: z.record(z.string(), z.string()).default({}),
  merged_into: zId.optional(),
}).superRefine((contact, context) => {
  if (contact.kind === 'merged' && contact.merged_into === undefined) context.addIssue({ code: 'custom', path: ['merged_into'], message: 'must name the survivor of the merge' });
  if (contact.changed !== undefined && contact.updated_at === undefined) context.addIssue({ code: 'custom', path: ['updated_at'], message: 'must be given together with changed' });
});
/** As the service gives it. */
export type PublishedContact = z.input<typeof zPublishedContact>;
/** As it was checked. */
export type CheckedContact = z.output<typeof zPublishedContact>;

export interface Receipt {
  readonly changeId: string;
  readonly tenantId: string;
  /** Our clock, epoch ms. */
  readonly receivedAt: number;
}

export function changeOfPublished(contact: CheckedContact, { changeId, tenantId, receivedAt }: Receipt): ContactChange {
  const { id, version, kind } = contact;
  const isImage = kind === 'image';
  return {
    changeId, tenantId, side: 'bevatel', integrationId: null, recordId: id, kind,
    revision: String(version),
    image: isImage ? contact.fields : {},
    fieldTimes: isImage ? fieldTimes(contact, contact.fields) : {},
    histories: {},
    modifiedAt: contact.updated_at === undefined ? null : Date.parse(contact.updated_at),
    observedFrom: receivedAt, observedTo: receivedAt, readById: false, capture: 'publish',
    references: isImage ? contact.external_references : {},
    mergedIds: [],
    mergedInto: kind === 'merged' ? (contact.merged_into ?? null) : null,
  };
}

function fieldTimes({ changed, updated_at: at, updated_by: actor }: CheckedContact, image: Image): Record<string, FieldTime> {
  if (changed === undefined || at === undefined) return {};
  const time: FieldTime = { at: Date.parse(at), actor: actor ?? null };
  return Object.fromEntries(changed.filter((name) => name in image).map((name) => [name, time]));
}
