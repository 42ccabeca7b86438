/**
 * Mends drift through the ordinary decision path: what is unseen is read by its ids on both sides and folded like
 * everything else, a stray is read and so finds or makes its link, a vanished record is asked for by its id (I9), and a
 * link whose state explains nothing is decided anew. Nothing is written to a side here.
 *
 * Reads are asked for in the table of waiting hints, in lane repair: what people wait for goes before them there, on
 * Kafka they are not at all, and asking twice is asking once.
 */
import { isDeepStrictEqual } from 'node:util';
import { decideAnew } from '../../../domain/decide-anew.ts';
import { driftOf, isMassAbsence, remedyOf } from '../../../domain/drift.ts';
import { dueOf } from '../../../domain/due.ts';
import type { Tally } from '../../../domain/tally.ts';
import { isUnexplained } from '../../../domain/verify.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Wake } from '../../../runtime/deps.ts';
import type { ContactHint } from '../../../schemas/change.ts';
import type { Drift } from '../../../schemas/drift.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { insertDecisions } from '../../../store/decisions.ts';
import { sidesWithStrays } from '../../../store/doubts.ts';
import type { Doubt } from '../../../store/doubts.ts';
import { lockLinks, saveLinks } from '../../../store/links.ts';
import type { StoredLink } from '../../../store/links.ts';
import type { Run } from '../../../store/verifications.ts';
import { countWaitingOf, parkHints } from '../../../store/waiting-hints.ts';
import type { Examining } from './examine.ts';

export interface Mending extends Examining {
  readonly run: Run;
  readonly wake: Pick<Wake, 'notify'>;
  readonly clock: () => number;
  readonly newId: () => string;
}

export interface Mended {
  /** As they stand now. */
  readonly doubts: readonly Doubt[];
  readonly tally: Tally;
  /** Reads that must wait until others were made. */
  readonly backlog: number;
  readonly reads: number;
  readonly decided: number;
}

/** So many reads of an integration wait at most; the rest is asked for in the next round. */
const MAX_WAITING = 5_000;

/** `doubts` as they were looked at just now. Repeating it is harmless. */
export async function mend(mending: Mending, doubts: readonly Doubt[], tally: Tally): Promise<Mended> {
  const drift = { ...tally.drift };
  const confirmed = doubts.map((doubt): Doubt => {
    const kind = driftOf(doubt.findings);
    if (kind !== null && doubt.drift === null) drift[kind] += 1;
    return { ...doubt, drift: doubt.drift ?? kind };
  });
  const plan = await planOf(mending, confirmed, { ...tally, drift });
  const { dryRun } = mending.run.order;
  const hints = new Map(plan.reads.flatMap((doubt) => hintsOf(mending, doubt)).map((hint) => [`${hint.side}/${hint.recordId}`, hint]));
  if (!dryRun) await parkHints(mending.pool, [...hints.values()], mending.clock(), mending.clock());
  const decided = dryRun ? new Set(plan.decides.map(({ id }) => id)) : await decideLinks(mending, plan.decides.map(({ id }) => id));
  const asked = new Map<Doubt, Doubt>([
    ...plan.reads.map((doubt): [Doubt, Doubt] => [doubt, { ...doubt, asked: 'read', deferred: null, findings: dryRun ? doubt.findings : underWay(doubt, 'read_asked') }]),
    ...plan.decides.map((doubt): [Doubt, Doubt] => [doubt, { ...doubt, asked: 'decide', deferred: null, findings: !dryRun && decided.has(doubt.id) ? underWay(doubt, 'decided_anew') : doubt.findings }]),
    ...plan.deferred,
  ]);
  const count = (side: Side): number => [...hints.values()].filter((hint) => hint.side === side).length;
  return {
    doubts: confirmed.map((doubt) => asked.get(doubt) ?? doubt),
    tally: { ...tally, drift, asked: { reads: { bevatel: tally.asked.reads.bevatel + count('bevatel'), external: tally.asked.reads.external + count('external') }, decided: tally.asked.decided + decided.size } },
    backlog: plan.backlog, reads: hints.size, decided: decided.size,
  };
}

interface Plan {
  readonly reads: readonly Doubt[];
  readonly decides: readonly Doubt[];
  readonly deferred: readonly (readonly [Doubt, Doubt])[];
  readonly backlog: number;
}

async function planOf(mending: Mending, doubts: readonly Doubt[], tally: Tally): Promise<Plan> {
  const open = doubts.filter(({ findings, asked }) => remedyOf(findings) !== null && remedyOf(findings) !== asked);
  const reasons = await deferrals(mending, open, tally);
  const ready = open.filter((doubt) => !reasons.has(doubt));
  const toRead = ready.filter(({ findings }) => remedyOf(findings) === 'read');
  const room = toRead.length > 0 && !mending.run.order.dryRun ? MAX_WAITING - await countWaitingOf(mending.pool, mending.key, MAX_WAITING) : toRead.length;
  const reads = toRead.slice(0, room);
  return {
    reads, backlog: toRead.length - reads.length,
    decides: ready.filter(({ findings }) => remedyOf(findings) === 'decide'),
    deferred: open.filter((doubt) => reasons.has(doubt)).map((doubt) => [doubt, { ...doubt, deferred: reasons.get(doubt) ?? null }]),
  };
}

/**
 * Why nothing is done yet. Records that vanished by the hundred wait for a word. A partner is not created while its
 * side shows records that no link knows, or was not listed: one of them may be the partner (I4).
 */
async function deferrals({ pool, run }: Mending, open: readonly Doubt[], tally: Tally): Promise<ReadonlyMap<Doubt, string>> {
  const { scope, includeGone } = run.order;
  const gone = Math.max(tally.gone, tally.drift.gone);
  const isMass = !includeGone && isMassAbsence(gone, scope.kind === 'all' ? tally.examined : run.total);
  const isListed = scope.kind === 'all' || (scope.kind === 'certificate' && scope.listed);
  const strays = open.some(({ findings }) => driftOf(findings) === 'unlinked') ? await sidesWithStrays(pool, run) : new Set<Side>();
  function reasonOf(doubt: Doubt, drift: Drift | null): string | null {
    if (drift === 'gone') return isMass ? 'mass_absence' : null;
    if (drift !== 'unlinked') return null;
    if (!isListed) return 'not_listed';
    return strays.has(doubt.bevatelId === null ? 'bevatel' : 'external') ? 'strays_first' : null;
  }
  return new Map(open.flatMap((doubt): [Doubt, string][] => {
    const reason = reasonOf(doubt, driftOf(doubt.findings));
    return reason === null ? [] : [[doubt, reason]];
  }));
}

/** Both records: what is decided next depends on both. */
function hintsOf({ key, clock, newId }: Mending, { bevatelId, externalId }: Doubt): readonly ContactHint[] {
  return SIDES.flatMap((side) => {
    const recordId = side === 'bevatel' ? bevatelId : externalId;
    return recordId === null ? [] : [{
      hintId: newId(), tenantId: key.tenantId, integrationId: key.integrationId, side, recordId, lane: 'repair' as const, origin: 'operator' as const, event: 'changed' as const,
      field: null, value: null, revision: null, occurredAt: null, receivedAt: clock(), mergedInto: null,
    }];
  });
}

function underWay({ findings }: Doubt, reason: string): Doubt['findings'] {
  return findings.map((one) => (isUnexplained(one.kind) ? { ...one, kind: 'in_flight', reason } : one));
}

/** Decides links from their state as it stands; gives those that moved. */
async function decideLinks({ pool, key, context, run, wake, clock, newId }: Mending, linkIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (linkIds.length === 0) return new Set();
  const moved = await inTransaction(pool, async (transaction) => {
    const locked = await lockLinks(transaction, [], linkIds.map((linkId) => ({ tenantId: key.tenantId, integrationId: key.integrationId, linkId })));
    const now = clock();
    const decided = locked.map((stored) => ({ stored, ...decideAnew(stored.link, context, now) })).filter(({ stored, link }) => !isDeepStrictEqual(stored.link.state, link.state));
    saveLinks(transaction, [], decided.map(({ stored, link }) => ({ link, lane: isWaiting(stored, now) ? null : 'repair', lease: 'keep' })), now);
    insertDecisions(transaction, decided.map(({ link, groups, verdict }) => ({
      source: null,
      decision: {
        decisionId: newId(), tenantId: link.tenantId, integrationId: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId,
        causeId: run.runId, cause: 'operator', side: null, verdict: verdict ?? groups.find((group) => group.verdict !== 'converged')?.verdict ?? groups[0]?.verdict ?? 'unchanged', groups, decidedAt: now,
      },
    })));
    return decided.map(({ link }) => link.linkId);
  });
  if (moved.length > 0) wake.notify(key.tenantId, key.integrationId);
  return new Set(moved);
}

/** Its lane stays: it may be more urgent than a repair. */
function isWaiting({ link }: StoredLink, now: number): boolean {
  return dueOf(link, now) !== null;
}
