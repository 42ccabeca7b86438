/** What a system does with a removal by the product, at the moment at which it arrives. */
import { SyncError } from '../../schemas/errors.ts';
import type { RemoveOp, WriteOutcome } from '../../schemas/record.ts';
import { imageOf, revisionOf, stateOf } from './record.ts';
import type { SimulatedSystem } from './system.ts';
import { author } from './write.ts';
import type { WriteFacts } from './write.ts';

export function serveRemoval(system: SimulatedSystem, op: RemoveOp, facts: WriteFacts): WriteOutcome {
  const { attemptId, way } = op;
  const { capabilities } = system;
  const isUnbound = way !== 'erase' && capabilities.conditionalWrites && op.condition === null;
  if (!capabilities.removals.ways.includes(way) || isUnbound) return { attemptId, kind: 'rejected', error: new SyncError('value_rejected', 'not in this way'), fields: [] };
  const record = system.find(op.id);
  if (!record) return { attemptId, kind: 'gone', how: 'not_found', mergedInto: null };
  const state = stateOf(record);
  if (typeof state.life === 'object') return { attemptId, kind: 'gone', how: 'merged', mergedInto: state.life.mergedInto };
  if (state.life === 'erased' || (state.life === 'deleted' && way !== 'erase')) {
    return state.life === 'deleted' || way === 'erase' ? { attemptId, kind: 'removed' } : { attemptId, kind: 'gone', how: system.name === 'bevatel' ? 'erased' : 'not_found', mergedInto: null };
  }
  if (op.condition !== null && op.condition !== revisionOf(capabilities, state)) {
    return { attemptId, kind: 'moved', record: imageOf(record.id, state, capabilities, facts.fields, false) };
  }
  system.remove(record, { attempt: attemptId, integration: facts.integration, sentAt: facts.sentAt, way }, author(system));
  return { attemptId, kind: 'removed' };
}
