/** Counts what verify finds; each pair once, as its worst group says. Names and ids only, never values (I11). */
import type { Link } from '../../domain/link.ts';
import type { Finding, FindingKind } from '../../domain/verify.ts';
import type { Certificate } from '../../schemas/api.ts';
import type { Side } from '../../schemas/value.ts';

export interface Tally {
  /** `findings` as `examinePair` and `examineOneSided` tell them, the worst first. */
  count(link: Link, findings: readonly Finding[]): void;
  strays(side: Side, ids: readonly string[]): void;
  call(kind: 'list' | 'read'): void;
  certificate(head: Pick<Certificate, 'tenant' | 'integration' | 'startedAt' | 'finishedAt'>): Certificate;
}

const MAX_SAMPLES = 200;

export function createTally(): Tally {
  const pairs = new Map<FindingKind, number>();
  const oneSided = { explained: 0, unlinked: 0 };
  const unlinked = { bevatel: 0, external: 0 };
  const calls = { list: 0, read: 0 };
  const byReason: Record<string, number> = {};
  const samples: Certificate['samples'] = [];

  function note(finding: Finding, ids: { readonly linkId: string | null; readonly bevatelId: string | null; readonly externalId: string | null }): void {
    const reason = `${finding.kind}:${finding.reason}`;
    byReason[reason] = (byReason[reason] ?? 0) + 1;
    if (samples.length < MAX_SAMPLES) samples.push({ ...ids, kind: finding.kind, group: finding.group, reason: finding.reason });
  }
  function count(link: Link, findings: readonly Finding[]): void {
    const { linkId, bevatelId, externalId } = link;
    for (const finding of findings) note(finding, { linkId, bevatelId, externalId });
    const kind = findings[0]?.kind ?? 'equal';
    if (bevatelId !== null && externalId !== null) pairs.set(kind, (pairs.get(kind) ?? 0) + 1);
    else oneSided[kind === 'skipped' || kind === 'held' || kind === 'in_flight' ? 'explained' : 'unlinked'] += 1;
  }
  function strays(side: Side, ids: readonly string[]): void {
    unlinked[side] += ids.length;
    for (const id of ids) note({ kind: 'unlinked', group: null, reason: `no_link:${side}` }, { linkId: null, bevatelId: side === 'bevatel' ? id : null, externalId: side === 'external' ? id : null });
  }
  function of(kind: FindingKind): number {
    return pairs.get(kind) ?? 0;
  }
  return {
    count, strays,
    call: (kind) => { calls[kind] += 1; },
    certificate: (head) => ({
      ...head,
      ok: of('differing') + of('unseen') + of('unlinked') + oneSided.unlinked + unlinked.bevatel + unlinked.external === 0,
      pairs: [...pairs.values()].reduce((sum, one) => sum + one, 0),
      equal: of('equal'), normalised: of('normalised'), skipped: of('skipped'), held: of('held'), inFlight: of('in_flight'),
      unseen: of('unseen'), differing: of('differing') + of('unlinked'),
      oneSided, unlinked, byReason, calls, samples,
    }),
  };
}
