/** Sends each group of each record there and back with the core itself, and counts what does not come back. */
import { gives, standingOf } from '../../../domain/filter.ts';
import type { Values } from '../../../domain/lens.ts';
import type { MappedLens, Mapping } from '../../../domain/lenses/mapping.ts';
import { roundTrip } from '../../../domain/lenses/round-trip.ts';
import { pick } from '../../../domain/link.ts';
import type { Lint } from '../../../schemas/api.ts';
import type { Integration } from '../../../schemas/integration.ts';
import type { RecordImage } from '../../../schemas/record.ts';
import { otherSide, SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { maskedList } from './mask.ts';

export interface LintTally {
  record(side: Side, record: RecordImage): void;
  lint(): Lint;
}

type Field = Lint['fields'][number];

const SAMPLES_PER_REASON = 3;

export function createLintTally({ tenant, integration }: Pick<Integration, 'tenant' | 'integration'>, mapping: Mapping): LintTally {
  const fields = new Map<string, Field>(mapping.lenses.map((rule) => [rule.lens.name, fieldOf(rule)]));
  const records = { bevatel: 0, external: 0 };
  const outside = { bevatel: 0, external: 0 };
  const samples: Lint['samples'] = [];

  function group(side: Side, rule: MappedLens, record: RecordImage): void {
    const counts = fields.get(rule.lens.name)?.[side];
    const values = pick(record.values, rule.lens.fields[side]);
    if (!counts || !values || values.length === 0 || !gives(rule, side, record.values, mapping)) return;
    const trip = roundTrip(rule, side, values);
    if (trip.kind === 'empty') return;
    counts.values += 1;
    if (trip.kind === 'lost') lose(side, rule.lens.name, record.id, trip.reason, values, trip.back);
    else {
      counts.survive += 1;
      if (trip.isRewritten) counts.rewritten += 1;
    }
  }
  function lose(side: Side, name: string, recordId: string, reason: string, values: Values, back: Values | null): void {
    const counts = fields.get(name)?.[side];
    if (!counts) return;
    counts.losses[reason] = (counts.losses[reason] ?? 0) + 1;
    if (counts.losses[reason] <= SAMPLES_PER_REASON) samples.push({ side, recordId, group: name, reason, value: maskedList(values), back: back && maskedList(back) });
  }
  return {
    record(side, record) {
      records[side] += 1;
      if (standingOf(side, record.values, mapping) === 'outside') {
        outside[side] += 1;
        return;
      }
      for (const rule of mapping.lenses) group(side, rule, record);
    },
    lint: () => ({
      tenant, integration,
      ok: [...fields.values()].every((field) => SIDES.every((side) => Object.keys(field[side]?.losses ?? {}).length === 0)),
      records, outside, fields: [...fields.values()], samples,
    }),
  };
}

/** A side has counts where the group goes from there. */
function fieldOf({ lens, direction }: MappedLens): Field {
  const of = (side: Side): Field[Side] => ((direction === 'both' || direction === `to_${otherSide(side)}`) && lens.fields[side].length > 0
    ? { values: 0, survive: 0, rewritten: 0, losses: {} } : null);
  return { group: lens.name, direction, mayLose: direction === 'both' ? lens.loses ?? null : null, bevatel: of('bevatel'), external: of('external') };
}
