/**
 * A process from start to end: SIGINT and SIGTERM stop the roles in reverse order of their start, each lets its work
 * finish, and what they share is closed last. A second signal, or a stop that outlasts its deadline, ends at once.
 */
import type { Logger } from './logger.ts';

export interface Stoppable {
  stop(): Promise<void>;
}

/** What of `process` is used here. */
export interface Signals {
  on(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

export interface LifecycleOptions {
  readonly logger: Logger;
  readonly signals: Signals;
  /** Ends the process without waiting for anything. */
  readonly exit: (code: number) => void;
  readonly deadlineMs?: number;
}

export interface Lifecycle {
  /** Remembers what was started; the last one is stopped first. */
  add(name: string, part: Stoppable): void;
  /** Stops everything; may be called twice. */
  stop(): Promise<void>;
  /** Resolves when everything was stopped, by a signal or by `stop`; with the code to exit with. */
  readonly stopped: Promise<number>;
}

export function createLifecycle({ logger, signals, exit, deadlineMs = 25_000 }: LifecycleOptions): Lifecycle {
  const parts: { readonly name: string; readonly part: Stoppable }[] = [];
  const { promise: stopped, resolve: end } = Promise.withResolvers<number>();
  let stopping: Promise<void> | undefined;

  async function stopAll(): Promise<void> {
    const deadline = setTimeout(() => {
      logger.error({ deadlineMs }, 'stopping took too long; what was at work is repeated after the next start');
      exit(1);
    }, deadlineMs);
    let code = 0;
    for (const { name, part } of parts.toReversed()) {
      try {
        await part.stop();
      } catch (error) {
        code = 1;
        logger.error({ part: name, err: error }, 'a part could not be stopped cleanly');
      }
    }
    clearTimeout(deadline);
    signals.off('SIGINT', onSignal);
    signals.off('SIGTERM', onSignal);
    end(code);
  }
  function onSignal(): void {
    if (stopping) exit(130);
    else {
      logger.info('stopping');
      stopping = stopAll();
    }
  }
  signals.on('SIGINT', onSignal);
  signals.on('SIGTERM', onSignal);
  return {
    add: (name, part) => { parts.push({ name, part }); },
    stop: () => (stopping ??= stopAll()),
    stopped,
  };
}
