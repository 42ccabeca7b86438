/**
 * Matches the groups that records belong to: whatever hangs together with them by keys or references, in the batch's
 * workspace, decided at once (domain/pairing.ts). Two that are the same person become one link, that of the Bevatel record;
 * who cannot be told is held on every side; who was held and is not any more goes on.
 */
import type { LinkContext } from '../../domain/context.ts';
import { decideLink } from '../../domain/decide-link.ts';
import { idOn } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { identityOf, pairedIdentityOf } from '../../domain/identity.ts';
import { keysOn } from '../../domain/match.ts';
import { claimsPartner, isMatchHold, withStanding } from '../../domain/match-hold.ts';
import { pairUp } from '../../domain/pairing.ts';
import type { Bearer, PairingRules, Settled, Standing } from '../../domain/pairing.ts';
import { joinLinks } from '../../domain/resolve.ts';
import { WHOLE_RECORD } from '../../schemas/decision.ts';
import type { GroupVerdict, Verdict } from '../../schemas/decision.ts';
import { LANES, otherSide, SIDES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import type { Entry, Workspace } from './workspace.ts';

export interface Grouping {
  readonly context: LinkContext;
  readonly rules: PairingRules;
  readonly now: number;
}

/** What became of a link by being matched. */
export interface Matched {
  readonly entry: Entry;
  readonly verdict: Verdict;
  readonly groups: readonly GroupVerdict[];
  /** The link that went into it. */
  readonly absorbed: Entry | null;
}

/** Only links that stand otherwise than before are told of; the seeds' marks that they wait for this are taken away. */
export function matchGroups(workspace: Workspace, grouping: Grouping, seeds: readonly Entry[]): readonly Matched[] {
  const reached = new Set<Entry>();
  return seeds.flatMap((seed) => (reached.has(seed) || seed.isEnded ? [] : matchGroup(workspace, grouping, groupOf(workspace, grouping, seed, reached))));
}

/** Who hangs together with the seed; groups grow over records without a partner alone. */
function groupOf(workspace: Workspace, grouping: Grouping, seed: Entry, reached: Set<Entry>): readonly Entry[] {
  const group = new Set([seed]);
  for (const entry of group) {
    if (entry !== seed && !isMatchable(entry.link)) continue;
    for (const other of neighbours(workspace, grouping, entry)) group.add(other);
  }
  for (const entry of group) if (isMatchable(entry.link)) reached.add(entry);
  return [...group];
}

function neighbours(workspace: Workspace, { context }: Grouping, { link }: Entry): readonly Entry[] {
  return SIDES.flatMap((side) => {
    const reference = link.state.seen[side]?.reference ?? null;
    const named = reference === null ? undefined : workspace.find(link.tenantId, link.integrationId, otherSide(side), reference);
    return [...keysOn(context.mapping, link, side).flatMap(({ key }) => workspace.bearers(link, key)), ...(named ? [named] : [])];
  });
}

/** A record that may be paired: alone, there, and not waiting for anything that its partner would not settle. */
export function isMatchable({ bevatelId, externalId, erased, state }: Link): boolean {
  if (erased || (bevatelId !== null && externalId !== null) || state.gone || state.absorbed || isBeingCompleted(state)) return false;
  const { hold } = state;
  return hold === undefined || isMatchHold(hold) || hold.kind === 'required_missing' || hold.kind === 'unique_violation' || hold.kind === 'rejected';
}

/** A partner is being made or may have been, or something else is under way. */
export function isBeingCompleted({ attempts }: Link['state']): boolean {
  return attempts.some(({ kind, status }) => kind === 'create' || status === 'outstanding');
}

function matchGroup(workspace: Workspace, grouping: Grouping, group: readonly Entry[]): readonly Matched[] {
  const free = group.filter(({ link }) => isMatchable(link) && sideOf(link) !== null);
  const standings = pairUp(free.map(({ link }) => bearerOf(link, grouping)), group.flatMap((entry) => settledOf(entry.link, grouping)), grouping.rules);
  const byId = new Map(free.map((entry) => [entry.link.linkId, entry]));
  const matched = free.flatMap((entry): Matched[] => {
    const standing = standings.get(entry.link.linkId);
    if (!standing || entry.isEnded) return [];
    if (standing.kind !== 'paired') return stand(workspace, grouping, entry, standing);
    const partner = byId.get(standing.with);
    return partner && entry.link.externalId === null ? [join(workspace, grouping, entry, partner, standing.rule)] : [];
  });
  keepWaiting(workspace, group, standings, byId, grouping.now);
  return matched;
}

function sideOf(link: Link): Side | null {
  const side: Side = link.bevatelId === null ? 'external' : 'bevatel';
  return link.state.seen[side] ? side : null;
}

function bearerOf(link: Link, { context }: Grouping): Bearer {
  const side: Side = link.bevatelId === null ? 'external' : 'bevatel';
  const seen = link.state.seen[side];
  const identity = identityOf(context.mapping, { side, recordId: idOn(link, side) ?? '', image: seen?.values ?? {}, reference: seen?.reference ?? null });
  return { linkId: link.linkId, ...identity, apart: link.state.apart ?? [], claims: claimsPartner(link, context) };
}

/** A link that is not matched itself, but has records that are there. */
function settledOf(link: Link, { context }: Grouping): Settled[] {
  if (link.erased || isMatchable(link)) return [];
  const records = SIDES.flatMap((side) => {
    const recordId = idOn(link, side);
    const isThere = recordId !== null && link.state.gone?.[side] === undefined;
    return isThere ? [pairedIdentityOf(context.mapping, { side, recordId, image: link.state.seen[side]?.values ?? {} })] : [];
  });
  return records.length === 0 ? [] : [{ linkId: link.linkId, records, apart: link.state.apart ?? [], isMaking: isBeingCompleted(link.state) }];
}

function join(workspace: Workspace, { context, now }: Grouping, kept: Entry, absorbed: Entry, rule: string): Matched {
  const joined = joinLinks(kept.link, absorbed.link);
  if (joined.kind !== 'resolved') throw new Error(`links that were matched cannot be joined: ${joined.kind}`);
  const decided = decideLink(joined.link, context, now);
  const lanes = [kept, absorbed].flatMap((entry) => workspace.laneOf(entry, now) ?? entry.stored?.lane ?? []);
  workspace.end(absorbed);
  workspace.change(kept, decided.link, LANES.find((lane) => lanes.includes(lane)) ?? null, now);
  return { entry: kept, verdict: 'linked', groups: [{ group: WHOLE_RECORD, verdict: 'linked', rule }, ...decided.groups], absorbed };
}

function stand(workspace: Workspace, { context, now }: Grouping, entry: Entry, standing: Exclude<Standing, { kind: 'paired' }>): Matched[] {
  const { hold, unmatched } = entry.link.state;
  if (standing.kind === 'free' && !isMatchHold(hold) && !unmatched) return [];
  const stood = withStanding(entry.link, standing, now);
  const decided = decideLink(stood.link, context, now);
  const isSame = stood.groups.length === 0 && JSON.stringify(decided.link) === JSON.stringify(entry.link);
  if (isSame) return [];
  workspace.change(entry, decided.link, entry.stored?.lane ?? null, now);
  return [{ entry, verdict: stood.groups[0]?.verdict ?? decided.verdict ?? 'unchanged', groups: [...stood.groups, ...decided.groups], absorbed: null }];
}

/** A partner is being made for which somebody has come: if nothing comes of the making, the two are matched before it is tried again. */
function keepWaiting(workspace: Workspace, group: readonly Entry[], standings: ReadonlyMap<string, Standing>, byId: ReadonlyMap<string, Entry>, now: number): void {
  const awaited = new Set([...byId.keys()].flatMap((linkId) => {
    const standing = standings.get(linkId);
    return standing?.kind === 'possible_duplicate' ? standing.candidates.map((one) => one.linkId) : [];
  }));
  for (const entry of group) {
    if (!awaited.has(entry.link.linkId) || !isBeingCompleted(entry.link.state)) continue;
    workspace.change(entry, { ...entry.link, state: { ...entry.link.state, unmatched: true } }, null, now);
    workspace.queue(entry);
  }
}
