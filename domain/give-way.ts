/**
 * Hub and spoke: which of the tenant's integrations makes a Bevatel contact (I4). Pure.
 *
 * A person who is in two external systems and not in Bevatel is to be made there once, and so is a contact that two
 * integrations want made again. Whoever puts its attempt on record first makes it; the others look under the tenant's lock
 * (services/deliver/give-way.ts) and wait:
 *
 * | a link of another integration with a key of ours, or with the contact that is gone | ours |
 * |---|---|
 * | has a creation in Bevatel on record                               | waits for what comes of it |
 * | has its contact, of which we have no image yet or did not match it | waits until that is matched, by the ordinary rules |
 * | has neither: it waits itself, was refused, is held or switched off | goes on |
 *
 * Nobody is held for a key of another integration: `match.shared` is asked when the contact that was waited for is
 * matched, and speaks of the records of one integration. Nobody waits for ever either: an attempt that nobody closes (its
 * integration is paused), and a contact that never comes here (its image is in quarantine), count for `PATIENCE_MS`.
 */
import type { Link } from './link.ts';

/** Far beyond the time in which an attempt is closed, and in which the image of a contact comes to all integrations (ms). */
export const PATIENCE_MS = 600_000;

/** A link of another integration that has a key in common with a link of ours, or the Bevatel contact that is gone. */
export interface Rival {
  readonly link: Link;
  /** Its Bevatel contact has a link of our integration, which was matched. */
  readonly isKnownHere: boolean;
}

/** Whether the link, which is about to have a Bevatel contact made, waits for another integration's. */
export function givesWay(link: Pick<Link, 'bevatelId'>, rivals: readonly Rival[], now: number): boolean {
  return rivals.some((rival) => isMaking(rival.link, now) || hasMade(link, rival, now));
}

function isMaking({ state: { attempts } }: Link, now: number): boolean {
  return attempts.some(({ side, kind, deadline }) => side === 'bevatel' && kind === 'create' && now <= deadline + PATIENCE_MS);
}

function hasMade({ bevatelId: former }: Pick<Link, 'bevatelId'>, { link: { bevatelId, erased, state }, isKnownHere }: Rival, now: number): boolean {
  if (isKnownHere || erased || bevatelId === null || bevatelId === former || state.gone?.bevatel !== undefined) return false;
  return now <= (state.seen.bevatel?.recordedAt ?? 0) + PATIENCE_MS;
}
