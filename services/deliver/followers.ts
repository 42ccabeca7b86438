/**
 * Links that go on under other ids, in the transaction that records why. What they had before is kept as tombstones
 * (domain/left-behind.ts).
 *
 * Hub and spoke: a Bevatel contact that was made again has a new id, and the tenant's other integrations follow it, in the
 * transaction that records the answer; else they would take it for a new contact (I4).
 */
import type { Link } from '../../domain/link.ts';
import { follow, withEndOf } from '../../domain/gone.ts';
import type { LinkContext } from '../../domain/context.ts';
import type { Mapping } from '../../domain/lenses/mapping.ts';
import { leftBehind } from '../../domain/left-behind.ts';
import type { Transaction } from '../../runtime/database.ts';
import { deleteLinks, lockLinks, saveLinks } from '../../store/links.ts';
import type { StoredLink } from '../../store/links.ts';
import { keyMovesOf, moveKeys } from '../../store/match-keys.ts';
import { queueMatching } from '../../store/match-queue.ts';
import type { IntegrationKey } from '../../store/integrations.ts';
import type { Recorded } from './record-ends.ts';

export interface Following {
  /** Of the integration whose outcomes are recorded. */
  readonly context: LinkContext;
  /** Of another one of the tenant. */
  readonly mappingOf: (integration: IntegrationKey) => Mapping | undefined;
  readonly newId: () => string;
}

export async function followReplaced(transaction: Transaction, recorded: readonly Pick<Recorded, 'stored' | 'link'>[], { context, mappingOf, newId }: Following, now: number): Promise<void> {
  keepTombstones(transaction, recorded.map(({ stored, link }) => ({ before: stored.link, after: link })), context, newId, now);
  const replaced = new Map(recorded.flatMap(({ stored: { link: before }, link }): [string, Replaced][] => (
    before.state.gone?.bevatel !== undefined && before.bevatelId !== null && link.bevatelId !== null && link.bevatelId !== before.bevatelId ? [[before.bevatelId, { before, after: link }]] : [])));
  if (replaced.size === 0) return;
  const locked = await lockLinks(transaction, [...replaced].flatMap(([formerId, { after }]) => [formerId, after.bevatelId ?? ''].map((recordId) => ({ tenantId: after.tenantId, integrationId: null, side: 'bevatel' as const, recordId }))));
  const followers = locked.flatMap((stored) => {
    const leader = replaced.get(stored.link.bevatelId ?? '');
    if (!leader || leader.after.integrationId === stored.link.integrationId || stored.link.erased || stored.link.state.formerOf !== undefined) return [];
    const rival = locked.find(({ link }) => link.integrationId === stored.link.integrationId && link.bevatelId === leader.after.bevatelId);
    return rival && !isUntouched(rival) ? [] : [{ stored, before: withEndOf(stored.link, leader.before), link: follow(stored.link, leader.after.bevatelId ?? '', now), rival }];
  });
  const absorbed = followers.flatMap(({ rival }) => rival?.link ?? []);
  deleteLinks(transaction, absorbed, now);
  saveLinks(transaction, [], followers.map(({ link }) => ({ link, lane: 'live', lease: 'keep' })), now);
  keepTombstones(transaction, followers.map(({ before, link }) => ({ before, after: link })), context, newId, now);
  moveKeys(transaction, followers.flatMap(({ stored, link }) => {
    const mapping = mappingOf(link);
    return mapping ? keyMovesOf(mapping, [{ before: stored.link, after: link }]) : [];
  }), now);
  queueMatching(transaction, followers.flatMap(({ link }) => (link.state.unmatched ? [link] : [])), now);
}

interface Replaced {
  readonly before: Link;
  readonly after: Link;
}

/** After the links were saved: an id is in one row at a time. */
function keepTombstones(transaction: Transaction, replaced: readonly Replaced[], context: LinkContext, newId: () => string, now: number): void {
  const tombstones = replaced.flatMap(({ before, after }) => leftBehind(before, after, newId, context));
  saveLinks(transaction, tombstones.map((link) => ({ link, lane: null, lease: 'keep' })), [], now);
}

/** The new contact was seen on its own first, and nothing has been made of it yet. */
function isUntouched({ link }: StoredLink): boolean {
  return link.externalId === null && link.state.attempts.length === 0;
}
