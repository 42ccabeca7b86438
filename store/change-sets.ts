/**
 * Change-sets: what waits for an operator's approval, and the counts by which it was found (domain/guards.ts). Counts are
 * of records, not of tries: a write that is repeated counts once.
 */
import type { Pool } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import type { IntegrationKey } from './integrations.ts';

export type ChangeSetKind = 'delete' | 'blanking' | 'same_value' | 'create' | 'merge' | 'canary';
export type ChangeSetState = 'open' | 'approved' | 'rejected';

export interface RiskEvent {
  readonly kind: ChangeSetKind;
  readonly riskKey: string;
  readonly linkId: string;
}
export interface RiskItem {
  readonly linkId: string;
  /** Empty for the record as a whole. */
  readonly group: string;
  readonly fingerprint: string;
}

/** Makes counting and recording one step for an integration, over processes; held to the end of the transaction. */
export function lockRisks(transaction: Transaction, key: IntegrationKey): void {
  transaction.send({ text: "select pg_advisory_xact_lock(hashtextextended('risks ' || $1 || '/' || $2, 2))", values: [key.tenantId, key.integrationId] });
}

/** Of these items, those that were approved exactly as they are, as `<link>/<group>/<fingerprint>`. */
export async function approvedItems(transaction: Transaction, key: IntegrationKey, items: readonly RiskItem[]): Promise<ReadonlySet<string>> {
  const { rows } = await transaction.query<{ item: string }>({
    text: `select i.link_id || '/' || i.risk_group || '/' || i.fingerprint as item
           from unnest($3::text[], $4::text[], $5::text[]) as n(link_id, risk_group, fingerprint)
             join change_set_items i on i.tenant_id = $1 and i.integration_id = $2 and i.link_id = n.link_id and i.risk_group = n.risk_group and i.fingerprint = n.fingerprint
             join change_sets s on s.tenant_id = i.tenant_id and s.integration_id = i.integration_id and s.change_set_id = i.change_set_id
           where s.state = 'approved'`,
    values: [key.tenantId, key.integrationId, items.map((one) => one.linkId), items.map((one) => one.group), items.map((one) => one.fingerprint)],
  });
  return new Set(rows.map(({ item }) => item));
}

export function itemName({ linkId, group, fingerprint }: RiskItem): string {
  return `${linkId}/${group}/${fingerprint}`;
}

/** How many other records did the same since then, by `<kind> <key>`. */
export async function countOthers(transaction: Transaction, key: IntegrationKey, events: readonly RiskEvent[], since: number): Promise<ReadonlyMap<string, number>> {
  const { rows } = await transaction.query<{ kind: string; risk_key: string; count: string }>({
    text: `select e.kind, e.risk_key, count(*) from risk_events e
             join (select distinct * from unnest($3::text[], $4::text[])) as n(kind, risk_key) using (kind, risk_key)
           where e.tenant_id = $1 and e.integration_id = $2 and e.happened_at > $5 and not e.link_id = any($6::text[])
           group by e.kind, e.risk_key`,
    values: [key.tenantId, key.integrationId, events.map((one) => one.kind), events.map((one) => one.riskKey), since, events.map((one) => one.linkId)],
  });
  return new Map(rows.map((row) => [`${row.kind} ${row.risk_key}`, Number(row.count)]));
}

/** Of these, what waits for an approval already, as `<kind> <key>`: more of the same waits with it. */
export async function waitingKinds(transaction: Transaction, key: IntegrationKey, events: readonly RiskEvent[]): Promise<ReadonlySet<string>> {
  const { rows } = await transaction.query<{ name: string }>({
    text: `select s.kind || ' ' || s.risk_key as name from change_sets s join (select distinct * from unnest($3::text[], $4::text[])) as n(kind, risk_key) using (kind, risk_key)
           where s.tenant_id = $1 and s.integration_id = $2 and s.state = 'open'`,
    values: [key.tenantId, key.integrationId, events.map((one) => one.kind), events.map((one) => one.riskKey)],
  });
  return new Set(rows.map(({ name }) => name));
}

/** Notes what goes out, and forgets what is older than the window. */
export function recordRisks(transaction: Transaction, key: IntegrationKey, events: readonly RiskEvent[], now: number, since: number): void {
  transaction.send({ text: "delete from risk_events where tenant_id = $1 and integration_id = $2 and happened_at <= $3 and kind <> 'canary'", values: [key.tenantId, key.integrationId, since] });
  if (events.length === 0) return;
  transaction.send({
    text: `insert into risk_events (tenant_id, integration_id, kind, risk_key, link_id, happened_at)
           select distinct $1, $2, n.kind, n.risk_key, n.link_id, $6::bigint from unnest($3::text[], $4::text[], $5::text[]) as n(kind, risk_key, link_id)
           on conflict (tenant_id, integration_id, kind, risk_key, link_id) do update set happened_at = excluded.happened_at`,
    values: [key.tenantId, key.integrationId, events.map((one) => one.kind), events.map((one) => one.riskKey), events.map((one) => one.linkId), now],
  });
}

export interface OpenedChangeSet {
  readonly kind: ChangeSetKind;
  readonly riskKey: string;
  readonly counted: number;
  readonly allowed: number;
}

/** The open change-set of a kind and key, opened if there is none; gives its id. */
export async function openChangeSet(transaction: Transaction, key: IntegrationKey, set: OpenedChangeSet, newId: string, now: number): Promise<string> {
  const { rows } = await transaction.query<{ change_set_id: string }>({
    text: `insert into change_sets as s (tenant_id, integration_id, change_set_id, kind, risk_key, counted, allowed, opened_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (tenant_id, integration_id, kind, risk_key) where state = 'open' do update set counted = greatest(s.counted, excluded.counted)
           returning change_set_id`,
    values: [key.tenantId, key.integrationId, newId, set.kind, set.riskKey, set.counted, set.allowed, now],
  });
  return rows[0]?.change_set_id ?? newId;
}

export function addItems(transaction: Transaction, key: IntegrationKey, changeSetId: string, items: readonly RiskItem[]): void {
  transaction.send({
    text: `insert into change_set_items (tenant_id, integration_id, change_set_id, link_id, risk_group, fingerprint)
           select $1, $2, $3, n.* from unnest($4::text[], $5::text[], $6::text[]) as n(link_id, risk_group, fingerprint)
           on conflict (tenant_id, integration_id, change_set_id, link_id, risk_group) do update set fingerprint = excluded.fingerprint`,
    values: [key.tenantId, key.integrationId, changeSetId, items.map((one) => one.linkId), items.map((one) => one.group), items.map((one) => one.fingerprint)],
  });
}

export interface StoredChangeSet extends IntegrationKey, OpenedChangeSet {
  readonly changeSetId: string;
  readonly state: ChangeSetState;
  readonly items: number;
  /** Changes with every item that comes, goes or is to be written otherwise; what is approved is what was shown. */
  readonly token: string;
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly closedBy: string | null;
}

interface Row {
  tenant_id: string; integration_id: string; change_set_id: string; kind: ChangeSetKind; risk_key: string; state: ChangeSetState; counted: number; allowed: number;
  opened_at: string; closed_at: string | null; closed_by: string | null; items: string; token: string;
}

const SELECT = `
  select s.*, i.items, i.token from change_sets s cross join lateral (
    select count(*) as items, count(*) || '-' || left(md5(coalesce(string_agg(link_id || '/' || risk_group || '/' || fingerprint, ' ' order by link_id, risk_group), '')), 12) as token
    from change_set_items i where i.tenant_id = s.tenant_id and i.integration_id = s.integration_id and i.change_set_id = s.change_set_id
  ) as i`;

function toChangeSet(row: Row): StoredChangeSet {
  return {
    tenantId: row.tenant_id, integrationId: row.integration_id, changeSetId: row.change_set_id, kind: row.kind, riskKey: row.risk_key, state: row.state,
    counted: row.counted, allowed: row.allowed, items: Number(row.items), token: row.token,
    openedAt: Number(row.opened_at), closedAt: row.closed_at === null ? null : Number(row.closed_at), closedBy: row.closed_by,
  };
}

export interface ChangeSetFilter {
  readonly tenantId: string | null;
  readonly integrationId: string | null;
  readonly state: ChangeSetState | null;
}

/** The newest first. */
export async function listChangeSets(pool: Pool, filter: ChangeSetFilter, limit: number): Promise<readonly StoredChangeSet[]> {
  const { rows } = await pool.query<Row>(
    `${SELECT} where ($1::text is null or s.tenant_id = $1) and ($2::text is null or s.integration_id = $2) and ($3::text is null or s.state = $3)
     order by s.opened_at desc, s.change_set_id desc limit $4`,
    [filter.tenantId, filter.integrationId, filter.state, limit]);
  return rows.map(toChangeSet);
}

/** By its id alone, as an operator copies it: ids are unique over all tenants. */
export async function readChangeSet(pool: Pool, changeSetId: string): Promise<StoredChangeSet | null> {
  const { rows } = await pool.query<Row>(`${SELECT} where s.change_set_id = $1`, [changeSetId]);
  return rows[0] ? toChangeSet(rows[0]) : null;
}

/** One page of items by link. */
export async function pageItems(pool: Pool, set: Pick<StoredChangeSet, 'tenantId' | 'integrationId' | 'changeSetId'>, afterLinkId: string, limit: number): Promise<readonly RiskItem[]> {
  const { rows } = await pool.query<{ link_id: string; risk_group: string; fingerprint: string }>(
    `select link_id, risk_group, fingerprint from change_set_items
     where tenant_id = $1 and integration_id = $2 and change_set_id = $3 and link_id > $4 order by link_id, risk_group limit $5`,
    [set.tenantId, set.integrationId, set.changeSetId, afterLinkId, limit]);
  return rows.map((row) => ({ linkId: row.link_id, group: row.risk_group, fingerprint: row.fingerprint }));
}

/** Closes an open change-set; false when it is not open any more, or not as it was shown. */
export async function closeChangeSet(transaction: Transaction, set: StoredChangeSet, state: Exclude<ChangeSetState, 'open'>, by: string, now: number): Promise<boolean> {
  lockRisks(transaction, set);
  const { rows } = await transaction.query<Row>({ text: `${SELECT} where s.tenant_id = $1 and s.integration_id = $2 and s.change_set_id = $3 and s.state = 'open'`, values: [set.tenantId, set.integrationId, set.changeSetId] });
  if (rows[0]?.token !== set.token) return false;
  transaction.send({
    text: 'update change_sets set state = $4, closed_at = $5, closed_by = $6 where tenant_id = $1 and integration_id = $2 and change_set_id = $3',
    values: [set.tenantId, set.integrationId, set.changeSetId, state, now, by],
  });
  return true;
}

/** Closed change-sets whose decision has not reached every record, because a process ended in between. */
export async function unsettledChangeSets(pool: Pool): Promise<readonly StoredChangeSet[]> {
  const { rows } = await pool.query<Row>(`${SELECT} where s.state <> 'open' and s.settled_at is null order by s.closed_at limit 100`);
  return rows.map(toChangeSet);
}

export async function markSettled(pool: Pool, set: Pick<StoredChangeSet, 'tenantId' | 'integrationId' | 'changeSetId'>, now: number): Promise<void> {
  await pool.query('update change_sets set settled_at = $4 where tenant_id = $1 and integration_id = $2 and change_set_id = $3', [set.tenantId, set.integrationId, set.changeSetId, now]);
}

export async function isCanaryApproved(transaction: Transaction, key: IntegrationKey, appliedAt: number): Promise<boolean> {
  const { rows } = await transaction.query<{ approved: boolean }>({ text: 'select canary_for = $3 as approved from integrations where tenant_id = $1 and integration_id = $2', values: [key.tenantId, key.integrationId, appliedAt] });
  return rows[0]?.approved === true;
}

/** The canary of the configuration that is applied is over; links that it put off are due at once. */
export function approveCanary(transaction: Transaction, key: IntegrationKey, appliedAt: number, now: number): void {
  transaction.send({ text: 'update integrations set canary_for = $3 where tenant_id = $1 and integration_id = $2 and applied_at = $3', values: [key.tenantId, key.integrationId, appliedAt] });
  transaction.send({ text: "delete from risk_events where tenant_id = $1 and integration_id = $2 and kind = 'canary'", values: [key.tenantId, key.integrationId] });
  transaction.send({ text: 'update links set due_at = $3 where tenant_id = $1 and integration_id = $2 and due_at > $3 and lease_until is null', values: [key.tenantId, key.integrationId, now] });
}

export async function countOpenChangeSets(pool: Pool): Promise<readonly (IntegrationKey & { readonly open: number })[]> {
  const { rows } = await pool.query<{ tenant_id: string; integration_id: string; open: string }>(
    "select tenant_id, integration_id, count(*) as open from change_sets where state = 'open' group by 1, 2");
  return rows.map((row) => ({ tenantId: row.tenant_id, integrationId: row.integration_id, open: Number(row.open) }));
}

/** How many pairs an integration has, for limits that are shares. */
export async function countPairs(transaction: Transaction, key: IntegrationKey): Promise<number> {
  const { rows } = await transaction.query<{ pairs: string }>({
    text: 'select count(*) as pairs from links where tenant_id = $1 and integration_id = $2 and bevatel_id is not null and external_id is not null', values: [key.tenantId, key.integrationId],
  });
  return Number(rows[0]?.pairs ?? 0);
}
