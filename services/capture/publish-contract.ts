/**
 * What Bevatel's contact service sends to the publish API: a full image of a contact at its row version, as change data
 * capture would show it. The shape is checked here; whether values keep their type rules is the reconciler's to say.
 */
import { z } from 'zod';
import type { ContactChange } from '../../schemas/change.ts';
import { CONTACT_FIELDS, zContactImage } from '../../schemas/contact.ts';

export const MAX_CHANGES = 500;

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
  image: zContactImage.default({}).describe(`Every field of the contact: absent is unknown, null is cleared. Fields are ${Object.keys(CONTACT_FIELDS).join(', ')} and custom.<name>.`),
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
export type PublishedChange = z.output<typeof zPublishedChange>;

export const zBatch = z.strictObject({ changes: z.array(z.unknown()).min(1).max(MAX_CHANGES) });

export const zFault = z.object({ path: z.string(), message: z.string() });
export type Fault = z.output<typeof zFault>;

export const zItemResult = z.object({
  index: z.int(),
  status: z.enum(['accepted', 'refused']),
  changeId: z.string().nullable().describe('Under this id the change stands in explain and in the decisions.'),
  faults: z.array(zFault),
});
export type ItemResult = z.output<typeof zItemResult>;

export const zPublishAnswer = z.object({ results: z.array(zItemResult) });
export const zApiError = z.object({ error: z.object({ code: z.string(), message: z.string(), advice: z.string(), faults: z.array(zFault).optional() }) });

/** All faults of an item at once, by path and never by value (I11). */
export function faultsOf(error: z.ZodError, prefix: readonly PropertyKey[] = []): Fault[] {
  return error.issues.map(({ path, message }) => ({ path: [...prefix, ...path].map(String).join('.'), message }));
}

export interface Receipt {
  readonly changeId: string;
  readonly tenantId: string;
  readonly receivedAt: number;
}

/** The very change that change data capture yields for the same row version, but for its capture. */
export function changeOfPublished(published: PublishedChange, { changeId, tenantId, receivedAt }: Receipt): ContactChange {
  const { recordId, revision, kind, image, fieldTimes, modifiedAt, references, mergedInto } = published;
  const isImage = kind === 'image';
  return {
    changeId, tenantId, side: 'bevatel', integrationId: null, recordId, kind, revision: String(revision), image: isImage ? image : {},
    fieldTimes: isImage ? fieldTimes : {}, histories: {}, modifiedAt, observedFrom: receivedAt, observedTo: receivedAt, readById: false, capture: 'publish',
    references: isImage ? references : {}, mergedIds: [], mergedInto: kind === 'merged' ? mergedInto : null,
  };
}
