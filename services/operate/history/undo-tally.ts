/** Counts an undo: how much of what, with samples, and every field by name that moved after its preview. */
import type { Link } from '../../../domain/link.ts';
import type { UndoPlan, UndoSkipped } from '../../../domain/undo.ts';
import type { UndoResult } from '../../../schemas/api-history.ts';
import { valuesOf } from '../conflicts/conflict-view.ts';

export interface UndoTally {
  count(link: Link, plan: UndoPlan, moved: readonly UndoSkipped[]): void;
  result(): UndoResult;
}

type Frame = Pick<UndoResult, 'undoId' | 'token' | 'tenant' | 'integrations' | 'since' | 'until'>;
type Who = Pick<UndoResult['samples'][number], 'tenant' | 'integration' | 'linkId' | 'bevatelId' | 'externalId'>;

const SAMPLES = 20;
const MOVED_NAMED = 1_000;

export function createUndoTally(frame: Frame): UndoTally {
  const result: UndoResult = {
    kind: 'undo', ...frame, fields: 0, links: 0, byGroup: {}, bySide: {}, samples: [], skipped: {}, skippedSamples: [], moved: 0, movedFields: [], created: {}, createdSamples: [],
  };
  return {
    count: (link, plan, moved) => {
      const who = { tenant: link.tenantId, integration: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId };
      result.links += plan.fields.length > 0 ? 1 : 0;
      countFields(result, who, plan);
      for (const { group, side, reason } of plan.skipped) {
        add(result.skipped, reason);
        keep(result.skippedSamples, SAMPLES, { ...who, group, side, reason });
      }
      result.moved += moved.length;
      for (const { group, side, reason } of moved) keep(result.movedFields, MOVED_NAMED, { ...who, group, side, reason });
      for (const side of plan.created) {
        add(result.created, side);
        keep(result.createdSamples, SAMPLES, { ...who, side });
      }
    },
    result: () => result,
  };
}

function countFields(result: UndoResult, who: Who, { fields }: UndoPlan): void {
  for (const { group, side, present, back, rule } of fields) {
    result.fields += 1;
    add(result.byGroup, group);
    add(result.bySide, side);
    keep(result.samples, SAMPLES, { ...who, group, side, present: valuesOf(present), back: valuesOf(back), rule });
  }
}

function add(tally: Record<string, number>, name: string): void {
  tally[name] = (tally[name] ?? 0) + 1;
}

function keep<T>(list: T[], most: number, one: T): void {
  if (list.length < most) list.push(one);
}
