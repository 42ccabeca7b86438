/** From what a run counted to its certificate. Names and ids only, never values (I11). */
import { unexplained } from '../../../domain/tally.ts';
import type { Sample } from '../../../domain/tally.ts';
import type { FindingKind } from '../../../domain/verify.ts';
import type { Certificate } from '../../../schemas/verification.ts';
import type { Run, RunScope } from '../../../store/verifications.ts';

export interface CertificateFacts {
  readonly finishedAt: number;
  /** Of what is in doubt. */
  readonly samples: readonly Sample[];
  readonly deferred: Readonly<Record<string, number>>;
}

export function certificateOf(run: Run, { finishedAt, samples, deferred }: CertificateFacts): Certificate {
  const { tally, order } = run;
  const of = (kind: FindingKind): number => tally.pairs[kind] ?? 0;
  return {
    id: run.runId, kind: run.kind, tenant: run.tenantId, integration: run.integrationId, requestedBy: order.requestedBy, scope: nameOf(order.scope),
    startedAt: run.startedAt, finishedAt, rules: run.fingerprint, digest: tally.digest,
    ok: unexplained(tally) === 0, unexplained: unexplained(tally),
    pairs: Object.values(tally.pairs).reduce((sum, one) => sum + one, 0),
    equal: of('equal'), lossy: of('lossy'), normalised: of('normalised'),
    skipped: of('skipped'), held: of('held'), inFlight: of('in_flight'), unseen: of('unseen'), differing: of('differing') + of('unlinked'),
    oneSided: tally.oneSided, unlinked: tally.unlinked, byReason: tally.byReason, listed: tally.listed, calls: tally.calls,
    samples: [...samples, ...tally.samples],
    repair: run.kind === 'verify' ? null : { dryRun: order.dryRun, drift: tally.drift, reads: tally.asked.reads, decided: tally.asked.decided, deferred },
  };
}

function nameOf(scope: RunScope): string {
  switch (scope.kind) {
    case 'all': return 'integration';
    case 'contact': return 'contact';
    case 'certificate': return `certificate:${scope.certificateId}`;
    default: return scope satisfies never;
  }
}
