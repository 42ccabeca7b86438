/** An erasure with its receipts, as the operator sees it: what is done, what goes by its age, what a system has yet to answer. */
import type { Erasure } from '../../../schemas/api-deletes.ts';
import type { StoredErasure } from '../../../store/erasures.ts';

export function erasureOf(stored: StoredErasure, now: number): Erasure {
  const expiries = stored.receipts.flatMap(({ state, untilAt }) => (state === 'expires' && untilAt !== null ? [untilAt] : []));
  return {
    id: stored.erasureId, tenant: stored.tenantId, origin: stored.origin, requestedBy: stored.requestedBy, requestedAt: stored.requestedAt,
    records: stored.records.map(({ integrationId, linkId, bevatelId, externalId }) => ({ integration: integrationId, linkId, bevatelId, externalId })),
    state: stateOf(stored, expiries, now),
    completeAt: stored.clearedAt === null || expiries.length === 0 ? null : Math.max(...expiries),
    liftedAt: stored.liftedAt, liftedBy: stored.liftedBy,
    receipts: stored.receipts.map(({ place, integrationId, state, items, at, untilAt, detail }) => ({
      place, integration: integrationId === '' ? null : integrationId, state, items, at, until: untilAt, detail,
    })),
  };
}

function stateOf({ clearedAt, liftedAt, receipts }: StoredErasure, expiries: readonly number[], now: number): Erasure['state'] {
  if (liftedAt !== null) return 'lifted';
  if (clearedAt === null || receipts.some(({ state }) => state === 'asked')) return 'clearing';
  if (receipts.some(({ state }) => state === 'refused')) return 'incomplete';
  return expiries.some((until) => until > now) ? 'expiring' : 'complete';
}
