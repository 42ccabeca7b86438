/**
 * Fold: move what is *seen* of one side by a full image, as far as its order can be proven (design §4, §5.1; I6).
 *
 * | revision against seen | same values | different values |
 * |---|---|---|
 * | nothing seen yet      | folded      | folded |
 * | newer                 | folded      | folded |
 * | equal, strict or not  | duplicate, or folded if it shows fields that were not known | folded if read by id after seen was recorded and the staleness window passed, else read again |
 * | older, strict         | stale       | stale |
 * | older, approximate    | duplicate   | as equal |
 * | unknown               | duplicate   | as equal |
 */
import type { ContactChange } from '../schemas/change.ts';
import type { Capabilities } from '../schemas/system.ts';
import { sameValue } from '../schemas/value.ts';
import type { Image, Side } from '../schemas/value.ts';
import type { OwnTimes } from './context.ts';
import type { EditTime, Seen } from './link.ts';
import { compareRevisions } from './revision.ts';
import { exactly } from './time.ts';

export type FoldOutcome = 'folded' | 'duplicate' | 'stale' | 'read_again';

export interface Fold {
  readonly outcome: FoldOutcome;
  readonly seen: Seen | undefined;
}

/** An image of one side, however it came: the part of a change that matters here. */
export type SideImage = Pick<ContactChange, 'side' | 'revision' | 'image' | 'fieldTimes' | 'histories' | 'modifiedAt' | 'observedFrom' | 'observedTo' | 'readById'> & {
  readonly reference: string | null;
};

export function foldImage(seen: Seen | undefined, next: SideImage, capabilities: Capabilities, ownTimes: OwnTimes, now: number): Fold {
  if (!seen) return { outcome: 'folded', seen: moved(undefined, next, capabilities, ownTimes, now) };
  const outcome = foldOutcome(seen, next, capabilities);
  if (outcome === 'folded') return { outcome, seen: moved(seen, next, capabilities, ownTimes, now) };
  if (outcome !== 'duplicate') return { outcome, seen };
  const known = completed(seen, next);
  return { outcome, seen: isLaterRead(seen, next, capabilities) ? { ...known, observedFrom: next.observedFrom, recordedAt: now } : known };
}

/** Where revisions do not order, a by-id read that shows the same again does: an earlier one must not be folded after it. */
function isLaterRead(seen: Seen, next: SideImage, capabilities: Capabilities): boolean {
  return capabilities.revisions !== 'strict' && next.readById && next.observedFrom > seen.recordedAt + capabilities.stalenessWindowMs;
}

/** An image of the revision that an answer of ours gave shows that what the answer left out is as it was. */
function completed(seen: Seen, next: SideImage): Seen {
  if (!seen.partial || seen.revision !== next.revision) return seen;
  const { partial: _partial, ...known } = seen;
  return known;
}

function foldOutcome(seen: Seen, next: SideImage, capabilities: Capabilities): FoldOutcome {
  const order = compareRevisions(capabilities.revisions, seen.revision, next.revision);
  if (order === 'newer') return 'folded';
  if (order === 'older' && capabilities.revisions === 'strict') return 'stale';
  if (sameImage(seen, next)) return order === 'equal' && addsFields(seen, next) ? 'folded' : 'duplicate';
  return next.readById && next.observedFrom > seen.recordedAt + capabilities.stalenessWindowMs ? 'folded' : 'read_again';
}

function sameImage(seen: Seen, next: SideImage): boolean {
  if (next.reference !== seen.reference) return false;
  for (const field in next.image) {
    const known = seen.values[field];
    if (known === undefined ? !isNewKnowledge(seen, next) : !sameValue(known, next.image[field])) return false;
  }
  return true;
}

/** Fields of the same revision that the mapping did not ask for before: what they hold is what that revision held. */
function isNewKnowledge(seen: Seen, next: SideImage): boolean {
  return next.revision !== null && next.revision === seen.revision;
}

function addsFields(seen: Seen, next: SideImage): boolean {
  for (const field in next.image) if (seen.values[field] === undefined) return true;
  return false;
}

function moved(seen: Seen | undefined, next: SideImage, capabilities: Capabilities, ownTimes: OwnTimes, now: number): Seen {
  return {
    revision: next.revision,
    values: seen ? { ...seen.values, ...next.image } : next.image,
    times: timesOf(seen, next, capabilities.stalenessWindowMs, ownTimes),
    observedFrom: next.observedFrom,
    recordedAt: now,
    modifiedAt: next.modifiedAt ?? seen?.modifiedAt ?? null,
    reference: next.reference,
  };
}

/**
 * Per field: the source's time of a value that we wrote ourselves; else the time that its system gives; else, for a
 * changed value, the interval from the start of the read behind the earlier image, minus the staleness window, to the
 * end of the read behind the later one; unchanged values keep their time, and of one that was not known before nobody
 * knows it.
 */
export function timesOf(seen: Seen | undefined, next: SideImage, stalenessWindowMs: number, ownTimes: OwnTimes): Readonly<Record<string, EditTime>> {
  const times: Record<string, EditTime> = { ...seen?.times };
  for (const field in next.image) {
    const known = times[field];
    const changed = !seen || !sameValue(seen.values[field], next.image[field]);
    const told = next.fieldTimes[field];
    if (!changed && (!told || isOurs(known, told.at))) continue;
    const own = ownTimes(next.side, field, next.image[field] ?? null);
    if (own) times[field] = own;
    else if (told) times[field] = exactly(told.at, told.actor);
    else if (seen?.values[field] !== undefined) times[field] = { from: seen.observedFrom - stalenessWindowMs, to: next.observedTo, actor: null };
    else delete times[field];
  }
  return times;
}

/** The system's time of an unchanged value is that of our own write, or one that is known already. */
function isOurs(known: EditTime | undefined, toldAt: number): boolean {
  return known !== undefined && toldAt <= Math.max(known.applied ?? 0, known.to ?? 0);
}

/** The values of a side's image as the fold takes them; `reference` is the partner's id for this integration. */
export function sideImage(change: ContactChange, integrationId: string): SideImage {
  const key: Side | string = change.side === 'bevatel' ? integrationId : 'bevatel';
  return {
    side: change.side,
    revision: change.revision,
    image: change.image as Image,
    fieldTimes: change.fieldTimes,
    histories: change.histories,
    modifiedAt: change.modifiedAt,
    observedFrom: change.observedFrom,
    observedTo: change.observedTo,
    readById: change.readById,
    reference: change.references[key] ?? null,
  };
}
