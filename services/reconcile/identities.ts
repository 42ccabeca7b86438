/**
 * Opens the workspace of a batch that matches: the identities of its records are locked first, then all links that hang
 * together with them. A group may reach further than the keys of the batch: then the transaction ends without effects and
 * is begun again with more of them, since locks are taken in one order (design §5).
 */
import { CROWD } from '../../domain/pairing.ts';
import { matchIdentityBuckets, matchKeys } from '../../domain/match.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { ContactChange } from '../../schemas/change.ts';
import type { BookSnapshot } from '../../store/integration-book.ts';
import { lockLinks } from '../../store/links.ts';
import type { RecordRef, StoredLink } from '../../store/links.ts';
import { findBearers, lockIdentities, storedKeys } from '../../store/match-keys.ts';
import type { BearerRow, WantedKey } from '../../store/match-keys.ts';

/** Ends the transaction without effects: records of the batch are to be matched, and identities must be locked before links. */
export class NeedsMatching extends Error {}

/** Ends the transaction without effects: records of the batch hang together with others by these keys as well. */
export class GroupReachesFurther extends Error {
  readonly keys: readonly WantedKey[];

  constructor(keys: readonly WantedKey[]) {
    super('a group reaches further than the keys that are locked');
    this.keys = keys;
  }
}

/** Beyond so many keys a group is taken as far as it was found. */
export const MOST_KEYS = 2_000;

/** Throws GroupReachesFurther. `further` are keys that an earlier try found. */
export async function lockGroups(transaction: Transaction, book: BookSnapshot, changes: readonly ContactChange[], records: readonly RecordRef[], further: readonly WantedKey[]): Promise<StoredLink[]> {
  const own = changes.flatMap((change) => (change.kind === 'image' ? keysOf(change, book) : []));
  const wanted = [...own.map(({ key }) => key), ...further];
  lockIdentities(transaction, wanted.flatMap(({ matchKey, ...key }) => matchIdentityBuckets([matchKey]).map((bucket) => ({ ...key, bucket }))));
  const bearers = await findBearers(transaction, [...own.flatMap(({ key, isMatched }) => (isMatched ? [key] : [])), ...further], CROWD + 1);
  const more = await keysBeyond(transaction, bearers, wanted);
  if (more.length > 0 && wanted.length + more.length <= MOST_KEYS) throw new GroupReachesFurther([...further, ...more]);
  return lockLinks(transaction, records, bearers);
}

function keysOf(change: ContactChange, book: BookSnapshot): { readonly key: WantedKey; readonly isMatched: boolean }[] {
  return book.concernedBy(change).flatMap(({ tenantId, integrationId, context, isMatched }) =>
    matchKeys(context.mapping, change.side, change.image).map(({ key }) => ({ key: { tenantId, integrationId, matchKey: key }, isMatched })));
}

/** Other keys of the records without a partner that were found. */
async function keysBeyond(transaction: Transaction, bearers: readonly BearerRow[], wanted: readonly WantedKey[]): Promise<readonly WantedKey[]> {
  const alone = new Map(bearers.filter(({ isOneSided }) => isOneSided).map((row) => [row.linkId, row]));
  if (alone.size === 0) return [];
  const known = new Set(wanted.map(nameOf));
  const rows = await storedKeys(transaction, [...alone.values()]);
  return [...new Map(rows.filter((row) => !known.has(nameOf(row))).map((row) => [nameOf(row), row])).values()];
}

function nameOf({ tenantId, integrationId, matchKey }: WantedKey): string {
  return `${tenantId}|${integrationId}|${matchKey}`;
}
