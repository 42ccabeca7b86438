/**
 * Reads what was parked of one integration, as soon as its system answers again (I8, I10). Runs in one process at a
 * time; if two run for a moment a record is read twice, which changes nothing.
 */
import type { Pool } from 'pg';
import type { Sleep } from '../../runtime/sleep.ts';
import { dueHints, postponeWaiting, removeWaiting } from '../../store/waiting-hints.ts';
import type { WaitingHint } from '../../store/waiting-hints.ts';
import type { HintWork } from './hint-work.ts';
import type { LiveIntegration } from './integration-set.ts';

export interface WaitingOptions {
  readonly pool: Pool;
  readonly work: HintWork;
  readonly integration: LiveIntegration;
  readonly clock: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 500;
const BATCH = 100;

/** Runs until the signal ends; throws what the database throws. */
export async function readWaiting(options: WaitingOptions): Promise<void> {
  const { pool, integration, clock, sleep, signal } = options;
  while (!signal.aborted) {
    const waiting = await dueHints(pool, integration, clock(), BATCH);
    if (waiting.length === 0 || !(await readSome(options, waiting))) await sleep(LOOK_EVERY_MS, signal);
  }
}

/** False when the system is still away. */
async function readSome(options: WaitingOptions, waiting: readonly WaitingHint[]): Promise<boolean> {
  const { pool, work, integration, signal } = options;
  for (const group of Map.groupBy(waiting, ({ hint }) => `${hint.side} ${hint.lane}`).values()) {
    const [first] = group;
    if (!first) continue;
    const { side, lane } = first.hint;
    const alongside = group.flatMap(({ hint }) => (hint.mergedInto === null ? [] : [hint.mergedInto]));
    try {
      const { changes, faults } = await work.read({ integration, side, lane, ids: group.map(({ hint }) => hint.recordId), alongside, signal });
      await work.publish(changes, lane);
      for (const { id, error } of faults) await work.bury(group.filter(({ hint }) => hint.recordId === id).map(({ hint }) => work.tracked(hint)), error);
    } catch (error) {
      if (!signal.aborted) await postponeWaiting(pool, integration, work.waitAfter(integration, error));
      return false;
    }
    if (signal.aborted) return false;
    await removeWaiting(pool, group);
    work.succeeded(integration);
  }
  return true;
}
