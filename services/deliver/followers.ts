/**
 * Hub and spoke: a Bevatel contact that was made again has a new id, and the tenant's other integrations follow it, in the
 * transaction that records the answer; else they would take it for a new contact (I4).
 */
import type { Link } from '../../domain/link.ts';
import { repoint } from '../../domain/gone.ts';
import type { Transaction } from '../../runtime/database.ts';
import { deleteLinks, lockLinks, saveLinks } from '../../store/links.ts';
import type { StoredLink } from '../../store/links.ts';
import type { Recorded } from './record-ends.ts';

export async function followReplaced(transaction: Transaction, recorded: readonly Recorded[], now: number): Promise<void> {
  const replaced = new Map(recorded.flatMap(({ stored: { link: before }, link }): [string, Link][] => (
    before.state.gone?.bevatel !== undefined && before.bevatelId !== null && link.bevatelId !== null && link.bevatelId !== before.bevatelId ? [[before.bevatelId, link]] : [])));
  if (replaced.size === 0) return;
  const locked = await lockLinks(transaction, [...replaced].flatMap(([formerId, link]) => [formerId, link.bevatelId ?? ''].map((recordId) => ({ tenantId: link.tenantId, integrationId: null, side: 'bevatel' as const, recordId }))));
  const followers = locked.flatMap((stored) => {
    const leader = replaced.get(stored.link.bevatelId ?? '');
    if (!leader || leader.integrationId === stored.link.integrationId || stored.link.erased) return [];
    const rival = locked.find(({ link }) => link.integrationId === stored.link.integrationId && link.bevatelId === leader.bevatelId);
    return rival && !isUntouched(rival) ? [] : [{ link: followed(stored.link, leader.bevatelId ?? '', now), rival }];
  });
  const absorbed = followers.flatMap(({ rival }) => rival?.link ?? []);
  deleteLinks(transaction, absorbed, now);
  saveLinks(transaction, [], followers.map(({ link }) => ({ link, lane: 'live', lease: 'keep' })), now);
}

/** The same contact under another id: no merge, although the link follows as in one. */
function followed(link: Link, id: string, now: number): Link {
  const { merged: _merged, ...state } = repoint(link, 'bevatel', id, now).state;
  return { ...link, bevatelId: id, state };
}

/** The new contact was seen on its own first, and nothing has been made of it yet. */
function isUntouched({ link }: StoredLink): boolean {
  return link.externalId === null && link.state.attempts.length === 0;
}
