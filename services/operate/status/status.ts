/**
 * Status: every number that an operator asks for, of all integrations (design §7).
 *
 * | state | when |
 * |---|---|
 * | `paused`    | an operator paused it |
 * | `error`     | its last error is newer than its last success and does not mend by itself, or is to be alerted of (`unavailable: alert`) |
 * | `starting`  | it never succeeded: never green before the first success |
 * | `degraded`  | its last error is newer than its last success but is tried again, a change has waited too long, or something waits for an approval |
 * | `connected` | else |
 */
import type { Pool } from 'pg';
import { ERRORS } from '../../../schemas/errors.ts';
import type { Capabilities } from '../../../schemas/system.ts';
import { CAPABILITIES } from '../../../schemas/capabilities.ts';
import type { IntegrationStatus, Status } from '../../../schemas/api.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { countOpenChangeSets } from '../../../store/change-sets.ts';
import { listIntegrations } from '../../../store/integrations.ts';
import type { IntegrationKey, StoredIntegration } from '../../../store/integrations.ts';
import { lagPercentiles } from '../../../store/lag.ts';
import type { LagPercentiles } from '../../../store/lag.ts';
import { lastRounds } from '../../../store/certificates.ts';
import { countLinks, countOpenDeadLetters, countQueue, listingProgress, oldestWaits } from '../../../store/overview.ts';
import type { DeadLetterCount, LinkCount, ListingProgress, OldestWait, QueueCount } from '../../../store/overview.ts';
import { runningRuns } from '../../../store/verifications.ts';
import type { Run } from '../../../store/verifications.ts';
import type { Certificate } from '../../../schemas/verification.ts';
import type { KafkaLag } from './kafka-lag.ts';
import { runningOf, sweepStatusOf } from '../verify/verification-view.ts';

export interface StatusDeps {
  readonly pool: Pool;
  readonly kafkaLag: Pick<KafkaLag, 'read'>;
  readonly clock: () => number;
}

export interface Numbers {
  readonly queue: readonly QueueCount[];
  readonly oldest: readonly OldestWait[];
  readonly links: readonly LinkCount[];
  readonly letters: readonly DeadLetterCount[];
  readonly listings: readonly ListingProgress[];
  readonly lags: readonly LagPercentiles[];
  readonly runs: readonly Run[];
  readonly rounds: readonly Certificate[];
  readonly approvals: readonly (IntegrationKey & { readonly open: number })[];
}

/** Percentiles are of changes written within this window. */
export const LAG_WINDOW_MS = 15 * 60_000;
/** A change that waits longer than this degrades its integration. */
const OVERDUE_MS = 60_000;

export async function readNumbers(pool: Pool, now: number): Promise<Numbers> {
  const [queue, oldest, links, letters, listings, lags, approvals, runs, rounds] = await Promise.all([
    countQueue(pool, now), oldestWaits(pool), countLinks(pool), countOpenDeadLetters(pool), listingProgress(pool), lagPercentiles(pool, now - LAG_WINDOW_MS), countOpenChangeSets(pool),
    runningRuns(pool), lastRounds(pool),
  ]);
  return { queue, oldest, links, letters, listings, lags, approvals, runs, rounds };
}

export async function readStatus({ pool, kafkaLag, clock }: StatusDeps, filter: { readonly tenant?: string | undefined; readonly integration?: string | undefined }): Promise<Status> {
  const now = clock();
  const [all, numbers, kafka] = await Promise.all([listIntegrations(pool), readNumbers(pool, now), kafkaLag.read()]);
  const shown = all.filter((one) => (filter.tenant === undefined || one.tenantId === filter.tenant) && (filter.integration === undefined || one.integrationId === filter.integration));
  const integrations = shown.map((stored) => statusOf(stored, numbers, now));
  const byCode: Record<string, number> = {};
  for (const { code, open } of numbers.letters) byCode[code] = (byCode[code] ?? 0) + open;
  return {
    at: now,
    ok: kafka.answers && integrations.every(({ state }) => state !== 'error' && state !== 'degraded'),
    integrations, kafka,
    deadLetters: { open: Object.values(byCode).reduce((sum, open) => sum + open, 0), byCode },
  };
}

export function statusOf(stored: StoredIntegration, numbers: Numbers, now: number): IntegrationStatus {
  const isOf = (row: { readonly tenantId: string | null; readonly integrationId: string | null }): boolean => row.tenantId === stored.tenantId && row.integrationId === stored.integrationId;
  const links = numbers.links.find(isOf);
  const since = numbers.oldest.find(isOf)?.since;
  const oldestMs = since === undefined ? null : Math.max(0, now - since);
  const runs = numbers.runs.filter(isOf);
  const lastRound = numbers.rounds.find(({ tenant, integration }) => tenant === stored.tenantId && integration === stored.integrationId);
  return {
    tenant: stored.tenantId, integration: stored.integrationId, system: stored.config.system,
    ...stateOf(stored, oldestMs, numbers.approvals.find(isOf)?.open ?? 0),
    lastSuccessAt: stored.lastSuccessAt,
    lag: { windowMs: LAG_WINDOW_MS, external: lagOf(numbers.lags.filter(isOf), 'external'), bevatel: lagOf(numbers.lags.filter(isOf), 'bevatel') },
    oldestMs,
    queue: numbers.queue.filter(isOf).map(({ kind, lane, due, waiting }) => ({ kind, lane, due, waiting })),
    links: { paired: links?.paired ?? 0, oneSided: links?.oneSided ?? 0, erased: links?.erased ?? 0 },
    conflicts: { links: links?.heldLinks ?? 0, holds: links?.holds ?? 0 },
    deadLetters: numbers.letters.filter((row) => row.tenantId === stored.tenantId && (row.integrationId === null || row.integrationId === stored.integrationId)).reduce((sum, row) => sum + row.open, 0),
    approvals: numbers.approvals.find(isOf)?.open ?? 0,
    dryRun: stored.config.dryRun,
    listings: numbers.listings.filter(isOf).map((one) => ({ side: one.side, state: one.storedAt !== null ? 'stored' : one.listedAt !== null ? 'listed' : 'listing', records: one.records, total: one.total })),
    blindWindows: blindWindows(stored),
    verifications: runs.filter(({ kind }) => kind !== 'sweep').map((run) => runningOf(run, now)),
    sweep: sweepStatusOf(stored, runs.find(({ kind }) => kind === 'sweep'), lastRound, now),
  };
}

function lagOf(lags: readonly LagPercentiles[], side: Side): IntegrationStatus['lag']['external'] {
  const lag = lags.find((one) => one.side === side);
  return lag ? { count: lag.count, p50Ms: lag.p50Ms, p95Ms: lag.p95Ms, p99Ms: lag.p99Ms } : null;
}

function stateOf({ config, paused, lastError, lastSuccessAt }: StoredIntegration, oldestMs: number | null, approvals: number): Pick<IntegrationStatus, 'state' | 'reason'> {
  const isFailing = lastError !== null && lastError.at > (lastSuccessAt ?? 0);
  const error = isFailing ? { code: lastError.code, message: lastError.message, advice: ERRORS[lastError.code].advice, at: lastError.at } : null;
  if (paused) return { state: 'paused', reason: error };
  if (isFailing && (config.unavailable === 'alert' || ERRORS[lastError.code].class !== 'retry')) return { state: 'error', reason: error };
  if (lastSuccessAt === null) return { state: 'starting', reason: error };
  if (error) return { state: 'degraded', reason: error };
  if (approvals > 0) {
    return { state: 'degraded', reason: { code: 'approval_needed', message: `${approvals} change-${approvals === 1 ? 'set waits' : 'sets wait'} for an approval`, advice: 'See `bevatel-sync change-sets list`.', at: null } };
  }
  if (oldestMs !== null && oldestMs > OVERDUE_MS) {
    return { state: 'degraded', reason: { code: 'overdue', message: `a change has waited for ${Math.round(oldestMs / 1_000)} s`, advice: 'See the queue, the rate limit of the system and its errors.', at: null } };
  }
  return { state: 'connected', reason: null };
}

/** Declared, not guessed: a side that is written and offers neither conditional writes nor a history (I2). */
export function blindWindows({ config }: Pick<StoredIntegration, 'config'>): IntegrationStatus['blindWindows'] {
  const capabilities: Readonly<Record<Side, Capabilities>> = { bevatel: CAPABILITIES.bevatel, external: CAPABILITIES[config.system] };
  return SIDES.filter((side) => config.direction === 'both' || config.direction === `to_${side}`).flatMap((side) => {
    const { conditionalWrites, history } = capabilities[side];
    if (conditionalWrites) return [];
    if (!history) return [{ side, reason: 'the system offers neither conditional writes nor a history of values' }];
    return side === 'external' && config.guard === 'none' ? [{ side, reason: 'guard: none switches the check before each write off' }] : [];
  });
}
