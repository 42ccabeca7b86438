/** Batches of the backfill are full while there is enough to fill them, and nothing is held back for ever. */
import { describe, expect, it } from 'vitest';
import type { Work } from '../../domain/plan-work.ts';
import { CAPABILITIES } from '../../schemas/capabilities.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import { fillBatches } from './fill-batches.ts';

const capabilities = { bevatel: CAPABILITIES.bevatel, external: CAPABILITIES.hubspot };

function some(count: number, lane: Lane, side: Side, kind: 'write' | 'create' | 'read') {
  return Array.from({ length: count }, () => ({ stored: { lane }, work: { kind, side } as Work }));
}

describe('fillBatches', () => {
  it('takes full batches of each kind and leaves the rest due', () => {
    const planned = [...some(230, 'backfill', 'external', 'create'), ...some(150, 'backfill', 'bevatel', 'write'), ...some(20, 'backfill', 'external', 'write')];
    const taken = Map.groupBy(fillBatches(planned, capabilities), ({ work }) => ('side' in work ? `${work.side} ${work.kind}` : ''));
    expect([...taken].map(([call, items]) => [call, items.length])).toEqual([['external create', 200], ['bevatel write', 100]]);
  });

  it('takes everything when no batch can be filled', () => {
    const planned = [...some(99, 'backfill', 'external', 'create'), ...some(3, 'backfill', 'bevatel', 'write')];
    expect(fillBatches(planned, capabilities)).toHaveLength(102);
  });

  it('never holds back live work or reads', () => {
    const planned = [...some(100, 'backfill', 'external', 'create'), ...some(7, 'live', 'external', 'write'), ...some(5, 'backfill', 'bevatel', 'read')];
    expect(fillBatches(planned, capabilities)).toHaveLength(112);
  });
});
