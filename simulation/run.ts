/** Runs one schedule from an empty world to the oracle's word on it. */
import { createHash } from 'node:crypto';
import type { Database } from './engine/database.ts';
import type { RealIo } from './engine/real-io.ts';
import type { Evidence } from './oracle/evidence.ts';
import { judge } from './oracle/oracle.ts';
import type { Judgement } from './oracle/oracle.ts';
import type { FaultKind, Schedule } from './schedule/schedule.ts';
import { collect } from './world/evidence.ts';
import { play } from './world/play.ts';
import { World } from './world/world.ts';

export interface Outcome extends Judgement {
  readonly evidence: Evidence;
  /** Deeds that could be done. */
  readonly edits: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly events: number;
  /** Of the decisions, byte for byte: the same for the same seed (I12). */
  readonly hash: string;
  readonly log: string;
}

/** What cannot be simulated is thrown; what the product does wrong is a finding. */
export async function run(schedule: Schedule, database: Database, io: RealIo): Promise<Outcome> {
  const world = new World(schedule, database, io);
  const hear = (error: unknown): void => world.onUnforeseen('unhandled', error);
  process.on('unhandledRejection', hear);
  try {
    const evidence = await collect(world, await play(world));
    const log = evidence.decisions.map((decision) => `${JSON.stringify(decision)}\n`).join('');
    return {
      ...judge(evidence), evidence, log, hash: createHash('sha256').update(log).digest('hex'),
      edits: world.people.done, faults: world.faults.tally, events: world.scheduler.events,
    };
  } finally {
    process.off('unhandledRejection', hear);
    world.end();
    await world.clear();
  }
}
