/**
 * What happens in the reconcile figure, event by event: 50 % real edits, 30 % echoes of our own writes (half of them
 * of attempts that are outstanding, half of finished ones), 15 % duplicates, 5 % conflicts, on pairs at random.
 *
 * - An edit gives one group of one side a new value. Only Bevatel's company names and their answers in the external
 *   system can meet; all other groups are edited on one side only, so that every conflict is one of the 5 %.
 * - The echo of an outstanding attempt is the first image that shows its value; that of a finished one repeats the
 *   image that the attempt's answer gave already. Until then nobody edits that side.
 * - A duplicate repeats the newest image of a record, byte for byte.
 */
import type { Side } from '../../schemas/value.ts';
import { otherSide } from '../../schemas/value.ts';
import { seededRandom } from '../statistics.ts';

export const KINDS = ['edit', 'outstanding', 'finished', 'duplicate', 'conflict'] as const;
export type Kind = (typeof KINDS)[number];

export interface Happening {
  readonly kind: Kind;
  readonly pair: number;
  readonly side: Side;
  /** The group that is written; empty for a duplicate. */
  readonly group: string;
}

export interface Plan {
  readonly pairs: number;
  readonly happenings: readonly Happening[];
  /** Pairs that have a write of ours of this kind behind them when the run begins. */
  readonly echoes: Readonly<Record<EchoKind, ReadonlySet<number>>>;
}

type EchoKind = 'outstanding' | 'finished';
const OWN_GROUP = { outstanding: 'contact_last_name', finished: 'custom.city' } as const;
const CONFLICT_GROUP = 'company_name';
const EDITED: Readonly<Record<Side, readonly string[]>> = {
  bevatel: ['contact_first_name', 'phone_number', CONFLICT_GROUP],
  external: ['email', 'language', 'custom.job_title'],
};
/** Out of a thousand events; what is left are conflicts. */
const MIX = [['edit', 500], ['outstanding', 150], ['finished', 150], ['duplicate', 150]] as const;
const TRIES = 100;

/** The side to which a pair's own write of this kind goes. */
export function ownSide(kind: EchoKind, pair: number): Side {
  const even = kind === 'outstanding' ? 'external' : 'bevatel';
  return pair % 2 === 0 ? even : otherSide(even);
}

export function ownGroup(kind: EchoKind): string {
  return OWN_GROUP[kind];
}

export function planEvents(pairs: number, events: number, seed: number): Plan {
  return new Planner(pairs, events, seededRandom(seed)).plan(events);
}

class Planner {
  readonly #pairs: number;
  readonly #random: () => number;
  readonly #echoes: Readonly<Record<EchoKind, readonly number[]>>;
  /** How many of the echoes came in already, and which are still awaited. */
  readonly #told = { outstanding: 0, finished: 0 };
  readonly #awaited: Readonly<Record<EchoKind, Set<number>>>;
  readonly #shown: { readonly pair: number; readonly side: Side }[] = [];
  /** Company names that Bevatel changed and nobody has answered yet, the oldest first. */
  readonly #open = new Set<number>();
  readonly #closed = new Set<number>();

  constructor(pairs: number, events: number, random: () => number) {
    this.#pairs = pairs;
    this.#random = random;
    const each = Math.min(pairs, Math.ceil(events * 0.16));
    this.#echoes = { outstanding: this.#drawn(each), finished: this.#drawn(each) };
    this.#awaited = { outstanding: new Set(this.#echoes.outstanding), finished: new Set(this.#echoes.finished) };
  }

  plan(events: number): Plan {
    const happenings: Happening[] = [];
    const echoes = { outstanding: new Set(this.#echoes.outstanding), finished: new Set(this.#echoes.finished) };
    while (happenings.length < events) {
      const happening = this.#next(this.#kind());
      if (!happening) continue;
      happenings.push(happening);
      this.#shown.push(happening);
    }
    return { pairs: this.#pairs, happenings, echoes };
  }

  #kind(): Kind {
    let draw = this.#random() * 1_000;
    for (const [kind, share] of MIX) {
      if (draw < share) return kind;
      draw -= share;
    }
    return 'conflict';
  }

  #next(kind: Kind): Happening | null {
    switch (kind) {
      case 'edit': return this.#edit();
      case 'outstanding':
      case 'finished': return this.#echo(kind);
      case 'duplicate': return this.#duplicate();
      case 'conflict': return this.#conflict();
      default: return kind satisfies never;
    }
  }

  #edit(): Happening | null {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const pair = Math.floor(this.#random() * this.#pairs);
      const side: Side = this.#random() < 0.5 ? 'bevatel' : 'external';
      const group = EDITED[side][Math.floor(this.#random() * EDITED[side].length)] ?? '';
      if (this.#awaitsEcho(pair, side) || (group === CONFLICT_GROUP && this.#closed.has(pair))) continue;
      if (group === CONFLICT_GROUP) this.#open.add(pair);
      return { kind: 'edit', pair, side, group };
    }
    return null;
  }

  #echo(kind: EchoKind): Happening | null {
    const pair = this.#echoes[kind][this.#told[kind]];
    if (pair === undefined) return null;
    this.#told[kind] += 1;
    this.#awaited[kind].delete(pair);
    return { kind, pair, side: ownSide(kind, pair), group: OWN_GROUP[kind] };
  }

  #duplicate(): Happening | null {
    const shown = this.#shown[Math.floor(this.#random() * this.#shown.length)];
    return shown ? { kind: 'duplicate', pair: shown.pair, side: shown.side, group: '' } : null;
  }

  #conflict(): Happening | null {
    for (const pair of this.#open) {
      if (this.#awaitsEcho(pair, 'external')) continue;
      this.#open.delete(pair);
      this.#closed.add(pair);
      return { kind: 'conflict', pair, side: 'external', group: CONFLICT_GROUP };
    }
    return null;
  }

  #awaitsEcho(pair: number, side: Side): boolean {
    return (['outstanding', 'finished'] as const).some((kind) => this.#awaited[kind].has(pair) && ownSide(kind, pair) === side);
  }

  /** So many different pairs at random. */
  #drawn(count: number): number[] {
    const numbers = Array.from({ length: this.#pairs }, (_, index) => index);
    for (let index = 0; index < count; index += 1) {
      const other = index + Math.floor(this.#random() * (numbers.length - index));
      [numbers[index], numbers[other]] = [numbers[other] ?? 0, numbers[index] ?? 0];
    }
    return numbers.slice(0, count);
  }
}
