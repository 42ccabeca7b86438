/** Replays dead letters: the original bytes under the original key to the original partition and topic (I8). */
import type { Pool } from 'pg';
import { inTransaction } from '../../../runtime/database.ts';
import type { Message, Publisher } from '../../../runtime/publisher.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { insertAudit } from '../../../store/audit.ts';
import { openDeadLetterIds, replayOnce } from '../../../store/dead-letters.ts';
import type { WholeDeadLetter } from '../../../store/dead-letters.ts';

export interface ReplayDeps {
  readonly pool: Pool;
  readonly publisher: Publisher;
  readonly clock: () => number;
  readonly newId: () => string;
}

export interface ReplayOrder {
  readonly id?: string | undefined;
  readonly code?: string | undefined;
  readonly tenant?: string | undefined;
  readonly integration?: string | undefined;
  readonly dryRun: boolean;
}

/** How many letters one order replays. */
const MAX_BULK = 10_000;

export async function replayDeadLetters(deps: ReplayDeps, order: ReplayOrder, actor: string): Promise<{ dryRun: boolean; matched: number; replayed: number }> {
  const filter = { tenantId: order.tenant ?? null, integrationId: order.integration ?? null, code: order.code ?? null };
  const ids = order.id === undefined ? await openDeadLetterIds(deps.pool, filter, MAX_BULK) : [order.id];
  if (order.dryRun) return { dryRun: true, matched: ids.length, replayed: 0 };
  let replayed = 0;
  for (const id of ids) {
    const outcome = await replayLetter(deps, id, actor);
    if (outcome === 'REPLAYED') replayed += 1;
    else if (order.id !== undefined) throw refusal(id, outcome);
  }
  return { dryRun: false, matched: ids.length, replayed };
}

type Outcome = 'REPLAYED' | 'NOT_FOUND' | 'replayed' | 'superseded' | 'open';

async function replayLetter(deps: ReplayDeps, id: string, actor: string): Promise<Outcome> {
  return inTransaction(deps.pool, async (transaction) => {
    const outcome = await replayOnce(transaction, id, (letter) => deps.publisher.publish([messageOf(letter)]));
    if (outcome.kind === 'NOT_FOUND') return 'NOT_FOUND';
    if (outcome.kind === 'NOT_OPEN') return outcome.status;
    await insertAudit(transaction, { tenantId: outcome.letter.tenantId ?? '', auditId: deps.newId(), actor, action: 'dead-letter.replay', target: id, doneAt: deps.clock() });
    return 'REPLAYED';
  });
}

/** Keys are bytes to the client, whatever the type of our own messages says: a poison record's need not be text. */
function messageOf({ topic, partition, key, bytes }: WholeDeadLetter): Message {
  return { topic, partition, key: key as unknown as Message['key'], value: bytes };
}

function refusal(id: string, outcome: Exclude<Outcome, 'REPLAYED'>): SyncError {
  if (outcome === 'NOT_FOUND') return new SyncError('not_found', `there is no dead letter ${id}`);
  return new SyncError('state_moved', `dead letter ${id} is ${outcome} already`);
}
