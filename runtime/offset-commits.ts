/**
 * Commits offsets to the consumer group behind the work: the newest per partition, one request at a time, no more often
 * than `everyMs`. A failure is no fault, since offsets only grow: the next commit says all that this one did.
 */
import type { PartitionOffset } from './kafka.ts';
import type { Logger } from './logger.ts';
import type { Sleep } from './sleep.ts';

export interface OffsetCommits {
  note(done: PartitionOffset): void;
  /** Forgets what was noted for partitions that are no longer ours. */
  forget(): void;
  /** Commits what is noted, at once, and waits for it. */
  flush(): Promise<void>;
}

export interface OffsetCommitsOptions {
  readonly commit: (offsets: readonly PartitionOffset[]) => Promise<void>;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly sleep: Sleep;
}

export function createOffsetCommits({ commit, everyMs, logger, sleep }: OffsetCommitsOptions): OffsetCommits {
  const noted = new Map<string, PartitionOffset>();
  let flushing: AbortController | undefined;
  let pump: Promise<void> | undefined;

  async function commitNoted(): Promise<void> {
    const offsets = [...noted.values()];
    noted.clear();
    if (offsets.length === 0) return;
    try {
      await commit(offsets);
    } catch (error) {
      logger.debug({ err: error }, 'offsets were not committed to the group');
    }
  }
  async function run(pause: AbortController): Promise<void> {
    while (noted.size > 0) {
      await commitNoted();
      if (everyMs > 0) await sleep(everyMs, pause.signal);
    }
    pump = undefined;
  }
  return {
    note: (done) => {
      noted.set(`${done.topic}/${done.partition}`, done);
      if (pump) return;
      flushing = new AbortController();
      pump = run(flushing);
    },
    forget: () => noted.clear(),
    flush: async () => {
      flushing?.abort();
      await pump;
      await commitNoted();
    },
  };
}
