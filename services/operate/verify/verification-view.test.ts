/** I10: how far a comparison is, what it waits for, and when it is through. */
import { describe, expect, it } from 'vitest';
import { EMPTY_TALLY } from '../../../domain/tally.ts';
import type { Tally } from '../../../domain/tally.ts';
import type { StoredIntegration } from '../../../store/integrations.ts';
import type { Run } from '../../../store/verifications.ts';
import { runningOf, sweepStatusOf } from './verification-view.ts';

const NOW = 1_000_000;
const RUN: Run = {
  tenantId: 'acme', integrationId: 'crm', runId: 'r1', kind: 'verify', fingerprint: 'f', state: 'running', phase: 'links', cursor: null, settling: null, tally: EMPTY_TALLY,
  order: { scope: { kind: 'all' }, settleMs: 1_000, dryRun: false, includeGone: false, requestedBy: 'mona' },
  total: 10_000, step: 3, nextAt: 0, waiting: null, startedAt: 0, updatedAt: 0, finishedAt: null, error: null,
};

function after(calls: Tally['calls'], workedMs: number): Partial<Run> {
  return { tally: { ...EMPTY_TALLY, calls, workedMs } };
}

describe('runningOf', () => {
  it.each<[string, Partial<Run>, number | null]>([
    ['no pace is known yet', after({ list: 2, read: 0 }, 500), null],
    // 50 + 100 pages are listed, 100 pages of links read on both sides: 350 calls, 100 ms each
    ['at the pace so far', after({ list: 150, read: 50 }, 20_000), 150 * 100 + 1_000],
    ['not before what is waited for', { ...after({ list: 150, read: 50 }, 20_000), waiting: { code: 'rate_limited', since: NOW, until: NOW + 60_000 } }, 60_000 + 150 * 100 + 1_000],
    ['while it settles', { phase: 'end', settling: { until: NOW + 700, after: null, round: 1, backlog: 0 } }, 700],
    ['of a part nobody knows', { ...after({ list: 0, read: 50 }, 20_000), order: { ...RUN.order, scope: { kind: 'contact', contactId: 'b1' } } }, null],
    ['when it has ended', { state: 'done', phase: 'end' }, null],
  ])('time to go: %s', (_what, more, expected) => {
    expect(runningOf({ ...RUN, ...more }, NOW).etaMs).toBe(expected);
  });
  it('says the phase, and what it waits for with advice', () => {
    expect(runningOf({ ...RUN, waiting: { code: 'system_unavailable', since: 1, until: 2 } }, NOW)).toMatchObject({ phase: 'links', waiting: { code: 'system_unavailable', advice: expect.stringContaining('answers again') as string } });
    expect(runningOf({ ...RUN, phase: 'end' }, NOW).phase).toBe('settling');
    expect(runningOf({ ...RUN, state: 'failed' }, NOW).phase).toBe('ended');
  });
});

describe('sweepStatusOf', () => {
  const stored = (recordsPerHour: number, paused = false) => ({ paused, config: { sweep: { recordsPerHour, everyMinutes: 60 } } }) as StoredIntegration;
  it.each([
    ['off', stored(0), undefined, 'off'],
    ['paused', stored(100, true), RUN, 'paused'],
    ['between two rounds', stored(100), undefined, 'resting'],
    ['under way', stored(100), RUN, 'sweeping'],
  ])('%s', (_what, integration, run, expected) => {
    expect(sweepStatusOf(integration, run, undefined, NOW).state).toBe(expected);
  });
  it('is through when its budget allows', () => {
    const round: Run = { ...RUN, kind: 'sweep', nextAt: NOW + 500, tally: { ...EMPTY_TALLY, listed: { bevatel: 10_000, external: 10_000 }, examined: 5_000 } };
    expect(sweepStatusOf(stored(10_000), round, undefined, NOW).round?.etaMs).toBe(500 + 1_800_000);
  });
});
