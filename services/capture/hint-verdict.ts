/**
 * Must this record be read? Pure: what the hints say against what its link knows (design §4, I5).
 *
 * - A notification needs no read if *seen* has its value **and** its event is, by the system's own clock, no later than
 *   what *seen* shows: the answer to a write of ours (an echo), or an image (a duplicate). An edit after that has a later
 *   time, so that a second notification with our value is read all the same (trace 10). Actor and origin never count.
 * - A write of ours under way may be what the notification tells of: the answer is waited for, for a bounded time.
 * - A revision that *seen* has already needs no read, unless *seen* has it from an answer that left fields out; a field that is not mapped neither.
 * - Deletions, merges, restores and what we were asked to read are always read.
 */
import type { ContactHint } from '../../schemas/change.ts';
import type { Value } from '../../schemas/value.ts';
import type { HintFacts } from '../../store/hint-facts.ts';

export type HintVerdict = 'read' | 'wait' | 'own_write' | 'seen_already' | 'not_mapped';

export interface HintRules {
  /** External fields that the mapping uses. */
  readonly fields: ReadonlySet<string>;
  /** The external field that holds Bevatel's id. */
  readonly referenceField: string;
}

/** Every verdict but `read` and `wait` drops the hint. */
export function verdictOnHint(hint: ContactHint, link: HintFacts | undefined, rules: HintRules): HintVerdict {
  if (hint.side !== 'external' || hint.origin === 'operator' || hint.origin === 'reconcile') return 'read';
  if (hint.origin === 'poll') return verdictOnPoll(hint, link);
  if (hint.event !== 'changed' && hint.event !== 'created') return 'read';
  const isReference = hint.field === rules.referenceField;
  if (hint.field !== null && !isReference && !rules.fields.has(hint.field)) return 'not_mapped';
  if (!link) return 'read';
  return coveredBy(hint, link, isReference) ?? (mayBeUnderWay(hint, link, isReference) ? 'wait' : 'read');
}

function verdictOnPoll(hint: ContactHint, link: HintFacts | undefined): HintVerdict {
  if (!link) return 'read';
  if (hint.revision !== null && link.seen?.revision === hint.revision && !link.seen.partial) return 'seen_already';
  return link.attempts.some(isOutstanding) ? 'wait' : 'read';
}

type Seen = NonNullable<HintFacts['seen']>;

/** The event is in *seen* already: its value stands there, and *seen* is no older than the event by the system's own clock. */
function coveredBy(hint: ContactHint, { seen, externalId }: HintFacts, isReference: boolean): 'own_write' | 'seen_already' | null {
  if (!seen || externalId !== hint.recordId || hint.occurredAt === null || !isShown(hint, seen, isReference)) return null;
  if (hint.occurredAt <= answeredAt(seen)) return 'own_write';
  return hint.occurredAt <= (seen.modifiedAt ?? Number.NEGATIVE_INFINITY) ? 'seen_already' : null;
}

/** A notification without a field says nothing that could be compared; only its time counts. */
function isShown({ field, value }: ContactHint, seen: Seen, isReference: boolean): boolean {
  if (field === null) return true;
  return isReference ? seen.reference === value : asText(seen.values[field]) === asText(value);
}

/** The system's time of our newest write whose answer *seen* holds; -∞ when there is none. */
function answeredAt(seen: Seen): number {
  return Math.max(Number.NEGATIVE_INFINITY, ...Object.values(seen.times).map((time) => time.applied ?? Number.NEGATIVE_INFINITY));
}

function isOutstanding(attempt: HintFacts['attempts'][number]): boolean {
  return attempt.side === 'external' && attempt.status === 'outstanding';
}

/** Generous, since waiting is bounded and the answer decides: systems change the case of what they are given. */
function mayBeUnderWay(hint: ContactHint, link: HintFacts, isReference: boolean): boolean {
  const outstanding = link.attempts.filter(isOutstanding);
  if (hint.field === null || isReference || link.externalId !== hint.recordId) return outstanding.length > 0;
  const told = asText(hint.value).toLowerCase();
  return outstanding.some((attempt) => Object.values(attempt.groups).some((group) => group.sent.some((value) => asText(value).toLowerCase() === told)));
}

/** Notifications carry text; empty and cleared are the same there. */
function asText(value: Value | undefined): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? value.join(';') : String(value);
}
