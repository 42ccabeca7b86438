/** Decides the changes of one batch, in their order, for every link of each record (hub and spoke). No I/O. */
import { applyChange } from '../../domain/apply-change.ts';
import { sameOn } from '../../domain/compare.ts';
import type { LinkContext, OwnTimes } from '../../domain/context.ts';
import { NO_OWN_TIMES } from '../../domain/context.ts';
import { leftBehind } from '../../domain/left-behind.ts';
import { pick } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { matchKeys, personKeys } from '../../domain/match.ts';
import { unstorableField } from '../../domain/storable.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { WHOLE_RECORD } from '../../schemas/decision.ts';
import type { GroupVerdict, Verdict } from '../../schemas/decision.ts';
import type { Integration } from '../../schemas/integration.ts';
import type { Image, Lane, Side, Value } from '../../schemas/value.ts';
import type { DecisionWrite } from '../../store/decisions.ts';
import { keepOut, matchRecord } from './match-record.ts';
import type { Entry, Workspace } from './workspace.ts';

/** An integration as reconcile knows it. */
export interface Spoke {
  readonly integration: Integration;
  readonly context: LinkContext;
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
      const decided = erasure === null ? decideOne(workspace, spoke, change, entry, input) : keptOut(workspace, spoke, change, erasure, input);
      if (entry && erasureId !== null) workspace.erase(entry, erasureId);
      if (decided && spoke.context.requiredMissing === 'halt' && decided.link.state.hold?.kind === 'required_missing') halting.push(decided.link);
      if (decided) decisions.push({ source: { source: input.source, offset }, decision: decisionOf(decided, change, decisionIdOf(input.source, offset, integrationId), input.now) });
    }
  }
  return { decisions, invalid, halting, erased };
}

interface Decided {
  readonly link: Link;
  readonly verdict: Verdict;
  readonly groups: readonly GroupVerdict[];
}

function decideOne(workspace: Workspace, spoke: Spoke, change: ContactChange, known: Entry | undefined, input: BatchInput): Decided | null {
  const entry = known ?? (change.kind === 'image' ? newEntry(workspace, spoke, change, input) : undefined);
  if (!entry) return null;
  const before = entry.link;
  const rival = change.mergedInto === null ? undefined : workspace.find(change.tenantId, spoke.integration.integration, change.side, change.mergedInto);
  const applied = rival && rival !== entry ? mergedIntoLinked(entry.link, change, rival.link, input.now) : applyChange(entry.link, mappedOnly(change, spoke.context), spoke.context, ownTimesOf(workspace, entry.link, spoke), input.now);
  workspace.change(entry, applied.link, applied.verdict === 'echo' ? null : input.lane, input.now);
  for (const tombstone of leftBehind(before, applied.link, input.newId, spoke.context)) workspace.create(tombstone, []);
  if (known && isOneSided(applied.link) && !applied.link.erased) rekey(workspace, entry, before, change, spoke);
  return { ...applied, verdict: known || isOneSided(applied.link) ? applied.verdict : 'linked' };
}

/** An erased person's record is known by its id alone, so that nobody creates or links it. */
function keptOut(workspace: Workspace, { integration }: Spoke, change: ContactChange, erasure: string, { newId }: BatchInput): Decided {
  const { link } = keepOut(workspace, { tenantId: change.tenantId, integrationId: integration.integration, change, newId }, erasure);
  return { link, verdict: 'skipped', groups: [{ group: WHOLE_RECORD, verdict: 'skipped', rule: 'erased_person' }] };
}

/** A record without a partner is found by the keys of its newest image; one that has just been parted from its partner, by those of its last. */
function rekey(workspace: Workspace, entry: Entry, before: Link, change: ContactChange, { context, integration }: Spoke): void {
  if (change.kind === 'image') workspace.setKeys(entry, matchKeys(context.mapping, integration, change.side, change.image));
  else if (!isOneSided(before)) workspace.setKeys(entry, keysOfRemaining(entry.link, context, integration));
}

function keysOfRemaining(link: Link, { mapping }: LinkContext, integration: Integration): readonly string[] {
  const side: Side = link.bevatelId === null ? 'external' : 'bevatel';
  return matchKeys(mapping, integration, side, link.state.seen[side]?.values ?? {});
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

function newEntry(workspace: Workspace, spoke: Spoke, change: ContactChange, input: BatchInput): Entry {
  return matchRecord(workspace, {
    tenantId: change.tenantId, integrationId: spoke.integration.integration, change,
    keys: matchKeys(spoke.context.mapping, spoke.integration, change.side, change.image),
    context: spoke.context, lane: input.lane, now: input.now, newId: input.newId,
  });
}

function isOneSided(link: Link): boolean {
  return link.bevatelId === null || link.externalId === null;
}

/** Merged into a record that has a link of its own: two Bevatel contacts are one person there, which an operator decides. */
function mergedIntoLinked(link: Link, change: ContactChange, survivor: Link, now: number): Decided {
  const state: Link['state'] = {
    ...link.state,
    gone: { ...link.state.gone, [change.side]: { how: 'merged', at: now } },
    hold: { kind: 'possible_duplicate', since: now, candidates: [survivor.linkId] },
  };
  return { link: { ...link, state }, verdict: 'gone', groups: [] };
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
function ownTimesOf(workspace: Workspace, link: Link, spoke: Spoke): OwnTimes {
  const siblings = workspace.siblings(link);
  if (siblings.length === 0) return NO_OWN_TIMES;
  return (side, field, value) => {
    if (side !== 'bevatel') return null;
    const lens = spoke.context.mapping.owners.bevatel.get(field)?.lens;
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
