/**
 * Who waits before it makes a Bevatel contact, because another integration of the tenant makes or has just made one for
 * the same person (domain/give-way.ts). It runs in the transaction that records the attempts, under the tenant's lock, so
 * that of two that come at the same time the second sees the attempt of the first. A tenant with one integration has
 * nobody to look for.
 */
import { givesWay } from '../../domain/give-way.ts';
import type { Link } from '../../domain/link.ts';
import { keysOn } from '../../domain/match.ts';
import type { Transaction } from '../../runtime/database.ts';
import { SIDES } from '../../schemas/value.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { findRivals, lockBevatelCreation } from '../../store/rivals.ts';
import type { Sought } from '../../store/rivals.ts';

/** The ids of those among these links, each about to have its Bevatel contact made, that wait. */
export async function givingWay(transaction: Transaction, known: KnownIntegration, links: readonly Link[], now: number): Promise<ReadonlySet<string>> {
  if (links.length === 0 || known.others.length === 0) return new Set();
  lockBevatelCreation(transaction, known.tenantId);
  const rivals = await findRivals(transaction, known, links.map((link) => soughtOf(link, known)));
  return new Set(links.flatMap((link) => (givesWay(link, rivals.get(link.linkId) ?? [], now) ? [link.linkId] : [])));
}

function soughtOf(link: Link, { context: { mapping } }: KnownIntegration): Sought {
  const keys = new Set(SIDES.flatMap((side) => keysOn(mapping, link, side).map(({ key }) => key)));
  return { linkId: link.linkId, keys: [...keys], bevatelId: link.bevatelId };
}
