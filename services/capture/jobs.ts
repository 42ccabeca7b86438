/**
 * Jobs that one process at a time does: whoever holds the lock runs the job, the others ask again every second. A job
 * that ends or throws gives its lock back, and is begun again.
 */
import type { Sleep } from '../../runtime/sleep.ts';
import type { Locks } from '../../store/locks.ts';
import type { Report } from './report.ts';

export interface JobOptions {
  readonly name: string;
  /** Runs until its signal ends. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

export interface Jobs {
  /** Begins a job; another one of this name is ended first. */
  start(job: JobOptions): void;
  /** Resolves when the job has ended, here. */
  stop(name: string): Promise<void>;
  stopAll(): Promise<void>;
}

export interface JobsOptions {
  readonly locks: Locks;
  readonly report: Report;
  readonly sleep: Sleep;
  /** Default 1,000. */
  readonly askEveryMs?: number;
}

export function createJobs({ locks, report, sleep, askEveryMs = 1_000 }: JobsOptions): Jobs {
  const running = new Map<string, { readonly stopping: AbortController; readonly ended: Promise<void> }>();

  async function runOnce({ name, run }: JobOptions, signal: AbortSignal): Promise<void> {
    const held = await locks.tryHold(name);
    if (!held) return;
    try {
      await run(AbortSignal.any([signal, held.signal]));
    } finally {
      await held.release();
    }
  }
  async function keep(job: JobOptions, signal: AbortSignal, before: Promise<void> | undefined): Promise<void> {
    await before;
    while (!signal.aborted) {
      await runOnce(job, signal).catch((error: unknown) => report.failed(job.name.split(' ')[0] ?? 'job', null, error, askEveryMs));
      await sleep(askEveryMs, signal);
    }
  }
  function stop(name: string): Promise<void> {
    const job = running.get(name);
    running.delete(name);
    job?.stopping.abort();
    return job?.ended ?? Promise.resolve();
  }
  return {
    start: (job) => {
      const before = running.has(job.name) ? stop(job.name) : undefined;
      const stopping = new AbortController();
      running.set(job.name, { stopping, ended: keep(job, stopping.signal, before) });
    },
    stop,
    stopAll: async () => { await Promise.all([...running.keys()].map(stop)); },
  };
}
