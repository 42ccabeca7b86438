/** The events of a plan, in their order: each record's state moves on, and capture's change of it is told. */
import type { LinkContext } from '../../domain/context.ts';
import type { ContactChange } from '../../schemas/change.ts';
import type { Side } from '../../schemas/value.ts';
import type { Happening, Plan } from './plan.ts';
import { preparePair } from './pairs.ts';
import { START, changeOf, valueOf, writeTo } from './records.ts';
import type { RecordState, Write } from './records.ts';

interface Known {
  readonly records: Readonly<Record<Side, RecordState>>;
  readonly newest: { [S in Side]?: ContactChange };
  edits: number;
}

export function* changesOf(plan: Plan, context: LinkContext): Generator<ContactChange> {
  const pairs = new Map<number, Known>();
  const knownOf = (number: number): Known => {
    const known = pairs.get(number) ?? { records: preparePair(context, plan, number).records, newest: {}, edits: 1 };
    pairs.set(number, known);
    return known;
  };
  for (const [index, happening] of plan.happenings.entries()) yield tell(happening, knownOf(happening.pair), index);
}

function tell({ kind, pair, side, group }: Happening, known: Known, index: number): ContactChange {
  const repeated = kind === 'duplicate' ? known.newest[side] : undefined;
  if (repeated) return repeated;
  const record = known.records[side];
  if (kind === 'edit' || kind === 'conflict') known.edits += 1;
  const write: Write | null = kind === 'finished' || kind === 'duplicate' ? null
    : { group, value: valueOf(group, pair, kind === 'outstanding' ? 1 : known.edits), at: START + index, ours: kind === 'outstanding' };
  if (write) writeTo(side, record, write);
  const change = changeOf(side, pair, record, `change-${index}`, write);
  known.newest[side] = change;
  return change;
}
