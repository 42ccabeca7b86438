/** What a system does with a merge by the product, at the moment at which it arrives. */
import { SyncError } from '../../schemas/errors.ts';
import type { MergeOp, WriteOutcome } from '../../schemas/record.ts';
import { stateOf } from './record.ts';
import { isLive } from './system.ts';
import type { SimulatedSystem } from './system.ts';
import { author } from './write.ts';

export function serveMerge(system: SimulatedSystem, { attemptId, id, into }: MergeOp): WriteOutcome {
  const loser = system.find(id);
  const life = loser ? stateOf(loser).life : 'erased';
  if (typeof life === 'object') return { attemptId, kind: 'gone', how: 'merged', mergedInto: life.mergedInto };
  if (!loser || life !== 'live') return { attemptId, kind: 'gone', how: life === 'deleted' ? 'deleted' : 'not_found', mergedInto: null };
  const survivor = system.find(into);
  if (!survivor || !isLive(survivor)) return { attemptId, kind: 'rejected', error: new SyncError('value_rejected', 'no such survivor'), fields: [] };
  return { attemptId, kind: 'merged', survivor: system.merge(loser, survivor, author(system)).id };
}
