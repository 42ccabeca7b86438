/** The faults of a schedule as they come about: each is asked for where it would take effect, and counted when it does. */
import type { DatabaseFaults } from '../engine/database.ts';
import type { Point } from '../engine/incarnation.ts';
import type { KafkaFaults } from '../engine/kafka-client.ts';
import type { Fact, SystemName } from '../journal.ts';
import { FAULT_KINDS } from '../schedule/schedule.ts';
import type { Fault, FaultKind } from '../schedule/schedule.ts';
import type { CallFault, CallKind, NetworkFaults, Refusal } from '../systems/network.ts';
import type { WebhookFault } from '../systems/webhooks.ts';

export interface FaultBookOptions {
  readonly faults: readonly Fault[];
  /** World time since the start. */
  readonly since: () => number;
  readonly tell: (fact: Fact) => void;
  readonly clock: () => number;
}

type Of<K extends FaultKind> = Extract<Fault, { readonly kind: K }>;

export class FaultBook implements NetworkFaults, DatabaseFaults {
  readonly tally: Record<FaultKind, number>;
  readonly #options: FaultBookOptions;
  readonly #counts = new Map<string, number>();
  readonly #begun = new Set<Fault>();
  #isOver = false;

  constructor(options: FaultBookOptions) {
    this.#options = options;
    this.tally = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  }

  /** From now on nothing goes wrong any more. */
  end(): void {
    this.#isOver = true;
  }

  onCall(system: SystemName, call: CallKind): CallFault | null {
    const nth = this.#count(`${system} ${call}`);
    const fault = this.#find(['request_lost', 'answer_lost', 'late_landing', 'slow_call'], (one) => one.system === system && one.call === call && one.nth === nth);
    if (!fault) return null;
    this.happened(fault, system, `${fault.kind} (${call})`);
    return fault;
  }

  refusal(system: SystemName): Refusal | null {
    const fault = this.#find(['outage', 'throttle', 'token_expiry'], (one) => one.system === system && this.#isNow(one));
    if (fault && !this.#begun.has(fault)) this.happened(fault, system, fault.kind);
    return fault ?? null;
  }

  webhook(system: SystemName): WebhookFault | null {
    const nth = this.#count(`${system} webhook`);
    const fault = this.#find(['webhook_dropped', 'webhook_doubled', 'webhook_late'], (one) => one.system === system && one.nth === nth);
    if (fault) this.happened(fault, system, fault.kind);
    return fault ?? null;
  }

  staleness(system: SystemName): number {
    const nth = this.#count(`${system} shown`);
    const fault = this.#find(['stale_read'], (one) => one.system === system && one.nth === nth && one.byMs > 0);
    if (!fault) return 0;
    this.happened(fault, system, `shows what it was ${fault.byMs} ms ago`);
    return fault.byMs;
  }

  indexLag(system: SystemName): number {
    const nth = this.#count(`${system} change`);
    const fault = this.#find(['index_lag'], (one) => one.system === system && one.nth === nth && one.byMs > 0);
    if (!fault) return 0;
    this.happened(fault, system, `its index lags ${fault.byMs} ms`);
    return fault.byMs;
  }

  crash(process: number, point: Point): Of<'crash'> | null {
    const nth = this.#count(`process ${process} ${point}`);
    const fault = this.#find(['crash'], (one) => one.process === process && one.point === point && one.nth === nth);
    if (fault) this.happened(fault, '', `process ${process} dies at ${point}`);
    return fault ?? null;
  }

  isDown(): boolean {
    return this.#isIn('database_down');
  }

  losesAnswer(): boolean {
    const nth = this.#count('commit');
    const fault = this.#find(['commit_unanswered'], (one) => one.nth === nth);
    if (fault) this.happened(fault, '', 'a commit is not answered');
    return fault !== undefined;
  }

  readonly kafka: KafkaFaults = {
    isDown: () => this.#isIn('kafka_down'),
    losesAcknowledgement: () => {
      const nth = this.#count('publish');
      const fault = this.#find(['acknowledgement_lost'], (one) => one.nth === nth);
      if (fault) this.happened(fault, '', 'Kafka\'s acknowledgement is lost');
      return fault !== undefined;
    },
  };

  /** Counts a fault that has taken effect, and tells the story of it. */
  happened(fault: Fault, system: SystemName, what: string): void {
    this.tally[fault.kind] += 1;
    this.#begun.add(fault);
    this.#options.tell({ kind: 'trouble', at: this.#options.clock(), system, record: '', what });
  }

  #isIn(kind: 'database_down' | 'kafka_down'): boolean {
    const fault = this.#find([kind], (one) => this.#isNow(one));
    if (fault && !this.#begun.has(fault)) this.happened(fault, '', kind);
    return fault !== undefined;
  }

  #isNow({ at, forMs }: { readonly at: number; readonly forMs: number }): boolean {
    const now = this.#options.since();
    return now >= at && now < at + forMs;
  }

  #count(what: string): number {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return count;
  }

  #find<K extends FaultKind>(kinds: readonly K[], fits: (fault: Of<K>) => boolean): Of<K> | undefined {
    if (this.#isOver) return undefined;
    return this.#options.faults.find((fault): fault is Of<K> => (kinds as readonly FaultKind[]).includes(fault.kind) && fits(fault as Of<K>));
  }
}
