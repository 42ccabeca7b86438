/** An operator orders a comparison or a repair, or calls one off: a row that is taken up within a second, and its audit. */
import { inTransaction } from '../../../runtime/database.ts';
import { SyncError } from '../../../schemas/errors.ts';
import type { RepairBody } from '../../../schemas/verification.ts';
import { insertAudit } from '../../../store/audit.ts';
import { findCertificate } from '../../../store/certificates.ts';
import type { StoredIntegration } from '../../../store/integrations.ts';
import { newRun } from '../../../store/start-run.ts';
import type { StartDeps } from '../../../store/start-run.ts';
import { countRunning, findRun, insertRun, pruneRuns, stopRun } from '../../../store/verifications.ts';
import type { Run, RunOrder, RunScope } from '../../../store/verifications.ts';

/** So many comparisons and repairs of an integration at once, the sweep apart. */
const MAX_RUNNING = 10;

export function orderVerify(deps: StartDeps, stored: StoredIntegration, settleMs: number, actor: string): Promise<Run> {
  return begin(deps, stored, 'verify', { scope: { kind: 'all' }, settleMs, dryRun: false, includeGone: false, requestedBy: actor }, stored.integrationId);
}

/** Throws SyncError `not_found`, or `change_malformed` for a certificate of another integration. */
export async function orderRepair(deps: StartDeps, stored: StoredIntegration, body: RepairBody, actor: string): Promise<Run> {
  const { settleMs, dryRun, includeGone } = body;
  const scope = await scopeOf(deps, stored, body);
  const target = `${stored.integrationId}${scope.kind === 'all' ? '' : ` ${scope.kind}:${scope.kind === 'contact' ? scope.contactId : scope.certificateId}`}`;
  return begin(deps, stored, 'repair', { scope, settleMs, dryRun, includeGone, requestedBy: actor }, target);
}

async function scopeOf({ pool }: StartDeps, stored: StoredIntegration, { contact, certificate }: RepairBody): Promise<RunScope> {
  if (contact !== undefined) return { kind: 'contact', contactId: contact };
  if (certificate === undefined) return { kind: 'all' };
  const found = await findCertificate(pool, certificate);
  if (!found) throw new SyncError('not_found', `there is no certificate ${certificate}`);
  if (found.tenant !== stored.tenantId || found.integration !== stored.integrationId) throw new SyncError('change_malformed', `the certificate is of ${found.tenant}/${found.integration}`);
  return { kind: 'certificate', certificateId: found.id, listed: found.scope === 'integration' };
}

async function begin(deps: StartDeps, stored: StoredIntegration, kind: 'verify' | 'repair', order: RunOrder, target: string): Promise<Run> {
  if (await countRunning(deps.pool, stored) >= MAX_RUNNING) throw new SyncError('state_moved', `${MAX_RUNNING} comparisons of ${stored.tenantId}/${stored.integrationId} are under way; wait for them, or cancel them`);
  const run = await newRun(deps, stored, kind, order);
  await pruneRuns(deps.pool, stored, kind);
  await inTransaction(deps.pool, async (transaction) => {
    await insertRun(transaction, run);
    await insertAudit(transaction, { tenantId: run.tenantId, auditId: deps.newId(), actor: order.requestedBy, action: order.dryRun ? `${kind}.dry-run` : kind, target, doneAt: run.startedAt });
  });
  return existingRun(deps, run.runId);
}

/** Throws SyncError `not_found`, or `state_moved` when it has ended already. */
export async function cancelRun(deps: StartDeps, runId: string, actor: string): Promise<Run> {
  const run = await existingRun(deps, runId);
  const now = deps.clock();
  const isStopped = await inTransaction(deps.pool, async (transaction) => {
    if (!(await stopRun(transaction, run, { state: 'cancelled', error: null }, now))) return false;
    await insertAudit(transaction, { tenantId: run.tenantId, auditId: deps.newId(), actor, action: `${run.kind}.cancel`, target: runId, doneAt: now });
    return true;
  });
  if (!isStopped) throw new SyncError('state_moved', `it is ${run.state} already`);
  return existingRun(deps, runId);
}

/** Throws SyncError `not_found`. */
export async function existingRun({ pool }: Pick<StartDeps, 'pool'>, runId: string): Promise<Run> {
  const run = await findRun(pool, runId);
  if (!run) throw new SyncError('not_found', `there is no verification ${runId}`);
  return run;
}
