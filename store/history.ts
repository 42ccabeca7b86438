/**
 * Decisions read back: page by page by key, the newest or the oldest first, and all of a few links.
 *
 * A key is (decided_at, decision_id). Every statement names a time span, so that partitions outside it are not looked at.
 */
import type { Pool, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import type { ContactDecision } from '../schemas/decision.ts';
import { toDecision } from './decisions.ts';
import type { DecisionRow } from './decisions.ts';
import type { IntegrationKey } from './integrations.ts';

/** A pool, or a transaction that must see what it has locked. */
export interface Queries {
  query<R extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<R>>;
}

/** From `since`, before `until` (epoch ms). */
export interface TimeSpan {
  readonly since: number;
  readonly until: number;
}

export interface DecisionKey {
  readonly decidedAt: number;
  readonly decisionId: string;
}

export interface HistoryFilter extends TimeSpan {
  readonly tenantId: string | null;
  readonly integrationId: string | null;
}

/** The newest first; `before` is the last key of the page before. */
export async function newestDecisions(pool: Pool, filter: HistoryFilter, before: DecisionKey | null, limit: number): Promise<ContactDecision[]> {
  const end = endOf(filter, before);
  const { rows } = await pool.query<DecisionRow>({
    name: 'newest-decisions',
    text: `select d.* from integrations i cross join lateral (
             select * from decisions
             where tenant_id = i.tenant_id and integration_id = i.integration_id and decided_at >= $3 and decided_at <= $4 and (decided_at, decision_id) < ($4, $5)
             order by decided_at desc, decision_id desc limit $6) as d
           where ($1::text is null or i.tenant_id = $1) and ($2::text is null or i.integration_id = $2)
           order by d.decided_at desc, d.decision_id desc limit $6`,
    values: [filter.tenantId, filter.integrationId, filter.since, end.decidedAt, end.decisionId, limit],
  });
  return rows.map(toDecision);
}

/** As `newestDecisions`, of these links only. */
export async function newestOfLinks(pool: Pool, tenantId: string, linkIds: readonly string[], span: TimeSpan, before: DecisionKey | null, limit: number): Promise<ContactDecision[]> {
  const end = endOf(span, before);
  const { rows } = await pool.query<DecisionRow>({
    name: 'newest-of-links',
    text: `select d.* from unnest($2::text[]) as k(link_id) cross join lateral (
             select * from decisions
             where tenant_id = $1 and link_id = k.link_id and decided_at >= $3 and decided_at <= $4 and (decided_at, decision_id) < ($4, $5)
             order by decided_at desc, decision_id desc limit $6) as d
           order by d.decided_at desc, d.decision_id desc limit $6`,
    values: [tenantId, linkIds, span.since, end.decidedAt, end.decisionId, limit],
  });
  return rows.map(toDecision);
}

/** Nothing has an empty id, so that a span's end itself is outside. */
function endOf({ until }: TimeSpan, before: DecisionKey | null): DecisionKey {
  return before ?? { decidedAt: until, decisionId: '' };
}

/** One page of an integration, the oldest first; `after` is the last key of the page before. */
export async function oldestDecisions(pool: Pool, { tenantId, integrationId }: IntegrationKey, span: TimeSpan, after: DecisionKey | null, limit: number): Promise<ContactDecision[]> {
  const begin = after ?? { decidedAt: span.since, decisionId: '' };
  const { rows } = await pool.query<DecisionRow>({
    name: 'oldest-decisions',
    text: `select * from decisions
           where tenant_id = $1 and integration_id = $2 and decided_at >= $3 and (decided_at, decision_id) > ($3, $4) and decided_at < $5
           order by decided_at, decision_id limit $6`,
    values: [tenantId, integrationId, begin.decidedAt, begin.decisionId, span.until, limit],
  });
  return rows.map(toDecision);
}

/** Longer histories than anybody follows: a link that has more was fought over. */
const PER_LINK = 2_000;

/** What is kept of each link, the oldest first; of one with more than 2,000 decisions the newest. */
export async function decisionsOfLinks(queries: Queries, tenantId: string, linkIds: readonly string[]): Promise<ReadonlyMap<string, readonly ContactDecision[]>> {
  const { rows } = await queries.query<DecisionRow>({
    name: 'decisions-of-links',
    text: `select d.* from unnest($2::text[]) as k(link_id) cross join lateral (
             select * from decisions where tenant_id = $1 and link_id = k.link_id order by decided_at desc, decision_id desc limit ${PER_LINK}) as d
           order by d.link_id, d.decided_at, d.decision_id`,
    values: [tenantId, linkIds],
  });
  return Map.groupBy(rows.map(toDecision), ({ linkId }) => linkId);
}

/** Since when all decisions of an integration are kept (epoch ms); 0 where none was ever deleted, null where there is no such integration. */
export async function historySince(pool: Pool, { tenantId, integrationId }: IntegrationKey): Promise<number | null> {
  const { rows } = await pool.query<{ since: string }>('select coalesce(history_since, 0) as since from integrations where tenant_id = $1 and integration_id = $2', [tenantId, integrationId]);
  return rows[0] ? Number(rows[0].since) : null;
}
