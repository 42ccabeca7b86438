/**
 * Finds the link of a record that has none yet: by an absorbed id, by reference, by the match rules; else a new link
 * with one side, which is the reservation for its partner (design §5, Matching; I4).
 */
import { chooseMatch } from '../../domain/match.ts';
import { EMPTY_STATE, idOn, withId } from '../../domain/link.ts';
import { afterMerge, follow, isMadeAgain, replaced, withEndOf } from '../../domain/gone.ts';
import { leftBehind } from '../../domain/left-behind.ts';
import type { LinkContext } from '../../domain/context.ts';
import type { Link, LinkHold, LinkState, Parted } from '../../domain/link.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Lane } from '../../schemas/value.ts';
import type { Entry, Workspace } from './workspace.ts';

export interface Matching {
  readonly tenantId: string;
  readonly integrationId: string;
  readonly change: ContactChange;
  readonly keys: readonly string[];
  readonly context: LinkContext;
  readonly lane: Lane;
  readonly now: number;
  readonly newId: () => string;
}

export function matchRecord(workspace: Workspace, request: Matching): Entry {
  return byFollowing(workspace, request) ?? byAbsorbedId(workspace, request) ?? byReference(workspace, request) ?? byKeys(workspace, request);
}

/**
 * Hub and spoke: another integration had the Bevatel contact made again, and this is what came of it, seen before the
 * answer. The link follows, as it would with the answer (services/deliver/followers.ts).
 */
function byFollowing(workspace: Workspace, request: Matching): Entry | null {
  const { change, tenantId, integrationId, now, newId, context } = request;
  if (change.side !== 'bevatel') return null;
  const leader = Object.entries(change.references).flatMap(([system, id]) => (system === integrationId ? [] : workspace.leader(tenantId, system, id, change.recordId) ?? [])).at(0);
  const entry = leader && workspace.find(tenantId, integrationId, 'bevatel', leader.bevatelId ?? '');
  if (!leader || !entry || entry.link.erased || entry.link.state.formerOf !== undefined) return null;
  const before = withEndOf(entry.link, leader);
  workspace.change(entry, follow(entry.link, change.recordId, now), null, now);
  for (const tombstone of leftBehind(before, entry.link, newId, context)) workspace.create(tombstone, []);
  return entry;
}

/** The record names its partner: attach it, unless the partner is paired with another record already. */
function byReference(workspace: Workspace, request: Matching): Entry | null {
  const { change, tenantId, integrationId } = request;
  const other = otherSide(change.side);
  const partnerId = partnerOf(request);
  const partner = partnerId === undefined ? undefined : workspace.find(tenantId, integrationId, other, partnerId);
  if (!partner) return null;
  if (isApart(partner.link, request)) return reserve(workspace, request, null, { side: other, id: partnerId ?? '', at: request.now, by: 'parted' });
  // What is gone there is being made again: this is what came of it, seen before its answer.
  if (isMadeAgain(partner.link, change.side)) return takePlace(workspace, partner, request);
  return idOn(partner.link, change.side) === null ? attach(workspace, partner, request) : reserve(workspace, request, hold('possible_duplicate', [partner.link], request.now));
}

/** The two were parted, and no operator has said since that they belong together. */
function isApart(link: Link, { change }: Pick<Matching, 'change'>): boolean {
  return link.state.apart?.some((one) => one.side === change.side && one.id === change.recordId) === true;
}

function takePlace(workspace: Workspace, entry: Entry, request: Matching): Entry {
  const { change: { side, recordId }, now, newId, context } = request;
  const before = entry.link;
  workspace.change(entry, replaced(before, side, recordId), null, now);
  for (const tombstone of leftBehind(before, entry.link, newId, context)) workspace.create(tombstone, []);
  return entry;
}

/**
 * The record is the survivor of a merge: the link of what it absorbed goes with it. The survivor carries the reference
 * of one of them, which is preferred; its image may come before the news of the merge.
 */
function byAbsorbedId(workspace: Workspace, request: Matching): Entry | null {
  const { change, tenantId, integrationId } = request;
  const absorbed = change.mergedIds.flatMap((id) => workspace.find(tenantId, integrationId, change.side, id) ?? []);
  const partnerId = partnerOf(request);
  const entry = absorbed.find(({ link }) => idOn(link, otherSide(change.side)) === partnerId) ?? absorbed[0];
  if (!entry) return null;
  const merged = afterMerge(entry.link.state, change.side, request.now);
  const seen = merged.seen[change.side];
  const state = seen ? { ...merged, seen: { ...merged.seen, [change.side]: { ...seen, revision: null, recordedAt: 0 } } } : merged;
  workspace.change(entry, { ...withId(entry.link, change.side, change.recordId), state }, request.lane, request.now);
  return entry;
}

/** The partner that the record names. */
function partnerOf({ change, integrationId }: Matching): string | undefined {
  return change.references[change.side === 'bevatel' ? integrationId : 'bevatel'];
}

function byKeys(workspace: Workspace, request: Matching): Entry {
  const { change, tenantId, integrationId, keys, now } = request;
  const candidates = workspace.candidates(tenantId, integrationId, change.side, keys).filter((entry) => !isApart(entry.link, request));
  const choice = chooseMatch(candidates.map((entry) => ({ linkId: entry.link.linkId, keys: entry.matchKeys })), keys);
  if (choice.kind === 'none') return reserve(workspace, request, null);
  const chosen = candidates.filter((entry) => (choice.kind === 'one' ? entry.link.linkId === choice.linkId : choice.linkIds.includes(entry.link.linkId)));
  const [only] = chosen;
  if (choice.kind === 'several' || !only) return reserve(workspace, request, hold('multi_match', chosen.map((entry) => entry.link), now));
  const isReserved = only.link.state.attempts.some((attempt) => attempt.kind === 'create');
  return isReserved ? reserve(workspace, request, hold('possible_duplicate', [only.link], now)) : attach(workspace, only, request);
}

function attach(workspace: Workspace, entry: Entry, request: Matching): Entry {
  workspace.change(entry, withId(entry.link, request.change.side, request.change.recordId), null, request.now);
  workspace.setKeys(entry, []);
  return entry;
}

function reserve(workspace: Workspace, request: Matching, held: LinkHold | null, parted: Parted | null = null): Entry {
  const state: LinkState = {
    ...EMPTY_STATE,
    ...(held ? { hold: held } : {}),
    ...(parted ? { apart: [parted], alone: { since: request.now, reason: 'unlinked' } } : {}),
  };
  return workspace.create(newLink(request, state, false), held ? [] : request.keys);
}

/** The record of an erased person: its id and the erasure that keeps it out, nothing else. */
export function keepOut(workspace: Workspace, request: Pick<Matching, 'tenantId' | 'integrationId' | 'change' | 'newId'>, erasure: string): Entry {
  return workspace.create(newLink(request, { ...EMPTY_STATE, erasure }, true), []);
}

function newLink({ tenantId, integrationId, change, newId }: Pick<Matching, 'tenantId' | 'integrationId' | 'change' | 'newId'>, state: LinkState, erased: boolean): Link {
  return {
    tenantId, integrationId, linkId: newId(), state, erased,
    bevatelId: change.side === 'bevatel' ? change.recordId : null,
    externalId: change.side === 'external' ? change.recordId : null,
  };
}

function hold(kind: 'multi_match' | 'possible_duplicate', candidates: readonly Link[], now: number): LinkHold {
  return { kind, since: now, candidates: candidates.map((link) => link.linkId) };
}
