/** Lets an erased person in again, who comes back willingly: the hashes go, and the records that were kept out are read anew. */
import { inTransaction } from '../../../runtime/database.ts';
import type { Transaction } from '../../../runtime/database.ts';
import type { Codec } from '../../../runtime/codec.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import type { LiftAnswer } from '../../../schemas/api-deletes.ts';
import type { ContactHint } from '../../../schemas/change.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { HINTS_TOPIC, hintKey, topicName } from '../../../schemas/topics.ts';
import { insertAudit } from '../../../store/audit.ts';
import { liftErasure } from '../../../store/erasures.ts';
import type { LiftOutcome } from '../../../store/erasures.ts';
import type { ResolveDeps } from '../conflicts/resolve-conflict.ts';

export interface LiftDeps extends Pick<ResolveDeps, 'pool' | 'clock' | 'newId'> {
  readonly publisher: Publisher;
  readonly encodeHint: Codec<ContactHint>['encode'];
  readonly topicPrefix: string;
}

export interface LiftOrder {
  readonly tenant: string;
  readonly id: string;
  readonly dryRun: boolean;
}

/** Ends a transaction of which only the outcome was wanted. */
class Looked extends Error {
  readonly answer: LiftAnswer;

  constructor(answer: LiftAnswer) {
    super('dry run');
    this.answer = answer;
  }
}

/** Throws SyncError `not_found`, or `state_moved` when it was lifted before or is not through yet. */
export async function liftOrder(deps: LiftDeps, order: LiftOrder, actor: string): Promise<LiftAnswer> {
  const answer = await inTransaction(deps.pool, (transaction) => lift(transaction, deps, order, actor)).catch((error: unknown) => {
    if (error instanceof Looked) return error.answer;
    throw error;
  });
  if (!answer.dryRun) await readAnew(deps, answer);
  return answer;
}

async function lift(transaction: Transaction, deps: LiftDeps, order: LiftOrder, actor: string): Promise<LiftAnswer> {
  const now = deps.clock();
  const lifted = succeeded(await liftErasure(transaction, order.tenant, order.id, actor, now), order.id);
  await insertAudit(transaction, { tenantId: order.tenant, auditId: deps.newId(), actor, action: 'contact.erase.lift', target: order.id, doneAt: now });
  const answer: LiftAnswer = {
    id: order.id, tenant: order.tenant, dryRun: order.dryRun, hashes: lifted.hashes,
    records: lifted.links.flatMap(({ integrationId, bevatelId, externalId }) => [
      ...(bevatelId === null ? [] : [{ side: 'bevatel' as const, integration: integrationId, id: bevatelId }]),
      ...(externalId === null ? [] : [{ side: 'external' as const, integration: integrationId, id: externalId }]),
    ]),
  };
  if (order.dryRun) throw new Looked(answer);
  return answer;
}

function succeeded(outcome: LiftOutcome, id: string): Extract<LiftOutcome, { kind: 'LIFTED' }> {
  switch (outcome.kind) {
    case 'LIFTED': return outcome;
    case 'NOT_FOUND': throw new SyncError('not_found', `there is no erasure ${id}`);
    case 'LIFTED_BEFORE': throw new SyncError('state_moved', 'it was lifted before');
    case 'UNDER_WAY': throw new SyncError('state_moved', 'its traces are still being cleared, or a system has not answered yet');
    default: return outcome satisfies never;
  }
}

/** A record that is gone for good is read as that; the others come in like new ones. */
async function readAnew(deps: LiftDeps, { tenant, records }: LiftAnswer): Promise<void> {
  const now = deps.clock();
  const hints = records.map(({ side, integration, id }): ContactHint => ({
    hintId: deps.newId(), tenantId: tenant, side, integrationId: integration, recordId: id, lane: 'repair', origin: 'operator', event: 'changed',
    field: null, value: null, revision: null, occurredAt: null, receivedAt: now, mergedInto: null,
  }));
  const topic = topicName(deps.topicPrefix, HINTS_TOPIC);
  await deps.publisher.publish(hints.map((hint) => ({ topic, key: hintKey(hint), value: deps.encodeHint(hint) })));
}
