/** Decisions: one row per change and link, written with the state that they explain. */
import type { Pool } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import type { ContactDecision } from '../schemas/decision.ts';
import { bigintArray, jsonArray, textArray } from './binary-arrays.ts';

/** Where a decision came from, when the reconciler relays it itself; null leaves it to the sweep. */
export interface DecisionSource {
  readonly source: string;
  readonly offset: number;
}

export interface DecisionWrite {
  readonly decision: ContactDecision;
  readonly source: DecisionSource | null;
}

const INSERT = `
  insert into decisions (tenant_id, integration_id, link_id, decided_at, decision_id, bevatel_id, external_id, cause, cause_id, side, verdict, groups, source, source_offset, awaits_relay)
  select n.*, n.source is null from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::json[], $13::text[], $14::bigint[])
    as n(tenant_id, integration_id, link_id, decided_at, decision_id, bevatel_id, external_id, cause, cause_id, side, verdict, groups, source, source_offset)`;

export function insertDecisions(transaction: Transaction, writes: readonly DecisionWrite[]): void {
  if (writes.length === 0) return;
  const of = <T>(column: (decision: ContactDecision) => T): T[] => writes.map(({ decision }) => column(decision));
  transaction.send({
    name: 'insert-decisions',
    text: INSERT,
    values: [
      textArray(of((one) => one.tenantId)), textArray(of((one) => one.integrationId)), textArray(of((one) => one.linkId)), bigintArray(of((one) => one.decidedAt)),
      textArray(of((one) => one.decisionId)), textArray(of((one) => one.bevatelId)), textArray(of((one) => one.externalId)), textArray(of((one) => one.cause)),
      textArray(of((one) => one.causeId)), textArray(of((one) => one.side)), textArray(of((one) => one.verdict)), jsonArray(of((one) => JSON.stringify(one.groups))),
      textArray(writes.map(({ source }) => source?.source ?? null)), bigintArray(writes.map(({ source }) => source?.offset ?? null)),
    ],
  });
}

export interface DecisionRow {
  tenant_id: string; integration_id: string; link_id: string; decided_at: string; decision_id: string; bevatel_id: string | null; external_id: string | null;
  cause: ContactDecision['cause']; cause_id: string; side: ContactDecision['side']; verdict: ContactDecision['verdict']; groups: ContactDecision['groups']; source_offset: string | null;
}

export function toDecision(row: DecisionRow): ContactDecision {
  return {
    decisionId: row.decision_id, tenantId: row.tenant_id, integrationId: row.integration_id, linkId: row.link_id,
    bevatelId: row.bevatel_id, externalId: row.external_id, cause: row.cause, causeId: row.cause_id, side: row.side,
    verdict: row.verdict, groups: row.groups, decidedAt: Number(row.decided_at),
  };
}

/** Clocks of processes may differ: how far `decided_at` may lie before the mark that it is searched by (ms). */
const CLOCK_SLACK_MS = 3_600_000;

/** Committed decisions of one source that may not be on the topic yet: after a crash, in the order of their offsets. */
export async function unrelayedDecisions(pool: Pool, source: string, fromOffset: number, sinceMs: number): Promise<ContactDecision[]> {
  const { rows } = await pool.query<DecisionRow>(
    'select * from decisions where source = $1 and source_offset >= $2 and decided_at >= $3 order by source_offset, decision_id',
    [source, fromOffset, sinceMs - CLOCK_SLACK_MS],
  );
  return rows.map(toDecision);
}

/** Takes decisions that await the sweep, publishes them, and marks them; another sweep passes them over meanwhile. */
export async function relayAwaiting(transaction: Transaction, limit: number, publish: (decisions: readonly ContactDecision[]) => Promise<void>): Promise<number> {
  const { rows } = await transaction.query<DecisionRow & { ctid: string; partition: string }>({
    name: 'awaiting-relay', text: 'select ctid, tableoid::regclass::text as partition, * from decisions where awaits_relay order by decided_at, decision_id limit $1 for update skip locked', values: [limit],
  });
  if (rows.length === 0) return 0;
  await publish(rows.map(toDecision));
  // A row's place names it within its partition only; what is relayed at once lies in one, or around midnight in two.
  for (const [partition, own] of Map.groupBy(rows, (row) => row.partition)) {
    transaction.send({ text: `update ${partition} set awaits_relay = false where ctid = any($1::tid[])`, values: [own.map((row) => row.ctid)] });
  }
  return rows.length;
}

/** The newest decisions of a link, the newest first. Ids of links are unique over all integrations. */
export async function decisionsOfLink(pool: Pool, { tenantId, linkId }: { readonly tenantId: string; readonly linkId: string }, limit: number): Promise<ContactDecision[]> {
  const { rows } = await pool.query<DecisionRow>({
    name: 'decisions-of-link', text: 'select * from decisions where tenant_id = $1 and link_id = $2 order by decided_at desc, decision_id desc limit $3', values: [tenantId, linkId, limit],
  });
  return rows.map(toDecision);
}
