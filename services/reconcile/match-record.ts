/**
 * Finds the link of a record that has none yet: by an absorbed id, by reference; else a new link with one side, which is
 * the reservation for its partner (design §5, Matching; I4) and is matched by its keys afterwards (match-group.ts).
 */
import { EMPTY_STATE, idOn, withId } from '../../domain/link.ts';
import { afterMerge, replaced } from '../../domain/gone.ts';
import type { Link, LinkHold, LinkState, Parted } from '../../domain/link.ts';
import { isMatchHold } from '../../domain/match-hold.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import type { Entry, Workspace } from './workspace.ts';

export interface Request {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly change: ContactChange;
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
  const known = byAbsorbedId(workspace, request) ?? byReference(workspace, request);
  return known ? { entry: known, isNew: false } : { entry: reserve(workspace, request, null), isNew: true };
}

/** The record names its partner: attach it, unless the partner is paired with another record already. */
function byReference(workspace: Workspace, request: Request): Entry | null {
  const { change, tenantId, integrationId, now } = request;
  const other = otherSide(change.side);
  const partnerId = partnerOf(request);
  const partner = partnerId === undefined ? undefined : workspace.find(tenantId, integrationId, other, partnerId);
  if (!partner) return null;
  if (isApart(partner.link, request)) return reserve(workspace, request, null, { side: other, id: partnerId ?? '', at: now, by: 'parted' });
  if (isMadeAgain(partner.link, change.side)) return takePlace(workspace, partner, request);
  if (idOn(partner.link, change.side) === null) return attach(workspace, partner, request);
  return reserve(workspace, request, { kind: 'possible_duplicate', since: now, candidates: [partner.link.linkId], rule: 'reference' });
}

/** The two were parted, and no operator has said since that they belong together. */
function isApart(link: Link, { change }: Pick<Request, 'change'>): boolean {
  return link.state.apart?.some((one) => one.side === change.side && one.id === change.recordId) === true;
}

/** What is gone there is being made again: this is what came of it, seen before its answer. */
function isMadeAgain(link: Link, side: Side): boolean {
  return link.state.gone?.[side] !== undefined && link.state.attempts.some((attempt) => attempt.side === side && attempt.kind === 'create');
}

function takePlace(workspace: Workspace, entry: Entry, request: Request): Entry {
  workspace.change(entry, replaced(entry.link, request.change.side, request.change.recordId), null, request.now);
  return entry;
}

/**
 * The record is the survivor of a merge: the link of what it absorbed goes with it. The survivor carries the reference
 * of one of them, which is preferred; its image may come before the news of the merge.
 */
function byAbsorbedId(workspace: Workspace, request: Request): Entry | null {
  const { change, tenantId, integrationId } = request;
  const absorbed = change.mergedIds.flatMap((id) => workspace.find(tenantId, integrationId, change.side, id) ?? []);
  const partnerId = partnerOf(request);
  const entry = absorbed.find(({ link }) => idOn(link, otherSide(change.side)) === partnerId) ?? absorbed[0];
  if (!entry) return null;
  const merged = afterMerge(entry.link.state, change.side);
  const seen = merged.seen[change.side];
  const state = seen ? { ...merged, seen: { ...merged.seen, [change.side]: { ...seen, revision: null, recordedAt: 0 } } } : merged;
  workspace.change(entry, { ...withId(entry.link, change.side, change.recordId), state }, request.lane, request.now);
  return entry;
}

/** The partner that the record names. */
function partnerOf({ change, integrationId }: Request): string | undefined {
  return change.references[change.side === 'bevatel' ? integrationId : 'bevatel'];
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
