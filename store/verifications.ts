/**
 * Runs of verify, repair and sweep as rows: what was ordered, how far it came, what it found. A step is stored by
 * compare-and-set together with its doubts (store/doubts.ts), so that a run goes on where it was, in whatever process.
 */
import type { Pool, QueryConfig } from 'pg';
import type { Tally } from '../domain/tally.ts';
import type { Transaction } from '../runtime/database.ts';
import type { ApiError } from '../schemas/api.ts';
import type { ErrorCode } from '../schemas/errors.ts';
import type { IntegrationKey } from './integrations.ts';

export const RUN_KINDS = ['verify', 'repair', 'sweep'] as const;
export type RunKind = (typeof RUN_KINDS)[number];
export type RunState = 'running' | 'done' | 'failed' | 'cancelled';
/** What is walked, in this order: what each side lists, then the links. */
export type RunPhase = 'bevatel' | 'external' | 'links' | 'end';

export type RunScope =
  | { readonly kind: 'all' }
  /** What a certificate left open; `listed`: its run had listed both sides. */
  | { readonly kind: 'certificate'; readonly certificateId: string; readonly listed: boolean }
  /** The links of a contact by either of its ids, or the record without a link. */
  | { readonly kind: 'contact'; readonly contactId: string };

export interface RunOrder {
  readonly scope: RunScope;
  /** How long doubts are looked at again, after everything was asked for (ms). */
  readonly settleMs: number;
  /** Nothing is asked for; what would be is counted. */
  readonly dryRun: boolean;
  /** Records that vanished by the hundred are read as well. */
  readonly includeGone: boolean;
  readonly requestedBy: string;
}

export interface RunKey extends IntegrationKey {
  readonly runId: string;
}

export interface Settling {
  readonly until: number;
  /** The last doubt looked at in this round. */
  readonly after: readonly [subject: string, id: string] | null;
  readonly round: number;
  /** Doubts of this round whose read could not be asked for yet. */
  readonly backlog: number;
}

/** Why the next step waits, and until when as far as is known (epoch ms). */
export interface RunWaiting {
  readonly code: ErrorCode;
  readonly since: number;
  readonly until: number;
}

/** How far a run has come; what a step moves. */
export interface RunProgress {
  readonly phase: RunPhase;
  readonly cursor: string | null;
  readonly settling: Settling | null;
  readonly tally: Tally;
  /** Not before (our clock). */
  readonly nextAt: number;
}

export interface Run extends RunKey, RunProgress {
  readonly kind: RunKind;
  readonly order: RunOrder;
  readonly fingerprint: string;
  readonly state: RunState;
  readonly total: number;
  readonly step: number;
  readonly waiting: RunWaiting | null;
  readonly startedAt: number;
  readonly updatedAt: number;
  readonly finishedAt: number | null;
  readonly error: ApiError | null;
}

interface Row {
  tenant_id: string; integration_id: string; run_id: string; kind: RunKind; run_order: RunOrder; fingerprint: string; state: RunState; phase: RunPhase;
  cursor: string | null; settling: Settling | null; tally: Tally; total: string; step: string; next_at: string; waiting: RunWaiting | null;
  started_at: string; updated_at: string; finished_at: string | null; error: ApiError | null;
}

function toRun(row: Row): Run {
  return {
    tenantId: row.tenant_id, integrationId: row.integration_id, runId: row.run_id, kind: row.kind, order: row.run_order, fingerprint: row.fingerprint,
    state: row.state, phase: row.phase, cursor: row.cursor, settling: row.settling, tally: row.tally, total: Number(row.total), step: Number(row.step),
    nextAt: Number(row.next_at), waiting: row.waiting, startedAt: Number(row.started_at), updatedAt: Number(row.updated_at),
    finishedAt: row.finished_at === null ? null : Number(row.finished_at), error: row.error,
  };
}

export type NewRun = Pick<Run, 'tenantId' | 'integrationId' | 'runId' | 'kind' | 'order' | 'fingerprint' | 'phase' | 'tally' | 'total' | 'nextAt' | 'startedAt'>;

/** `HAS_ONE`: a sweep of the integration is under way already. */
export type StartOutcome = 'STARTED' | 'HAS_ONE';

export async function insertRun(database: { query(statement: QueryConfig): Promise<{ rowCount: number | null }> }, run: NewRun): Promise<StartOutcome> {
  const { rowCount } = await database.query({
    text: `insert into verifications (tenant_id, integration_id, run_id, kind, run_order, fingerprint, phase, tally, total, next_at, started_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) on conflict do nothing`,
    values: [
      run.tenantId, run.integrationId, run.runId, run.kind, JSON.stringify(run.order), run.fingerprint, run.phase, JSON.stringify(run.tally), run.total, run.nextAt, run.startedAt,
    ],
  });
  return rowCount === 1 ? 'STARTED' : 'HAS_ONE';
}

/** Runs by their own id alone, as an operator copies it: ids are unique over all tenants. */
export async function findRun(pool: Pool, runId: string): Promise<Run | null> {
  const { rows } = await pool.query<Row>('select * from verifications where run_id = $1', [runId]);
  return rows[0] ? toRun(rows[0]) : null;
}

/** The keys of all runs that are under way, the oldest first. */
export async function runningKeys(pool: Pool): Promise<readonly RunKey[]> {
  const { rows } = await pool.query<Pick<Row, 'tenant_id' | 'integration_id' | 'run_id'>>({
    name: 'running-verifications', text: "select tenant_id, integration_id, run_id from verifications where state = 'running' order by started_at, run_id",
  });
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, runId: row.run_id }));
}

/** Every run that is under way, the oldest first. */
export async function runningRuns(pool: Pool): Promise<readonly Run[]> {
  const { rows } = await pool.query<Row>("select * from verifications where state = 'running' order by started_at, run_id");
  return rows.map(toRun);
}

/** The newest first. */
export async function listRuns(pool: Pool, filter: { readonly tenantId: string | null; readonly integrationId: string | null; readonly limit: number }): Promise<readonly Run[]> {
  const { rows } = await pool.query<Row>(
    `select * from verifications where ($1::text is null or tenant_id = $1) and ($2::text is null or integration_id = $2)
     order by started_at desc, run_id desc limit $3`,
    [filter.tenantId, filter.integrationId, filter.limit]);
  return rows.map(toRun);
}

/** `appliedAt`: the integration as the step's transaction sees it; null when it is gone. */
export type AdvanceOutcome = { readonly kind: 'ADVANCED'; readonly appliedAt: number | null } | { readonly kind: 'NOT_OURS' };

const STILL_RUNNING = "tenant_id = $1 and integration_id = $2 and run_id = $3 and step = $4 and state = 'running'";

/** The first statement of a step's transaction. `NOT_OURS`: another process went on, or it was cancelled; then nothing of the step counts. */
export async function advanceRun(transaction: Transaction, run: RunKey & { readonly step: number }, progress: RunProgress, now: number): Promise<AdvanceOutcome> {
  const { rows } = await transaction.query<{ applied_at: string | null }>({
    name: 'advance-verification',
    text: `update verifications v set phase = $5, cursor = $6, settling = $7, tally = $8, next_at = $9, step = step + 1, waiting = null, updated_at = $10
           where ${STILL_RUNNING}
           returning (select i.applied_at from integrations i where i.tenant_id = $1 and i.integration_id = $2)`,
    values: [
      run.tenantId, run.integrationId, run.runId, run.step, progress.phase, progress.cursor, progress.settling && JSON.stringify(progress.settling),
      JSON.stringify(progress.tally), progress.nextAt, now,
    ],
  });
  const row = rows[0];
  return row ? { kind: 'ADVANCED', appliedAt: row.applied_at === null ? null : Number(row.applied_at) } : { kind: 'NOT_OURS' };
}

export type EndOutcome = 'ENDED' | 'NOT_OURS';

/** Ends a run that is at its last step; with its certificate in one transaction. */
export async function endRun(transaction: Transaction, run: RunKey & { readonly step: number }, now: number): Promise<EndOutcome> {
  const { rowCount } = await transaction.query({
    text: `update verifications set state = 'done', step = step + 1, waiting = null, updated_at = $5, finished_at = $5 where ${STILL_RUNNING}`,
    values: [run.tenantId, run.integrationId, run.runId, run.step, now],
  });
  return rowCount === 1 ? 'ENDED' : 'NOT_OURS';
}

/** Ends a run for good without a certificate; false when it had ended already. */
export async function stopRun(database: { query(statement: QueryConfig): Promise<{ rowCount: number | null }> }, key: RunKey, end: { readonly state: 'failed' | 'cancelled'; readonly error: ApiError | null }, now: number): Promise<boolean> {
  const { rowCount } = await database.query({
    text: `with stopped as (
             update verifications set state = $4, error = $5, waiting = null, updated_at = $6, finished_at = $6
             where tenant_id = $1 and integration_id = $2 and run_id = $3 and state = 'running' returning 1
           ), forgotten as (
             delete from verification_doubts where tenant_id = $1 and integration_id = $2 and run_id = $3 and exists (select from stopped)
           )
           select from stopped`,
    values: [key.tenantId, key.integrationId, key.runId, end.state, end.error && JSON.stringify(end.error), now],
  });
  return rowCount === 1;
}

/** Says why the run waits (I10); its next step takes it back. */
export async function noteWaiting(pool: Pool, key: RunKey, waiting: RunWaiting): Promise<void> {
  await pool.query(
    "update verifications set waiting = $4 where tenant_id = $1 and integration_id = $2 and run_id = $3 and state = 'running'",
    [key.tenantId, key.integrationId, key.runId, JSON.stringify(waiting)]);
}

/** Whether a whole repair, asked for by this actor, has begun since then and is under way. */
export async function isRepairing(transaction: Transaction, key: IntegrationKey, requestedBy: string, since: number): Promise<boolean> {
  const { rowCount } = await transaction.query({
    text: `select from verifications where tenant_id = $1 and integration_id = $2 and state = 'running' and kind = 'repair'
             and run_order->>'requestedBy' = $3 and run_order->'scope'->>'kind' = 'all' and started_at >= $4 limit 1`,
    values: [key.tenantId, key.integrationId, requestedBy, since],
  });
  return (rowCount ?? 0) > 0;
}

/** So many ended runs of an integration are kept by kind, those with a certificate and those without apart. */
const KEPT: Readonly<Record<RunKind, number>> = { verify: 200, repair: 200, sweep: 50 };

/** Forgets all but the newest ended runs of a kind, with their doubts and certificates. */
export async function pruneRuns(pool: Pool, key: IntegrationKey, kind: RunKind): Promise<void> {
  await pool.query(
    `with old as (
       delete from verifications v using (
         select o.run_id, row_number() over (partition by o.state = 'done' order by o.started_at desc, o.run_id desc) as age
         from verifications o where o.tenant_id = $1 and o.integration_id = $2 and o.kind = $3 and o.state <> 'running') as aged
       where v.tenant_id = $1 and v.integration_id = $2 and v.run_id = aged.run_id and aged.age > $4
       returning v.run_id
     ), doubts as (
       delete from verification_doubts d using old where d.tenant_id = $1 and d.integration_id = $2 and d.run_id = old.run_id
     )
     delete from certificates c using old where c.tenant_id = $1 and c.integration_id = $2 and c.certificate_id = old.run_id`,
    [key.tenantId, key.integrationId, kind, KEPT[kind]]);
}

/** Of each integration: when its newest sweep began, and whether one is under way. */
export async function sweepStarts(pool: Pool): Promise<readonly (IntegrationKey & { readonly startedAt: number; readonly isRunning: boolean })[]> {
  const { rows } = await pool.query<{ tenant_id: string; integration_id: string; started_at: string; is_running: boolean }>(
    `select tenant_id, integration_id, max(started_at) as started_at, bool_or(state = 'running') as is_running
     from verifications where kind = 'sweep' group by tenant_id, integration_id order by tenant_id, integration_id`);
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, startedAt: Number(row.started_at), isRunning: row.is_running }));
}

/** How many comparisons and repairs of an integration are under way. */
export async function countRunning(pool: Pool, key: IntegrationKey): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(
    "select count(*) from verifications where tenant_id = $1 and integration_id = $2 and state = 'running' and kind <> 'sweep'", [key.tenantId, key.integrationId]);
  return Number(rows[0]?.count);
}
