/**
 * Keyed hashes of what tells a person (a phone number, an address), by which an erased person is kept from being imported
 * again although nothing personal is stored. The keys come from the environment, so that whoever has the database alone
 * cannot try numbers out.
 *
 * `ERASURE_HASH_KEYS=2027:secret,2026:secret`: the first key makes new hashes; all of them are tried when a record is
 * compared. A hash cannot be made anew under another key, so a key stays in the list for as long as hashes of it are kept.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { SyncError } from '../schemas/errors.ts';
import type { Env } from './secrets.ts';

export interface PersonHash {
  readonly keyId: string;
  readonly hash: Buffer;
}

export interface PersonHashes {
  /** The ids of all keys, the one for new hashes first. */
  readonly keyIds: readonly string[];
  /** For storing; different in each tenant. */
  hash(tenantId: string, personKey: string): PersonHash;
  /** Under every key, for comparing. */
  candidates(tenantId: string, personKey: string): readonly PersonHash[];
}

export const PERSON_HASH_VARIABLE = 'ERASURE_HASH_KEYS';

const zKeys = z.string()
  .transform((text) => text.split(',').map((entry) => entry.trim()).filter(Boolean))
  .refine((entries) => entries.length > 0 && entries.every((entry) => /^[\w.-]{1,32}:\S{32,}$/.test(entry)), 'must be id:secret, several separated by commas; a secret has 32 characters at least')
  .transform((entries) => entries.map((entry) => ({ keyId: entry.slice(0, entry.indexOf(':')), secret: entry.slice(entry.indexOf(':') + 1) })))
  .refine((keys) => new Set(keys.map(({ keyId }) => keyId)).size === keys.length, 'must not name an id twice');

/** Null when the variable is not set. Throws SyncError `configuration_invalid`, which never repeats a value. */
export function parsePersonHashes(env: Env): PersonHashes | null {
  const given = env[PERSON_HASH_VARIABLE];
  if (given === undefined || given === '') return null;
  const parsed = zKeys.safeParse(given);
  if (!parsed.success) throw new SyncError('configuration_invalid', `${PERSON_HASH_VARIABLE} ${parsed.error.issues[0]?.message ?? 'is malformed'}`);
  const keys = parsed.data;
  const [current] = keys;
  if (!current) return null;
  return {
    keyIds: keys.map(({ keyId }) => keyId),
    hash: (tenantId, personKey) => hashOf(current, tenantId, personKey),
    candidates: (tenantId, personKey) => keys.map((key) => hashOf(key, tenantId, personKey)),
  };
}

function hashOf({ keyId, secret }: { readonly keyId: string; readonly secret: string }, tenantId: string, personKey: string): PersonHash {
  return { keyId, hash: createHmac('sha256', secret).update(`${tenantId}\n${personKey}`).digest() };
}
