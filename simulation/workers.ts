/** The workers of a run: processes that simulate side by side, each handed the next order when it is done with the last. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Place } from './place.ts';
import type { Order, Report } from './worker.ts';

export interface WorkersOptions {
  readonly place: Place;
  readonly count: number;
  /** Modules that a worker loads before anything else. */
  readonly imports?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Workers {
  /** Gives the orders out as workers become free; `onReport` may add to what is left to be done by returning false to stop. */
  work(orders: Iterable<Order>, onReport: (report: Exclude<Report, { did: 'ready' }>) => boolean): Promise<void>;
  stop(): void;
}

export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const workers = await Promise.all(Array.from({ length: options.count }, () => start(options)));
  return {
    work: async (orders, onReport) => {
      const next = orders[Symbol.iterator]();
      let isOver = false;
      await Promise.all(workers.map(async (worker) => {
        for (let order = next.next(); !order.done && !isOver; order = next.next()) {
          if (!onReport(await ask(worker, order.value))) isOver = true;
        }
      }));
    },
    stop: () => { for (const worker of workers) worker.disconnect(); },
  };
}

async function start({ place, imports = [], env = {} }: WorkersOptions): Promise<ChildProcess> {
  const worker = fork(join(import.meta.dirname, 'worker.ts'), [await place.database()], {
    execArgv: imports.flatMap((module) => ['--import', module]), env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await heard(worker);
  return worker;
}

async function ask(worker: ChildProcess, order: Order): Promise<Exclude<Report, { did: 'ready' }>> {
  const answer = heard(worker);
  worker.send(order);
  const report = await answer;
  if (report.did === 'ready') throw new Error('a worker began anew');
  return report;
}

/** The worker's next word; rejects when it ends instead. */
function heard(worker: ChildProcess): Promise<Report> {
  return new Promise((resolve, reject) => {
    const onMessage = (report: Report): void => {
      worker.off('exit', onExit);
      resolve(report);
    };
    const onExit = (code: number | null): void => {
      worker.off('message', onMessage);
      reject(new Error(`a worker ended with ${code}`));
    };
    worker.once('message', onMessage).once('exit', onExit);
  });
}
