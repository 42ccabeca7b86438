/** Starts runs: how a row of store/verifications.ts begins. Whoever runs operate goes on with it within a second. */
import type { Pool } from 'pg';
import { EMPTY_TALLY } from '../domain/tally.ts';
import { inTransaction } from '../runtime/database.ts';
import type { Transaction } from '../runtime/database.ts';
import { insertAudit } from './audit.ts';
import { countLinksOf } from './conflicts.ts';
import { listIntegrations } from './integrations.ts';
import type { StoredIntegration } from './integrations.ts';
import { rulesFingerprint } from './rules-fingerprint.ts';
import { insertRun, isRepairing } from './verifications.ts';
import type { NewRun, RunKind, RunOrder } from './verifications.ts';

/** The actor of what nobody ordered. */
export const SERVICE = 'service';

export interface StartDeps {
  readonly pool: Pool;
  readonly clock: () => number;
  readonly newId: () => string;
}

export async function newRun({ pool, clock, newId }: StartDeps, { tenantId, integrationId, config }: StoredIntegration, kind: RunKind, order: RunOrder): Promise<NewRun> {
  const total = await countLinksOf(pool, { tenantId, integrationId });
  const now = clock();
  return {
    tenantId, integrationId, runId: newId(), kind, order, fingerprint: rulesFingerprint(config), total, tally: EMPTY_TALLY,
    phase: order.scope.kind === 'all' ? 'bevatel' : 'links', nextAt: now, startedAt: now,
  };
}

/** A repair that began so lately will find what is missing now. */
const LATELY_MS = 600_000;
/** What was asked for is looked at again for so long. */
const SETTLE_MS = 60_000;

/**
 * Something was lost that nobody can name: every integration is compared and repaired, once, and that is audited. In one
 * transaction with `effect`, which makes the loss final.
 */
export async function repairAll(deps: StartDeps, cause: string, effect: (transaction: Transaction) => void): Promise<void> {
  const order: RunOrder = { scope: { kind: 'all' }, settleMs: SETTLE_MS, dryRun: false, includeGone: false, requestedBy: SERVICE };
  const runs = await Promise.all((await listIntegrations(deps.pool)).map((stored) => newRun(deps, stored, 'repair', order)));
  await inTransaction(deps.pool, async (transaction) => {
    for (const run of runs) {
      if (await isRepairing(transaction, run, SERVICE, run.startedAt - LATELY_MS)) continue;
      await insertRun(transaction, run);
      await insertAudit(transaction, { tenantId: run.tenantId, auditId: deps.newId(), actor: SERVICE, action: 'repair', target: `${run.integrationId} ${cause}`, doneAt: run.startedAt });
    }
    effect(transaction);
  });
}
