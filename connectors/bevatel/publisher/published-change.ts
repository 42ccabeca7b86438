/**
 * What Bevatel's contact service says of a contact when it publishes by itself: a full image at its row version, as
 * change data capture would show it. The same shape is the body of `POST /v1/bevatel/contacts/changes`
 * (docs/bevatel-contract.md).
 *
 * The shape is checked here, values are not: a malformed phone number is quarantined behind Kafka with its bytes and
 * mended by the next version (I8).
 */
import { z } from 'zod';
import type { ContactChange } from '../../../schemas/change.ts';
import { zContactImage } from '../../../schemas/contact.ts';
import type { Contact } from '../contact-api.ts';
import { CUSTOM_PREFIX } from '../values.ts';

const zRecordId = z.string().min(1).max(200);
const zFieldTime = z.strictObject({
  at: z.int().nonnegative().describe('When the field got its value, epoch ms.'),
  actor: z.string().max(200).nullable().default(null).describe('Who set it, such as user:ali.'),
});

export const zPublishedChange = z.strictObject({
  recordId: zRecordId.describe("The contact's id."),
  revision: z.union([z.string().regex(/^(0|[1-9]\d{0,18})$/), z.int().nonnegative()]).describe("The row's version; a greater one is newer."),
  kind: z.enum(['image', 'deleted', 'erased', 'merged']).default('image')
    .describe('image: the contact looks like this. deleted, erased (for privacy, for ever), merged: it is gone.'),
  image: zContactImage.default({}).describe('Every field of the contact: absent is unknown, null is cleared. Custom attributes are custom.<name>.'),
  fieldTimes: z.record(z.string(), zFieldTime).default({}).describe('Times and actors of the fields that changed, where known.'),
  modifiedAt: z.int().nonnegative().nullable().default(null).describe('When the contact was last modified, epoch ms.'),
  references: z.record(z.string().max(100), zRecordId).default({}).describe('Integration id to the id of the external record.'),
  mergedInto: zRecordId.nullable().default(null).describe('The survivor, when kind is merged.'),
}).superRefine((change, context) => {
  if (change.kind === 'image' && Object.keys(change.image).length === 0) context.addIssue({ code: 'custom', path: ['image'], message: 'an image must hold the fields of the contact' });
  if (change.kind === 'merged' && change.mergedInto === null) context.addIssue({ code: 'custom', path: ['mergedInto'], message: 'a merge must name the survivor' });
  for (const name of Object.keys(change.fieldTimes)) {
    if (!Object.hasOwn(change.image, name)) context.addIssue({ code: 'custom', path: ['fieldTimes', name], message: 'the image does not hold this field' });
  }
});
/** As the service gives it. */
export type PublishedChange = z.input<typeof zPublishedChange>;

export interface Receipt {
  readonly changeId: string;
  readonly tenantId: string;
  /** Our clock, epoch ms. */
  readonly receivedAt: number;
}

/** The very change that change data capture yields for the same row version, but for its capture. */
export function changeOfPublished(published: z.output<typeof zPublishedChange>, { changeId, tenantId, receivedAt }: Receipt): ContactChange {
  const { recordId, revision, kind, image, fieldTimes, modifiedAt, references, mergedInto } = published;
  const isImage = kind === 'image';
  return {
    changeId, tenantId, side: 'bevatel', integrationId: null, recordId, kind, revision: String(revision), image: isImage ? image : {},
    fieldTimes: isImage ? fieldTimes : {}, histories: {}, modifiedAt, observedFrom: receivedAt, observedTo: receivedAt, readById: false, capture: 'publish',
    references: isImage ? references : {}, mergedIds: [], mergedInto: kind === 'merged' ? mergedInto : null,
  };
}

/**
 * The change that tells of a contact as the contact API shows it. `changed` names the fields that this version changed
 * (custom attributes as `custom.<name>`): they get its time and actor; other times stay unknown (I5).
 */
export function publishedChangeOf(contact: Contact, changed: readonly string[] = []): PublishedChange {
  const { custom, ...plain } = contact.fields;
  const image: NonNullable<PublishedChange['image']> = { ...plain };
  for (const [name, value] of Object.entries(custom ?? {})) image[CUSTOM_PREFIX + name] = value;
  const removed = changed.filter((name) => name.startsWith(CUSTOM_PREFIX) && !(name in image));
  for (const name of removed) image[name] = null;
  const at = Date.parse(contact.updated_at);
  return {
    recordId: contact.id, revision: contact.version, kind: contact.deleted ? 'deleted' : 'image', image, modifiedAt: at,
    fieldTimes: Object.fromEntries(changed.filter((name) => name in image).map((name) => [name, { at, actor: contact.updated_by }])),
    references: contact.external_references,
  };
}
