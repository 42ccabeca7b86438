/** The processes of the service: started, cut off, stalled, and started again, as whoever runs them would do it. */
import { Incarnation } from '../engine/incarnation.ts';
import { SESSION_MS } from '../engine/kafka-cluster.ts';
import type { KafkaCluster } from '../engine/kafka-cluster.ts';
import { randomOf } from '../engine/random.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import type { Fault } from '../schedule/schedule.ts';
import type { FaultBook } from './fault-book.ts';

export interface ProcessesOptions {
  readonly seed: number;
  readonly count: number;
  readonly scheduler: Scheduler;
  readonly cluster: KafkaCluster;
  readonly faults: FaultBook;
  /** Begins the life of a process; rejects when it cannot start. */
  readonly run: (incarnation: Incarnation) => Promise<void>;
  readonly onFailedStart: (error: unknown) => void;
}

/** Pause of whoever starts a process that could not start (ms). */
const START_AGAIN_MS = 1_500;

export class Processes {
  readonly #options: ProcessesOptions;
  readonly #living: (Incarnation | undefined)[] = [];
  readonly #lives: number[] = [];

  constructor(options: ProcessesOptions) {
    this.#options = options;
  }

  start(): void {
    for (let slot = 0; slot < this.#options.count; slot += 1) this.#start(slot);
  }

  stall(fault: Extract<Fault, { kind: 'stall' }>): void {
    const { scheduler, cluster, faults } = this.#options;
    const incarnation = this.#living[fault.process];
    if (!incarnation?.isAlive) return;
    faults.happened(fault, '', `process ${fault.process} stalls for ${fault.forMs} ms`);
    incarnation.stalledUntil = Math.max(incarnation.stalledUntil, scheduler.now + fault.forMs);
    scheduler.after(SESSION_MS, () => {
      if (incarnation.stalledUntil > scheduler.now) cluster.expel(incarnation);
    });
  }

  /** All die, and nobody starts them again. */
  end(): void {
    for (const incarnation of this.#living) incarnation?.die(null);
  }

  #start(slot: number): void {
    const { scheduler, faults, run, onFailedStart, seed } = this.#options;
    const life = (this.#lives[slot] ?? 0) + 1;
    this.#lives[slot] = life;
    let downMs = START_AGAIN_MS;
    const incarnation = new Incarnation({
      name: `${slot}.${life}`, scheduler, random: randomOf(seed, `process ${slot}.${life}`),
      isCutOff: (point) => {
        const fault = faults.crash(slot, point);
        downMs = fault?.downMs ?? downMs;
        return fault !== null;
      },
      onDeath: () => scheduler.after(downMs, () => this.#start(slot)),
    });
    this.#living[slot] = incarnation;
    run(incarnation).catch((error: unknown) => {
      onFailedStart(error);
      incarnation.die(null);
    });
  }
}
