/**
 * Full batches for the backfill: of each kind of call as many links as fill its batches, the rest stays due for the
 * next cycle, which brings more of them. When nothing fills a batch any more, everything goes.
 *
 * Live and repair work is never held back, and neither are reads, which decide what is to be written.
 */
import type { Work } from '../../domain/plan-work.ts';
import type { Capabilities } from '../../schemas/system.ts';
import type { Lane, Side } from '../../schemas/value.ts';

interface Planned {
  readonly stored: { readonly lane: Lane };
  readonly work: Work;
}

export function fillBatches<T extends Planned>(planned: readonly T[], capabilities: Readonly<Record<Side, Capabilities>>): readonly T[] {
  const groups = Map.groupBy(planned.filter(isPatient), ({ work }) => callOf(work));
  const sizes = new Map([...groups].map(([call, items]) => [call, sizeOf(items[0]?.work, capabilities)]));
  if (![...groups].some(([call, items]) => items.length >= (sizes.get(call) ?? 1))) return planned;
  const held = new Set([...groups].flatMap(([call, items]) => items.slice(items.length - (items.length % (sizes.get(call) ?? 1)))));
  return planned.filter((item) => !held.has(item));
}

function isPatient({ stored, work }: Planned): boolean {
  return stored.lane === 'backfill' && (work.kind === 'write' || work.kind === 'create');
}

function callOf(work: Work): string {
  return work.kind === 'none' || work.kind === 'forget' ? '' : `${work.side} ${work.kind}`;
}

function sizeOf(work: Work | undefined, capabilities: Readonly<Record<Side, Capabilities>>): number {
  if (work?.kind !== 'write' && work?.kind !== 'create') return 1;
  const { batch } = capabilities[work.side];
  return work.kind === 'create' ? batch.create : batch.update;
}
