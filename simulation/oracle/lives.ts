/** When each record was there, and who ended it, as the journal tells. */
import type { Ended, Fact, Merged, Removed, SystemName } from '../journal.ts';

/** What took a record away or brought it back. */
export type Turn = Ended | Removed | Merged;

export class Lives {
  readonly #turns: ReadonlyMap<string, readonly Turn[]>;

  constructor(journal: readonly Fact[]) {
    const turns = journal.filter((fact): fact is Turn => fact.kind === 'deleted' || fact.kind === 'restored' || fact.kind === 'erased' || fact.kind === 'removed' || fact.kind === 'merged');
    this.#turns = Map.groupBy(turns, ({ system, record }) => keyOf(system, record));
  }

  /** In their order. */
  of(system: SystemName, record: string): readonly Turn[] {
    return this.#turns.get(keyOf(system, record)) ?? [];
  }

  /** The end that the record had come to by then; null while it was there. */
  endOf(system: SystemName, record: string, at = Infinity): Turn | null {
    const last = this.of(system, record).findLast((turn) => turn.at <= at);
    return last === undefined || isReturn(last) ? null : last;
  }

  /** There all the time between the two. */
  isThere(system: SystemName, record: string, from: number, to: number): boolean {
    return this.endOf(system, record, from) === null && !this.of(system, record).some((turn) => turn.at > from && turn.at <= to && !isReturn(turn));
  }

  /** The product took it away, and nobody brought it back. */
  isRemoved(system: SystemName, record: string): Removed | null {
    const end = this.endOf(system, record);
    return end?.kind === 'removed' ? end : null;
  }
}

function isReturn({ kind }: Turn): boolean {
  return kind === 'restored';
}

function keyOf(system: SystemName, record: string): string {
  return `${system}/${record}`;
}
