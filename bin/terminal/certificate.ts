/** A certificate in words: what is proven, what is explained and why, what is not, and what a repair did about it. */
import type { Certificate } from '../../schemas/verification.ts';
import { renderTable } from './table.ts';
import { when } from './words.ts';

const UNEXPLAINED = ['differing', 'unseen', 'unlinked'];
const SHOWN = 20;
const HASH_SHOWN = 16;

/** Why a repair left something alone, and what to do. */
const DEFERRED: Readonly<Record<string, string>> = {
  mass_absence: 'vanished by the hundred: a truncated table, an old backup, another account? When it is meant, repair with --including-gone',
  strays_first: 'their partner may be among the records without a link: repair again when those are linked',
  not_listed: 'their partner may be among records that were not looked for: repair the whole integration',
};

export function renderCertificate(one: Certificate): string {
  const reasons = Object.entries(one.byReason).sort((a, b) => b[1] - a[1]);
  return [
    `${one.tenant}/${one.integration}: ${one.ok ? 'nothing unexplained differs' : 'UNEXPLAINED DIFFERENCES'}`,
    `pairs ${one.pairs}: equal ${one.equal}, lossy by design ${one.lossy}, kept in another form ${one.normalised}, in flight ${one.inFlight}, held ${one.held}, skipped by a rule ${one.skipped}, not captured ${one.unseen}, differing ${one.differing}`,
    `one-sided ${one.oneSided.explained + one.oneSided.unlinked}, of which unexplained ${one.oneSided.unlinked}; records without a link: Bevatel ${one.unlinked.bevatel}, external ${one.unlinked.external}`,
    ...repairLines(one),
    `calls: ${one.calls.list} to list, ${one.calls.read} to read; ${((one.finishedAt - one.startedAt) / 1_000).toFixed(1)} s`,
    `certificate ${one.id} (${one.kind} of ${one.scope}, by ${one.requestedBy}), ${when(one.startedAt)} to ${when(one.finishedAt)}; rules ${short(one.rules)}, digest ${short(one.digest)}`,
    ...(reasons.length > 0 ? [renderTable({ head: ['finding', 'fields or records'], rows: reasons.map(([reason, count]) => [reason, String(count)]), isTerminal: process.stdout.isTTY })] : []),
    ...one.samples.filter(({ kind }) => UNEXPLAINED.includes(kind)).slice(0, SHOWN)
      .map((sample) => `  ${sample.kind}: Bevatel ${sample.bevatelId ?? '-'}, external ${sample.externalId ?? '-'}${sample.group === null ? '' : `, ${sample.group}`}: ${sample.reason}`),
  ].join('\n');
}

function repairLines({ repair }: Certificate): readonly string[] {
  if (!repair) return [];
  const found = Object.entries(repair.drift).filter(([, count]) => count > 0).map(([kind, count]) => `${kind} ${count}`).join(', ');
  const would = repair.dryRun ? 'would be ' : '';
  return [
    `drift: ${found === '' ? 'none' : found}; ${would}read by id: Bevatel ${repair.reads.bevatel}, external ${repair.reads.external}; ${would}decided anew: ${repair.decided}`,
    ...Object.entries(repair.deferred).map(([reason, count]) => `left alone: ${count} ${reason}: ${DEFERRED[reason] ?? ''}`),
  ];
}

/** Enough of a hash to tell two apart. */
export function short(hash: string): string {
  return hash.slice(0, HASH_SHOWN);
}
