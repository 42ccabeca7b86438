/** Outcomes of single contact operations: status, contact and error exactly as the API answers them. */
import { isDeepStrictEqual } from 'node:util';

import type { ApiErrorBody, Contact, ContactPatch } from '../contact-api.ts';
import type { ContactRow } from './rows.ts';
import { toContact } from './rows.ts';

export interface Outcome {
  status: number;
  contact?: Contact;
  error?: ApiErrorBody;
}

/** What is known of an id: its row if there is one, and whether the id was erased. */
export interface KnownId {
  row: ContactRow | undefined;
  erased: boolean;
}

/** Why there is no living contact under this id; undefined when there is one. */
export function absence({ row, erased }: KnownId): Outcome | undefined {
  if (row === undefined) {
    return erased ? { status: 410, error: { code: 'erased' } } : { status: 404, error: { code: 'not_found' } };
  }
  if (row.merged_into !== null) return { status: 404, error: { code: 'merged', merged_into: row.merged_into } };
  if (row.deleted_at !== null) return { status: 404, error: { code: 'deleted' } };
  return undefined;
}

export function versionMismatch(current: Contact): Outcome {
  return { status: 412, contact: current, error: { code: 'version_mismatch' } };
}

export function referenceTaken(holder: Contact): Outcome {
  return { status: 409, contact: holder, error: { code: 'external_reference_taken', contact_id: holder.id } };
}

/**
 * The outcome of an update that touched no row: the contact is gone, its version moved, or the patch says what is
 * there already. `taken` is who holds the reference that the update wanted, if somebody else does.
 */
export function missedUpdate(
  known: KnownId,
  update: { if_match: number; fields: ContactPatch },
  taken: Contact | undefined,
): Outcome {
  const gone = absence(known);
  if (gone !== undefined || known.row === undefined) return gone ?? { status: 404, error: { code: 'not_found' } };
  const current = toContact(known.row);
  if (current.version !== update.if_match) return versionMismatch(current);
  if (taken !== undefined) return referenceTaken(taken);
  return changesNothing(current, update.fields) ? { status: 200, contact: current } : versionMismatch(current);
}

function changesNothing(current: Contact, patch: ContactPatch): boolean {
  return Object.entries(patch).every(([name, value]) => {
    const now: unknown = current.fields[name as keyof ContactPatch];
    const after: unknown = name === 'custom' && isObject(value) && isObject(now) ? { ...now, ...value } : value;
    return isDeepStrictEqual(now, after);
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
