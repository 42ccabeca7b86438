/**
 * Finds the link of a record that has none yet: by an absorbed id, by reference; else a new link with one side, which is
 * the reservation for its partner (design §5, Matching; I4) and is matched by its keys afterwards (match-group.ts).
 */
import { EMPTY_STATE, idOn, withId } from '../../domain/link.ts';
import type { LinkContext } from '../../domain/context.ts';
import { follow, isMadeAgain, replaced, withEndOf } from '../../domain/gone.ts';
import { leftBehind } from '../../domain/left-behind.ts';
import type { Link, LinkHold, LinkState, Parted } from '../../domain/link.ts';
import { isMatchHold } from '../../domain/match-hold.ts';
import { mergeLinks } from '../../domain/merge.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import type { KnownRedirects } from '../../store/redirects.ts';
import type { Entry, Workspace } from './workspace.ts';

export interface Request {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly context: LinkContext;
  readonly change: ContactChange;
  readonly redirects: KnownRedirects;
  readonly lane: Lane;
  readonly now: number;
  readonly newId: () => string;
}

/** `isNew`: nobody knows yet who its partner is. */
export interface Found {
  readonly entry: Entry;
  readonly isNew: boolean;
}

export function matchRecord(workspace: Workspace, request: Request): Found {
  const known = byFollowing(workspace, request) ?? byAbsorbedId(workspace, request) ?? byReference(workspace, request);
  return known ? { entry: known, isNew: false } : { entry: reserve(workspace, request, null), isNew: true };
}

/**
 * Hub and spoke: another integration had the Bevatel contact made again, and this is what came of it, seen before the
 * answer. The link follows, as it would with the answer (services/deliver/followers.ts).
 */
function byFollowing(workspace: Workspace, request: Request): Entry | null {
  const { change, tenantId, integrationId, now, newId, context } = request;
  if (change.side !== 'bevatel') return null;
  const leader = Object.entries(change.references).flatMap(([system, id]) => (system === integrationId ? [] : workspace.leader(tenantId, system, id, change.recordId) ?? [])).at(0);
  const entry = leader && workspace.find(tenantId, integrationId, 'bevatel', leader.bevatelId ?? '');
  if (!leader || !entry || entry.link.erased || entry.link.state.formerOf !== undefined) return null;
  const before = withEndOf(entry.link, leader);
  workspace.change(entry, follow(entry.link, change.recordId, now), null, now);
  if (entry.link.state.unmatched) workspace.queue(entry);
  for (const tombstone of leftBehind(before, entry.link, newId, context)) workspace.create(tombstone);
  return entry;
}

/** The record names its partner: attach it, unless the partner is paired with another record already. */
function byReference(workspace: Workspace, request: Request): Entry | null {
  const { change, tenantId, integrationId, now } = request;
  const other = otherSide(change.side);
  const partnerId = partnerOf(request);
  const partner = partnerId === undefined ? undefined : workspace.find(tenantId, integrationId, other, partnerId);
  if (!partner) return null;
  if (isApart(partner.link, request)) return reserve(workspace, request, null, { side: other, id: partnerId ?? '', at: now, by: 'parted' });
  // The partner ended, and the person goes on in another link: a creation of ours may land as late as that.
  const { formerOf } = partner.link.state;
  if (formerOf !== undefined) return reserve(workspace, request, { kind: 'possible_duplicate', since: now, candidates: [formerOf], rule: 'reference' });
  // What is gone there is being made again: this is what came of it, seen before its answer.
  if (isMadeAgain(partner.link, change.side)) return takePlace(workspace, partner, request);
  if (idOn(partner.link, change.side) === null) return attach(workspace, partner, request);
  return reserve(workspace, request, { kind: 'possible_duplicate', since: now, candidates: [partner.link.linkId], rule: 'reference' });
}

/** The two were parted, and no operator has said since that they belong together. */
function isApart(link: Link, { change }: Pick<Request, 'change'>): boolean {
  return link.state.apart?.some((one) => one.side === change.side && one.id === change.recordId) === true;
}

function takePlace(workspace: Workspace, entry: Entry, request: Request): Entry {
  const { change: { side, recordId }, now, newId, context } = request;
  const before = entry.link;
  workspace.change(entry, replaced(before, side, recordId), null, now);
  for (const tombstone of leftBehind(before, entry.link, newId, context)) workspace.create(tombstone);
  return entry;
}

/**
 * The record is the survivor of a merge: the link of what it absorbed goes with it. The survivor carries the reference
 * of one of them, which is preferred; its image may come before the news of the merge.
 */
function byAbsorbedId(workspace: Workspace, request: Request): Entry | null {
  const { change: { side, recordId: into, mergedIds }, tenantId, integrationId, redirects, context, now } = request;
  const absorbed = mergedIds.flatMap((id) => workspace.find(tenantId, integrationId, side, id) ?? []);
  const partnerId = partnerOf(request);
  const entry = absorbed.find(({ link }) => idOn(link, otherSide(side)) === partnerId) ?? absorbed[0];
  if (!entry) return null;
  const { loser } = mergeLinks(entry.link, null, { side, into, redirects: redirects.of({ tenantId, integrationId, side: otherSide(side) }), context, now });
  workspace.change(entry, unread(loser ?? entry.link, side), request.lane, now);
  return entry;
}

/** The survivor is at hand: it need not be read, and its image goes over what was seen of the record that went away. */
export function unread(link: Link, side: Side): Link {
  const { readDue, ...state } = link.state;
  const { [side]: _read, ...reads } = readDue ?? {};
  const seen = state.seen[side];
  return {
    ...link,
    state: { ...state, ...(Object.keys(reads).length > 0 ? { readDue: reads } : {}), seen: seen ? { ...state.seen, [side]: { ...seen, recordedAt: 0 } } : state.seen },
  };
}

/** The partner that the record names, or the one into which that went on. */
function partnerOf({ change, tenantId, integrationId, redirects }: Request): string | undefined {
  const named = change.references[change.side === 'bevatel' ? integrationId : 'bevatel'];
  return named === undefined ? undefined : redirects.resolve({ tenantId, integrationId, side: otherSide(change.side), id: named });
}

/** A reference says more than keys: what was held by them is not any more. */
function attach(workspace: Workspace, entry: Entry, { change, now }: Request): Entry {
  const { hold, ...state } = entry.link.state;
  const link = withId({ ...entry.link, state: hold && !isMatchHold(hold) ? { ...state, hold } : state }, change.side, change.recordId);
  workspace.change(entry, link, null, now);
  return entry;
}

function reserve(workspace: Workspace, request: Request, held: LinkHold | null, parted: Parted | null = null): Entry {
  const state: LinkState = {
    ...EMPTY_STATE,
    ...(held ? { hold: held } : {}),
    ...(held || parted ? {} : { unmatched: true }),
    ...(parted ? { apart: [parted], alone: { since: request.now, reason: 'unlinked' } } : {}),
  };
  return workspace.create(newLink(request, state, false));
}

/** The record of an erased person: its id and the erasure that keeps it out, nothing else. */
export function keepOut(workspace: Workspace, request: Pick<Request, 'tenantId' | 'integrationId' | 'change' | 'newId'>, erasure: string): Entry {
  return workspace.create(newLink(request, { ...EMPTY_STATE, erasure }, true));
}

function newLink({ tenantId, integrationId, change, newId }: Pick<Request, 'tenantId' | 'integrationId' | 'change' | 'newId'>, state: LinkState, erased: boolean): Link {
  return {
    tenantId, integrationId, linkId: newId(), state, erased,
    bevatelId: change.side === 'bevatel' ? change.recordId : null,
    externalId: change.side === 'external' ? change.recordId : null,
  };
}
