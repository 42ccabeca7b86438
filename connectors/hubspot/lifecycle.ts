/**
 * `lifecyclestage` only moves forward: HubSpot keeps the later stage without a word when it is written back. To go back
 * it must be cleared first and then written (fact sheet §7). The answer to a write tells whether that is needed.
 */
import { z } from 'zod';
import type { CallOptions, WriteOp, WriteOutcome } from '../connector.ts';
import { isSyncError, SyncError } from '../../schemas/errors.ts';
import { CONTACTS_PATH } from './paths.ts';
import type { ReadParts } from './read.ts';
import type { HubSpotRecord } from './record.ts';
import { revisionOf, zRecord } from './record.ts';

export const STAGE_PROPERTY = 'lifecyclestage';

interface KeptStage {
  readonly attemptId: string;
  readonly id: string;
  readonly stage: string;
}

/** Writes the stages that HubSpot kept in two further calls; the outcomes then tell the stage that was reached. */
export async function finishStages(parts: ReadParts, operations: readonly WriteOp[], outcomes: readonly WriteOutcome[], options: CallOptions): Promise<readonly WriteOutcome[]> {
  const sent = new Map(operations.map((operation) => [operation.attemptId, operation.values[STAGE_PROPERTY]]));
  const kept = outcomes.flatMap((outcome): KeptStage[] => {
    const stage = sent.get(outcome.attemptId);
    if (outcome.kind !== 'applied' || typeof stage !== 'string' || stage === '') return [];
    const stored = outcome.record.values[STAGE_PROPERTY];
    return stored === undefined || stored === stage ? [] : [{ attemptId: outcome.attemptId, id: outcome.record.id, stage }];
  });
  if (kept.length === 0) return outcomes;
  const finished = await rewriteStages(parts, kept, options);
  return outcomes.map((outcome) => {
    const end = finished.get(outcome.attemptId);
    if (outcome.kind !== 'applied' || end === undefined) return outcome;
    return end instanceof SyncError ? { attemptId: outcome.attemptId, kind: 'unknown', error: end } : { ...outcome, record: withStage(outcome.record, end) };
  });
}

function withStage(image: Extract<WriteOutcome, { kind: 'applied' }>['record'], record: HubSpotRecord): typeof image {
  const stage = record.properties[STAGE_PROPERTY];
  return { ...image, revision: revisionOf(record), modifiedAt: record.updatedAt, values: { ...image.values, [STAGE_PROPERTY]: stage ? stage : null } };
}

async function rewriteStages(parts: ReadParts, kept: readonly KeptStage[], options: CallOptions): Promise<ReadonlyMap<string, HubSpotRecord | SyncError>> {
  try {
    await writeStages(parts, kept.map((item) => ({ ...item, stage: '' })), options);
    const reached = await writeStages(parts, kept, options);
    return new Map(kept.map(({ attemptId }) => [attemptId, reached.get(attemptId) ?? unanswered()]));
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return new Map(kept.map(({ attemptId }) => [attemptId, unanswered(error)]));
  }
}

function unanswered(cause?: SyncError): SyncError {
  return new SyncError('write_unanswered', 'The stage was cleared but perhaps not written', { operation: 'batch_update', cause });
}

async function writeStages(parts: ReadParts, stages: readonly KeptStage[], options: CallOptions): Promise<Map<string, HubSpotRecord>> {
  const body = { inputs: stages.map(({ attemptId, id, stage }) => ({ id, properties: { [STAGE_PROPERTY]: stage }, objectWriteTraceId: attemptId })) };
  const answer = await parts.client.call({ operation: 'batch_update', method: 'POST', path: `${CONTACTS_PATH}/batch/update`, body, kind: 'calls', isWrite: true }, options);
  const parsed = z.object({ results: z.array(zRecord) }).safeParse(answer.body);
  return new Map((parsed.success ? parsed.data.results : []).flatMap((record) => (record.objectWriteTraceId ? [[record.objectWriteTraceId, record]] : [])));
}
