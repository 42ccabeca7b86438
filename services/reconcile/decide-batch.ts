/** Decides the changes of one batch, in their order, for every link of each record (hub and spoke). No I/O. */
import { applyChange } from '../../domain/apply-change.ts';
import { sameOn } from '../../domain/compare.ts';
import type { LinkContext, OwnTimes } from '../../domain/context.ts';
import { NO_OWN_TIMES } from '../../domain/context.ts';
import { leftBehind } from '../../domain/left-behind.ts';
import { pick } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { sideImage } from '../../domain/fold.ts';
import { keysOn, personKeys } from '../../domain/match.ts';
import { isMatchedAnew } from '../../domain/match-hold.ts';
import { compareRevisions } from '../../domain/revision.ts';
import { unstorableField } from '../../domain/storable.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { WHOLE_RECORD } from '../../schemas/decision.ts';
import type { GroupVerdict, Verdict } from '../../schemas/decision.ts';
import type { Integration } from '../../schemas/integration.ts';
import { SIDES } from '../../schemas/value.ts';
import type { Image, Lane, Side, Value } from '../../schemas/value.ts';
import type { DecisionWrite } from '../../store/decisions.ts';
import type { KnownRedirects } from '../../store/redirects.ts';
import { NeedsMatching } from './identities.ts';
import { matchGroups } from './match-group.ts';
import type { Matched } from './match-group.ts';
import { keepOut, matchRecord, unread } from './match-record.ts';
import type { Found } from './match-record.ts';
import { mergeEntry } from './merge-news.ts';
import type { Entry, Workspace } from './workspace.ts';

/** An integration as reconcile knows it. */
export interface Spoke {
  readonly integration: Integration;
  readonly context: LinkContext;
  /** The records of the first listings were matched; whoever comes now is matched at once. */
  readonly isMatched: boolean;
}

/** The integrations that a change concerns: its own, or all of its tenant. */
export type Spokes = (change: ContactChange) => readonly Spoke[];

export interface BatchInput {
  readonly changes: readonly { readonly change: ContactChange; readonly offset: number }[];
  readonly spokes: Spokes;
  readonly source: string;
  readonly lane: Lane;
  readonly now: number;
  readonly newId: () => string;
  /** Ids of the batch's records that went on into others, with what is learnt of them here. */
  readonly redirects: KnownRedirects;
  /** The erasure that keeps a person with any of these keys out; absent where nobody is kept out. */
  readonly erasedAs?: (tenantId: string, personKeys: readonly string[]) => string | null;
}

/** A link whose person was erased by a change: as it was before. */
export interface ErasedLink {
  readonly erasureId: string;
  readonly side: Side;
  readonly system: string;
  readonly before: Link;
  readonly context: LinkContext;
}

export interface BatchResult {
  readonly decisions: readonly DecisionWrite[];
  /** Changes that break a type rule whose answer is quarantine, with the rule. */
  readonly invalid: readonly { readonly offset: number; readonly change: ContactChange; readonly integrationId: string; readonly reason: string }[];
  readonly erased: readonly ErasedLink[];
  /** Links that lack a required value where that halts their integration (F8). */
  readonly halting: readonly Link[];
}

/** Throws NeedsMatching when the workspace was opened without the groups of its records, and one is to be matched after all. */
export function decideBatch(workspace: Workspace, input: BatchInput): BatchResult {
  const decisions: DecisionWrite[] = [];
  const invalid: { offset: number; change: ContactChange; integrationId: string; reason: string }[] = [];
  const erased: ErasedLink[] = [];
  const halting: Link[] = [];
  for (const { change, offset } of input.changes) {
    if (change.kind === 'listingEnded') continue;
    const erasureId = change.kind === 'erased' ? input.newId() : null;
    for (const spoke of input.spokes(change)) {
      const integrationId = spoke.integration.integration;
      const entry = workspace.find(change.tenantId, integrationId, change.side, change.recordId);
      // Nothing of an erased person is kept, not even in quarantine.
      const erasure = !entry && change.kind === 'image' ? input.erasedAs?.(change.tenantId, personKeys(spoke.context.mapping, change.side, change.image)) ?? null : null;
      const reason = change.kind === 'image' && erasure === null && entry?.link.erased !== true ? invalidReason(change, spoke.context, entry?.link) : null;
      if (reason !== null) {
        invalid.push({ offset, change, integrationId, reason });
        continue;
      }
      if (entry && erasureId !== null && !entry.link.erased) erased.push({ erasureId, side: change.side, system: spoke.integration.system, before: entry.link, context: spoke.context });
      const decided = erasure === null ? decideOne(workspace, spoke, change, entry, input) : [keptOut(workspace, spoke, change, erasure, input)];
      if (entry && erasureId !== null) workspace.erase(entry, erasureId);
      decided.forEach((one, index) => {
        if (spoke.context.requiredMissing === 'halt' && one.link.state.hold?.kind === 'required_missing') halting.push(one.link);
        const decisionId = [decisionIdOf(input.source, offset, integrationId), ...(index === 0 ? [] : [one.link.linkId])].join(':');
        decisions.push({ source: { source: input.source, offset }, decision: decisionOf(one, change, decisionId, input.now) });
      });
    }
  }
  return { decisions, invalid, halting, erased };
}

interface Decided {
  readonly link: Link;
  readonly verdict: Verdict;
  readonly groups: readonly GroupVerdict[];
}

/** The change's own decision first, then those of links that stand otherwise because of it. */
function decideOne(workspace: Workspace, spoke: Spoke, change: ContactChange, known: Entry | undefined, input: BatchInput): readonly Decided[] {
  if (change.kind === 'merged' && change.mergedInto !== null) return decideMerge(workspace, spoke, change, known, change.mergedInto, input);
  if (change.kind !== 'image') return known ? [applied(workspace, spoke, change, known, input)] : [];
  const late = known ? null : lateImage(workspace, spoke, change, input);
  if (late) return late;
  const found = known ? { entry: known, isNew: false } : newEntry(workspace, spoke, change, input);
  const absorbed = absorbedBy(workspace, spoke, change, found.entry, input);
  const entry = found.entry.isEnded ? takenOver(workspace, spoke, change, input.now) ?? found.entry : found.entry;
  const before = entry.link;
  const own = applied(workspace, spoke, change, entry, input);
  return [...matchedAfter(workspace, spoke, { ...found, entry, before, isKnown: known !== undefined }, own, input), ...absorbed];
}

function applied(workspace: Workspace, { context }: Spoke, change: ContactChange, entry: Entry, { lane, now, newId }: BatchInput): Decided {
  const before = entry.link;
  const result = applyChange(before, mappedOnly(change, context), context, ownTimesOf(workspace, before, context), now);
  workspace.change(entry, result.link, result.verdict === 'echo' ? null : lane, now);
  for (const tombstone of leftBehind(before, result.link, newId, context)) workspace.create(tombstone);
  // Parted from its partner just now, it may match another.
  if (!isOneSided(before) && isOneSided(entry.link) && !entry.link.erased) workspace.queue(entry);
  return result;
}

function matchedAfter(workspace: Workspace, spoke: Spoke, found: Found & { readonly before: Link; readonly isKnown: boolean }, own: Decided, input: BatchInput): readonly Decided[] {
  const { entry, before, isNew, isKnown } = found;
  if (entry.link.erased) return [own];
  if (isOneSided(entry.link)) return isNew || (isOneSided(before) && isMatchedAnew(before, entry.link, spoke.context)) ? matchedBy(workspace, spoke, entry, own, input) : [own];
  const told: Decided = isKnown ? own : { ...own, verdict: 'linked' };
  // A pair that was found by reference brings keys of its own, for which others may have to wait.
  return isKnown || !spoke.isMatched ? [told] : matchedBy(workspace, spoke, entry, told, input);
}

/** The record went on into another one: so do its id and its link. */
function decideMerge(workspace: Workspace, { context, integration }: Spoke, change: ContactChange, known: Entry | undefined, into: string, { lane, now, redirects }: BatchInput): readonly Decided[] {
  const { tenantId, side, recordId, revision } = change;
  const key = { tenantId, integrationId: integration.integration, side };
  redirects.learn({ ...key, id: recordId, into, revision });
  return known ? [mergeEntry(workspace, known, { context, redirects, side, into: redirects.resolve({ ...key, id: recordId }), lane, now })] : [];
}

/** The link of a record that this one absorbed has it now; what it shows is at hand and need not be read. */
function takenOver(workspace: Workspace, { integration }: Spoke, change: ContactChange, now: number): Entry | undefined {
  const entry = workspace.find(change.tenantId, integration.integration, change.side, change.recordId);
  if (entry) workspace.change(entry, unread(entry.link, change.side), null, now);
  return entry;
}

/** What is told late of a record that went on into another one, unless it is there again: it was read after that, or shows a later revision. */
function lateImage(workspace: Workspace, { context, integration }: Spoke, change: ContactChange, { redirects }: BatchInput): readonly Decided[] | null {
  const old = { tenantId: change.tenantId, integrationId: integration.integration, side: change.side, id: change.recordId };
  const learntAt = redirects.learntAt(old);
  if (learntAt === null) return null;
  const { revisions } = context.capabilities[change.side];
  const mergedAt = revisions === 'strict' ? redirects.revisionOf(old) : null;
  const isBack = mergedAt === null ? change.readById && change.observedFrom > learntAt : compareRevisions(revisions, mergedAt, change.revision) === 'newer';
  if (isBack) {
    redirects.forget(old);
    return null;
  }
  const survivor = workspace.find(old.tenantId, old.integrationId, old.side, redirects.resolve(old));
  return survivor ? [{ link: survivor.link, verdict: 'stale', groups: [{ group: WHOLE_RECORD, verdict: 'stale', rule: 'merged_into' }] }] : [];
}

/** The image tells which records its own has absorbed, also when nobody told of the merge. */
function absorbedBy(workspace: Workspace, { context, integration }: Spoke, change: ContactChange, entry: Entry, { lane, now, redirects }: BatchInput): readonly Decided[] {
  const { tenantId, side, recordId: into } = change;
  const key = { tenantId, integrationId: integration.integration, side };
  return change.mergedIds.flatMap((id): Decided[] => {
    const loser = workspace.find(tenantId, key.integrationId, side, id);
    if (entry.stored && !loser) return [];
    redirects.learn({ ...key, id, into });
    return loser && loser !== entry ? [mergeEntry(workspace, loser, { context, redirects, side, into, lane, now })] : [];
  });
}

/** Before the first listings are stored nobody is matched by keys: who came first would decide. */
function matchedBy(workspace: Workspace, { context, integration, isMatched }: Spoke, entry: Entry, own: Decided, { now }: BatchInput): readonly Decided[] {
  if (!isMatched && isNamed(entry.link, context)) {
    workspace.change(entry, { ...entry.link, state: { ...entry.link.state, unmatched: true } }, null, now);
    workspace.queue(entry);
    return [{ ...own, link: entry.link }];
  }
  // Only now it shows, as when a record comes back: without its group everybody would be free.
  if (!workspace.isMatching) throw new NeedsMatching();
  const matched = matchGroups(workspace, { context, rules: integration.match, now }, [entry]);
  const isOwn = (one: Matched): boolean => one.entry === entry || one.absorbed === entry;
  const mine = matched.find(isOwn);
  const others = matched.filter((one) => !isOwn(one) && one.groups.length > 0);
  const decided = mine ? { link: mine.entry.link, verdict: mine.verdict, groups: [...own.groups, ...mine.groups] } : { ...own, link: entry.link };
  return [decided, ...others.map(({ entry: { link }, verdict, groups }) => ({ link, verdict, groups }))];
}

/** Somebody else may be told to be the same by it. */
function isNamed(link: Link, { mapping }: LinkContext): boolean {
  return SIDES.some((side) => keysOn(mapping, link, side).length > 0 || (link.state.seen[side]?.reference ?? null) !== null);
}

/** An erased person's record is known by its id alone, so that nobody creates or links it. */
function keptOut(workspace: Workspace, { integration }: Spoke, change: ContactChange, erasure: string, { newId }: BatchInput): Decided {
  const { link } = keepOut(workspace, { tenantId: change.tenantId, integrationId: integration.integration, change, newId }, erasure);
  return { link, verdict: 'skipped', groups: [{ group: WHOLE_RECORD, verdict: 'skipped', rule: 'erased_person' }] };
}

/** A Bevatel contact travels whole, for all integrations; each link knows the fields of its own mapping (design §2, image). */
function mappedOnly(change: ContactChange, { mapping }: LinkContext): ContactChange {
  if (change.side !== 'bevatel' || change.kind !== 'image') return change;
  const image: Record<string, Value> = {};
  for (const field of mapping.fields.bevatel) {
    const value = change.image[field];
    if (value !== undefined) image[field] = value;
  }
  return { ...change, image };
}

function newEntry(workspace: Workspace, { context, integration }: Spoke, change: ContactChange, { lane, now, newId, redirects }: BatchInput): Found {
  return matchRecord(workspace, { tenantId: change.tenantId, integrationId: integration.integration, context, change, redirects, lane, now, newId });
}

/** Whether the change brings a record that has no link, one without a partner that is to be matched anew, or a merge: then identities must be locked. */
export function needsMatching(workspace: Workspace, spoke: Spoke, change: ContactChange): boolean {
  if (change.kind !== 'image') return change.kind === 'merged';
  if (change.mergedIds.some((id) => workspace.find(change.tenantId, spoke.integration.integration, change.side, id))) return true;
  const entry = workspace.find(change.tenantId, spoke.integration.integration, change.side, change.recordId);
  if (!entry) return true;
  const { link } = entry;
  return isOneSided(link) && !link.erased && isMatchedAnew(link, shown(link, mappedOnly(change, spoke.context)), spoke.context);
}

function shown(link: Link, change: ContactChange): Link {
  const image = sideImage(change, link.integrationId);
  const seen = link.state.seen[change.side];
  if (!seen) return link;
  return { ...link, state: { ...link.state, seen: { ...link.state.seen, [change.side]: { ...seen, values: { ...seen.values, ...image.image }, reference: image.reference } } } };
}

function isOneSided(link: Link): boolean {
  return link.bevatelId === null || link.externalId === null;
}

/** What keeps the image out: a value that cannot be stored, or a broken type rule whose answer is quarantine; values seen before passed already. */
function invalidReason(change: ContactChange, context: LinkContext, link: Link | undefined): string | null {
  const news = newsIn(change.image, link?.state.seen[change.side]?.values);
  if (news === null) return null;
  const unstorable = unstorableField(news);
  if (unstorable !== null) return `${unstorable}:unstorable`;
  for (const rule of context.mapping.lenses) {
    const fields = rule.lens.fields[change.side];
    if (rule.invalid !== 'quarantine' || !fields.some((field) => news[field] !== undefined)) continue;
    const values = pick(change.image, fields);
    const canonical = values ? rule.lens.canonical(change.side, values) : null;
    if (canonical?.ok === false) return `${canonical.field}:${canonical.reason}`;
  }
  return null;
}

/** The part of an image that is not what is seen already; null when there is none. */
function newsIn(image: Image, seen: Image | undefined): Image | null {
  if (!seen) return image;
  let news: Record<string, Value> | null = null;
  for (const field in image) {
    const value = image[field];
    if (value !== undefined && seen[field] !== value) (news ??= {})[field] = value;
  }
  return news;
}

/** Times of values that a sibling link wrote into the shared Bevatel contact, whichever copy arrives first (trace 5). */
function ownTimesOf(workspace: Workspace, link: Link, { mapping }: LinkContext): OwnTimes {
  const siblings = workspace.siblings(link);
  if (siblings.length === 0) return NO_OWN_TIMES;
  return (side, field, value) => {
    if (side !== 'bevatel') return null;
    const lens = mapping.owners.bevatel.get(field)?.lens;
    for (const { link: sibling } of siblings) {
      for (const attempt of sibling.state.attempts) {
        for (const written of attempt.side === 'bevatel' ? Object.values(attempt.groups) : []) {
          if (lens && lens.fields.bevatel.length === 1 && written.sent.length === 1 && sameOn(lens, 'bevatel', written.sent, [value])) return written.time;
        }
      }
      const seen = sibling.state.seen.bevatel;
      const time = seen?.times[field];
      if (time?.applied !== undefined && seen?.values[field] === value) return time;
    }
    return null;
  };
}

/** From where the change stood, so that a batch done again gives the same (I7); of one link, in the order of their offsets. */
function decisionIdOf(source: string, offset: number, integrationId: string): string {
  return `${source}:${String(offset).padStart(12, '0')}:${integrationId}`;
}

function decisionOf(decided: Decided, change: ContactChange, decisionId: string, now: number): DecisionWrite['decision'] {
  const { link } = decided;
  return {
    decisionId, tenantId: link.tenantId, integrationId: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId,
    causeId: change.changeId, cause: 'change', side: change.side, verdict: decided.verdict, groups: decided.groups, decidedAt: now,
  };
}
