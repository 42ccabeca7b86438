/**
 * The wire contract of Bevatel's contact API: what travels, with its limits. `docs/bevatel-contract.md` says the
 * same in prose. The client of the connector and the sandbox are both checked against these schemas.
 *
 * Lengths count code points. Every field is nullable: null means cleared, absent means "not said".
 */
import { z } from 'zod';

export const PAGE_LIMIT = 200;
export const BATCH_LIMIT = 100;

/** Postgres stores neither U+0000 nor lone surrogates: such text can never have been typed by a person. */
function storable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

function text(maxCodePoints: number) {
  return z
    .string()
    .refine(storable, 'must be well-formed Unicode without U+0000')
    .refine((value) => value.length <= maxCodePoints || [...value].length <= maxCodePoints, {
      message: `must have at most ${maxCodePoints} code points`,
    });
}

/** An id as a caller may name it; whether it exists is another question. */
export const contactId = text(200);

export const idempotencyKey = text(200).refine((value) => value.length > 0, 'must not be empty');

const customValue = z.union([text(65_535), z.number(), z.boolean(), z.null()]);

const fieldShape = {
  contact_first_name: text(100).nullable(),
  contact_last_name: text(100).nullable(),
  phone_number: text(32).nullable(),
  email: text(254).nullable(),
  company_name: text(255).nullable(),
  source_channel: text(100).nullable(),
  crm_url: text(2048).nullable(),
  language: text(16).nullable(),
  tags: z.array(text(100)).max(500).nullable(),
  consent: z.enum(['opted_in', 'opted_out', 'unknown']).nullable(),
  owner: text(254).nullable(),
  custom: z.record(text(100), customValue).nullable(),
};

export const contactFields = z.strictObject(fieldShape);
export const contactPatch = contactFields.partial();
export type ContactFields = z.infer<typeof contactFields>;
export type ContactPatch = z.infer<typeof contactPatch>;
export type FieldName = keyof ContactFields;
export const FIELD_NAMES = Object.keys(fieldShape) as readonly FieldName[];

/** One contact as the API answers it. `version` grows by one with every real change; `updated_at` is ISO 8601, ms. */
export const contact = z.object({
  id: z.string(),
  version: z.number().int().positive(),
  fields: contactFields,
  external_references: z.record(z.string(), z.string()),
  created_at: z.string(),
  updated_at: z.string(),
  updated_by: z.string(),
  deleted: z.boolean(),
});
export type Contact = z.infer<typeof contact>;

export const externalReference = z.strictObject({
  integration_id: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be 1 to 100 letters, digits, dots, dashes'),
  external_id: text(200).refine((value) => value.length > 0, 'must not be empty'),
});
export type ExternalReference = z.infer<typeof externalReference>;

/** In an update null removes the integration's id. */
export const externalReferencePatch = externalReference.extend({ external_id: externalReference.shape.external_id.nullable() });
export type ExternalReferencePatch = z.infer<typeof externalReferencePatch>;

export const contactPage = z.object({
  results: z.array(contact),
  next_cursor: z.string().nullable(),
  total: z.number().int().nonnegative(),
});
export type ContactPage = z.infer<typeof contactPage>;

export const createBody = z.strictObject({ fields: contactPatch, external_reference: externalReference.optional() });
export const patchBody = z.strictObject({ fields: contactPatch });
export const mergeBody = z.strictObject({ into: contactId });

export const batchReadBody = z.strictObject({ ids: z.array(contactId).max(BATCH_LIMIT) });
export const missingContact = z.object({
  id: z.string(),
  reason: z.enum(['not_found', 'deleted', 'erased', 'merged']),
  merged_into: z.string().optional(),
});
export type MissingContact = z.infer<typeof missingContact>;
export const batchReadAnswer = z.object({ results: z.array(contact), missing: z.array(missingContact) });
export type BatchReadAnswer = z.infer<typeof batchReadAnswer>;

export const createItem = z.strictObject({
  op: z.literal('create'),
  ref: z.string(),
  idempotency_key: idempotencyKey,
  fields: contactPatch,
  external_reference: externalReference.optional(),
});
export const updateItem = z.strictObject({
  op: z.literal('update'),
  ref: z.string(),
  id: contactId,
  if_match: z.number().int().positive(),
  fields: contactPatch,
  external_reference: externalReferencePatch.optional(),
});
export const writeItem = z.discriminatedUnion('op', [createItem, updateItem]);
export type CreateItem = z.infer<typeof createItem>;
export type UpdateItem = z.infer<typeof updateItem>;
export type WriteItem = z.infer<typeof writeItem>;

export const fault = z.object({ path: z.string(), message: z.string() });
export type Fault = z.infer<typeof fault>;

/** Body of every refusal. The code is stable, the message is for people. */
export const apiError = z.object({
  code: z.string(),
  message: z.string().optional(),
  faults: z.array(fault).optional(),
  contact_id: z.string().optional(),
  merged_into: z.string().optional(),
});
export type ApiErrorBody = z.infer<typeof apiError>;

export const writeResult = z.object({
  ref: z.string(),
  status: z.number().int(),
  contact: contact.optional(),
  error: apiError.optional(),
});
export type WriteResult = z.infer<typeof writeResult>;
export const batchWriteAnswer = z.object({ results: z.array(writeResult) });
