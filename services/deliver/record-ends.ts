/** What is written beside the links when pairs end: who is to be matched anew, and erasures with their receipts. */
import { idOn } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { personKeysOfLink } from '../../domain/match.ts';
import type { Transaction } from '../../runtime/database.ts';
import { otherSide } from '../../schemas/value.ts';
import { insertErasures, writeReceipts } from '../../store/erasures.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import type { StoredLink } from '../../store/links.ts';
import { queueMatching } from '../../store/match-queue.ts';
import { erasureOf } from '../../store/new-erasure.ts';
import type { DeliverDeps } from './deps.ts';
import type { SystemReceipt } from './erase-result.ts';
import type { Result } from './record.ts';

/** A result with the link before and after it. */
export interface Recorded {
  readonly stored: StoredLink;
  readonly link: Link;
  readonly result: Result;
}

/** Records that were parted from their partners are looked at once more: they may match others. */
export function matchParted(transaction: Transaction, recorded: readonly Recorded[], now: number): void {
  queueMatching(transaction, recorded.filter(({ stored, link }) => isPair(stored.link) && !isPair(link) && !link.erased).map(({ link }) => link), now);
}

function isPair(link: Link): boolean {
  return link.bevatelId !== null && link.externalId !== null;
}

/** A link that was just erased names the erasure that tells of it. */
export function markErased(before: Link, after: Link, deps: DeliverDeps): Link {
  return after.erased && !before.erased ? { ...after, state: { ...after.state, erasure: deps.newId() } } : after;
}

/** What a system answered of an erasure; and what it told of one that was not known, by the answer to a read or a write. */
export function recordErasures(transaction: Transaction, deps: DeliverDeps, known: KnownIntegration, recorded: readonly Recorded[], receipts: readonly SystemReceipt[], at: number): void {
  for (const { link, side, state, detail } of receipts) {
    writeReceipts(transaction, { tenantId: link.tenantId, erasureId: link.state.erasure ?? '' }, [{ place: `system:${side}`, integrationId: link.integrationId, state, items: 1, at, untilAt: null, detail }]);
  }
  const told = recorded.filter(({ stored, link }) => link.erased && !stored.link.erased);
  insertErasures(transaction, told.map(({ stored: { link: before }, link, result: { side } }) => erasureOf({
    tenantId: before.tenantId, erasureId: link.state.erasure ?? '', origin: 'system', requestedBy: side === 'bevatel' ? 'bevatel' : known.integration.system, at,
    links: [{ link: before, told: side, asked: [], notAsked: idOn(before, otherSide(side)) === null ? [] : [otherSide(side)] }],
    personKeys: personKeysOfLink(known.context.mapping, before),
  }, deps.personHashes)));
}
