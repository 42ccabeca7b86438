/** Runs a call that ends with a signal or after a time; nothing of it stays behind when it has ended. */
import type { Sleep } from '../../runtime/sleep.ts';

export interface Deadline {
  readonly signal: AbortSignal;
  readonly ms: number;
  readonly sleep: Sleep;
}

export async function withinDeadline<T>({ signal, ms, sleep }: Deadline, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const ended = new AbortController();
  const end = (): void => ending.abort();
  void sleep(ms, ended.signal).then(end);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    return await call(ending.signal);
  } finally {
    ended.abort();
    signal.removeEventListener('abort', end);
  }
}
