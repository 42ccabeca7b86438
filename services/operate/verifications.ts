/** Runs of verify: started, watched and read by id. They live in this process; the newest few are kept. */
import type { Certificate, Verification } from '../../schemas/api.ts';

export interface Verifications {
  /** Starts a run and returns at once. */
  start(work: (signal: AbortSignal, onProgress: (examined: number) => void) => Promise<Certificate>): Verification;
  get(id: string): Verification | null;
  /** Ends the runs and waits for them. */
  stop(): Promise<void>;
}

export interface VerificationsOptions {
  readonly newId: () => string;
  readonly describe: (error: unknown) => NonNullable<Verification['error']>;
}

const KEPT = 20;

export function createVerifications({ newId, describe }: VerificationsOptions): Verifications {
  const runs = new Map<string, Verification>();
  const under = new Set<Promise<void>>();
  const stopping = new AbortController();

  function set(run: Verification): void {
    runs.set(run.id, run);
  }
  async function follow(id: string, work: Parameters<Verifications['start']>[0]): Promise<void> {
    const onProgress = (examined: number): void => set({ id, state: 'running', examined, error: null, certificate: null });
    try {
      const certificate = await work(stopping.signal, onProgress);
      set({ id, state: 'done', examined: runs.get(id)?.examined ?? 0, error: null, certificate });
    } catch (error) {
      set({ id, state: 'failed', examined: runs.get(id)?.examined ?? 0, error: describe(error), certificate: null });
    }
  }
  return {
    start: (work) => {
      const run: Verification = { id: newId(), state: 'running', examined: 0, error: null, certificate: null };
      set(run);
      const oldest = [...runs.values()].find(({ state }) => state !== 'running');
      if (runs.size > KEPT && oldest) runs.delete(oldest.id);
      const following = follow(run.id, work);
      under.add(following);
      void following.finally(() => under.delete(following));
      return run;
    },
    get: (id) => runs.get(id) ?? null,
    stop: async () => {
      stopping.abort();
      await Promise.all(under);
    },
  };
}
