/** I9: nothing is taken for gone that is there, nothing is removed without a proven deletion, and a proven one goes over as its policy says. */
import type { Read, Removed } from '../journal.ts';
import type { DeletePolicy } from '../schedule/schedule.ts';
import type { Evidence, Finding, LinkRow } from './evidence.ts';
import { sideOf } from './lineage.ts';
import type { Lineage, Place } from './lineage.ts';
import type { Lives } from './lives.ts';

type Side = 'bevatel' | 'external';

export function judgeEnds(evidence: Evidence, lineage: Lineage, lives: Lives): Finding[] {
  const reads = evidence.journal.filter((fact): fact is Read => fact.kind === 'read');
  const removals = evidence.journal.filter((fact): fact is Removed => fact.kind === 'removed' && fact.way !== 'erase');
  return [
    ...evidence.links.flatMap((link) => judgeGone(link, lives)),
    ...evidence.links.flatMap((link) => judgePropagation(link, evidence)),
    ...removals.flatMap((removal) => judgeRemoval(removal, reads, evidence, lineage, lives)),
  ];
}

function placeOf(link: LinkRow, side: Side): Place {
  return side === 'bevatel' ? { system: 'bevatel', record: link.bevatel_id ?? '' } : { system: link.integration_id, record: link.external_id ?? '' };
}

function gone(link: LinkRow): Side[] {
  return (Object.keys(link.state.gone ?? {}) as Side[]);
}

function judgeGone(link: LinkRow, lives: Lives): Finding[] {
  return gone(link).map((side) => placeOf(link, side)).filter(({ system, record }) => lives.endOf(system, record) === null)
    .map(({ system, record }): Finding => ({ invariant: 'I9', class: 'unexplained', person: null, what: `${system}/${record} is taken for gone, though it is there` }));
}

/** A proven deletion is through with: a pair of which one is gone stands only where that is the policy, or waits for an operator. */
function judgePropagation(link: LinkRow, { schedule, records }: Evidence): Finding[] {
  const [lost, alsoLost] = gone(link);
  if (lost === undefined || alsoLost !== undefined || link.erased || link.state.hold !== undefined || link.bevatel_id === null || link.external_id === null) return [];
  const report = link.state.gone?.[lost];
  const left = lost === 'bevatel' ? 'external' : 'bevatel';
  const policy = policyOf(schedule.dials.deletes[link.integration_id], left);
  if (policy === 'ignore' || report?.how !== 'deleted' || link.state.guarded !== undefined) return [];
  const { system, record } = placeOf(link, left);
  const person = records.find((one) => one.system === system && one.id === record)?.person ?? null;
  return [{ invariant: 'I9', class: 'diverged', person, what: `${system}/${record} stands beside the deleted ${placeOf(link, lost).record}, though the policy is ${policy}` }];
}

function policyOf(dials: { readonly to_external: DeletePolicy; readonly to_bevatel: DeletePolicy } | undefined, side: Side): DeletePolicy {
  return (side === 'bevatel' ? dials?.to_bevatel : dials?.to_external) ?? 'ignore';
}

/**
 * Before it the partner was read by its id, after the settle time, and was gone: deleted by a person, or in a hub by a removal
 * that was proven itself.
 */
function judgeRemoval(removal: Removed, reads: readonly Read[], { schedule, records }: Evidence, lineage: Lineage, lives: Lives): Finding[] {
  const { system, record, integration, sentAt } = removal;
  const dials = schedule.dials.deletes[integration];
  const person = records.find((one) => one.system === system && one.id === record)?.person ?? null;
  const finding = (what: string): Finding[] => [{ invariant: 'I9', class: 'unexplained', person, what: `${system}/${record} was removed, ${what}` }];
  if (policyOf(dials, sideOf(system)) !== 'remove') return finding('though no policy says so');
  const isProven = lineage.partners(system, record, integration).some((partner) => reads.some((read) => {
    if (read.system !== partner.system || read.record !== partner.record || read.at > sentAt) return false;
    const end = lives.endOf(partner.system, partner.record, read.asOf);
    return (end?.kind === 'deleted' || end?.kind === 'removed') && read.at >= end.at + (dials?.settleMs ?? 0);
  }));
  return isProven ? [] : finding('though no read had proven after the settle time that its partner was deleted');
}
