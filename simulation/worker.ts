/** A worker: simulates the schedules that it is told, one after the other, on a database of its own. */
import { Database } from './engine/database.ts';
import { RealIo } from './engine/real-io.ts';
import type { Finding } from './oracle/evidence.ts';
import { run } from './run.ts';
import type { Outcome } from './run.ts';
import { generate } from './schedule/generate.ts';
import type { FaultKind, Schedule } from './schedule/schedule.ts';
import { shrink } from './shrink.ts';
import { storyOf } from './story.ts';

export type Order =
  | { readonly do: 'run'; readonly seed: number; readonly trace: boolean }
  /** Shrinks a seed that breaks promises and tells the story of what is left. */
  | { readonly do: 'shrink'; readonly seed: number; readonly tries: number };

export interface Ran {
  readonly did: 'run';
  readonly seed: number;
  readonly edits: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly findings: readonly Finding[];
  readonly blindWindows: number;
  readonly hash: string;
  readonly ms: number;
  readonly story: readonly string[];
}
export interface Shrunk {
  readonly did: 'shrink';
  readonly seed: number;
  readonly schedule: Schedule;
  readonly findings: readonly Finding[];
  readonly story: readonly string[];
}
export type Report = { readonly did: 'ready' } | Ran | Shrunk | { readonly did: 'failed'; readonly seed: number; readonly what: string };

const io = new RealIo();
const database = await Database.open(process.argv[2] ?? '', io);

async function obey(order: Order): Promise<Report> {
  const schedule = generate(order.seed);
  return order.do === 'run' ? runOne(schedule, order.trace) : shrinkOne(schedule, order.tries);
}

async function runOne(schedule: Schedule, trace: boolean): Promise<Ran> {
  const begun = performance.now();
  const { edits, faults, findings, blindWindows, hash, evidence } = await run(schedule, database, io);
  const story = trace ? storyOf(evidence, null, { withReads: true }) : [];
  return { did: 'run', seed: schedule.seed, edits, faults, findings, blindWindows, hash, ms: performance.now() - begun, story };
}

async function shrinkOne(schedule: Schedule, tries: number): Promise<Shrunk> {
  const first = (await run(schedule, database, io)).findings[0];
  const same = ({ findings }: Outcome): boolean => findings.some((finding) => finding.invariant === first?.invariant && finding.class === first.class);
  const small = await shrink(schedule, { tries, fails: async (candidate) => same(await run(candidate, database, io)) });
  const { findings, evidence } = await run(small, database, io);
  return { did: 'shrink', seed: schedule.seed, schedule: small, findings, story: storyOf(evidence, findings[0]?.person ?? null, { withReads: true }) };
}

process.on('message', (order: Order) => {
  obey(order)
    .catch((error: unknown): Report => ({ did: 'failed', seed: order.seed, what: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    .then((report) => process.send?.(report), () => undefined);
});
process.on('disconnect', () => process.exit());
process.send?.({ did: 'ready' } satisfies Report);
