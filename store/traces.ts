/** Traces of a person beside the links. Each effect counts what it removed, for the receipt of an erasure. */
import type { Transaction } from '../runtime/database.ts';
import type { ErasurePlace } from '../schemas/erasure.ts';
import type { ErasureHead } from './erasures.ts';

export const TRACE_PLACES = ['match_keys', 'decisions', 'dead_letters', 'waiting_hints', 'change_sets'] as const satisfies readonly ErasurePlace[];
export type TracePlace = (typeof TRACE_PLACES)[number];

/** `recordKeys`: the message keys of the records, by which dead letters that nobody could attribute are found. */
export async function clearTraces(transaction: Transaction, erasure: ErasureHead, recordKeys: readonly string[]): Promise<Readonly<Record<TracePlace, number>>> {
  return {
    match_keys: await clearMatchKeys(transaction, erasure),
    decisions: await clearDecisions(transaction, erasure),
    dead_letters: await clearDeadLetters(transaction, erasure, recordKeys),
    waiting_hints: await clearWaitingHints(transaction, erasure),
    change_sets: await clearChangeSets(transaction, erasure),
  };
}

interface Ids {
  readonly linkIds: readonly string[];
  readonly integrationIds: readonly string[];
  readonly bevatelIds: readonly string[];
  /** Beside each its integration. */
  readonly externalIds: readonly string[];
  readonly externalIntegrationIds: readonly string[];
}

function idsOf({ records }: ErasureHead): Ids {
  const external = records.filter((one) => one.externalId !== null);
  return {
    linkIds: records.map((one) => one.linkId),
    integrationIds: records.map((one) => one.integrationId),
    bevatelIds: [...new Set(records.flatMap((one) => one.bevatelId ?? []))],
    externalIds: external.map((one) => one.externalId ?? ''),
    externalIntegrationIds: external.map((one) => one.integrationId),
  };
}

/** Who was held for one of these keys is looked at once more. */
async function clearMatchKeys(transaction: Transaction, erasure: ErasureHead): Promise<number> {
  const { linkIds, integrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ count: string }>({
    text: `with given_up as (
             delete from match_keys m using unnest($2::text[], $3::text[]) as n(integration_id, link_id)
             where m.tenant_id = $1 and m.integration_id = n.integration_id and m.link_id = n.link_id
             returning m.tenant_id, m.integration_id, m.match_key, m.link_id
           ), others as (
             insert into match_queue (tenant_id, integration_id, link_id, due_at)
             select distinct k.tenant_id, k.integration_id, k.link_id, $4::bigint
             from given_up g join match_keys k using (tenant_id, integration_id, match_key) where k.link_id <> g.link_id
             order by 1, 2, 3
             on conflict do nothing
           )
           select count(*) as count from given_up`,
    values: [erasure.tenantId, integrationIds, linkIds, erasure.requestedAt],
  });
  return Number(rows[0]?.count);
}

/**
 * What was decided stays, by which rule and when; values, times and actors of the edits go. Also of links that were absorbed
 * into one of these, which are found by the records' ids.
 */
async function clearDecisions(transaction: Transaction, erasure: ErasureHead): Promise<number> {
  const { linkIds, bevatelIds, externalIds, externalIntegrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ one: number }>({
    text: `update decisions d set groups = coalesce((
             select json_agg(json_strip_nulls(json_build_object('group', g.value -> 'group', 'verdict', g.value -> 'verdict', 'rule', g.value -> 'rule', 'conflict', g.value -> 'conflict', 'writeTo', g.value -> 'writeTo')) order by g.ordinality)
             from json_array_elements(d.groups) with ordinality as g), '[]'::json)
           where d.tenant_id = $1 and json_array_length(d.groups) > 0
             and (d.link_id = any($2) or d.bevatel_id = any($3)
               or exists (select from unnest($4::text[], $5::text[]) as n(integration_id, external_id) where d.integration_id = n.integration_id and d.external_id = n.external_id))
           returning 1 as one`,
    values: [erasure.tenantId, linkIds, bevatelIds, externalIntegrationIds, externalIds],
  });
  return rows.length;
}

/** The bytes go, and with them the way to replay. Letters that nobody could attribute are found by the key of their record. */
async function clearDeadLetters(transaction: Transaction, erasure: ErasureHead, recordKeys: readonly string[]): Promise<number> {
  const { bevatelIds, externalIds, externalIntegrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ one: number }>({
    text: `update dead_letters d set bytes = '', detail = null, status = 'erased', awaits_relay = false
           where d.status <> 'erased' and (
             (d.tenant_id = $1 and d.side = 'bevatel' and d.record_id = any($2))
             or exists (select from unnest($3::text[], $4::text[]) as n(integration_id, external_id)
                        where d.tenant_id = $1 and d.side = 'external' and (d.integration_id is null or d.integration_id = n.integration_id) and d.record_id = n.external_id)
             or (d.tenant_id is null and d.record_key = any($5::bytea[])))
           returning 1 as one`,
    values: [erasure.tenantId, bevatelIds, externalIntegrationIds, externalIds, recordKeys.map((key) => Buffer.from(key))],
  });
  return rows.length;
}

async function clearWaitingHints(transaction: Transaction, erasure: ErasureHead): Promise<number> {
  const { bevatelIds, externalIds, externalIntegrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ one: number }>({
    text: `delete from waiting_hints w
           where w.tenant_id = $1 and (
             (w.side = 'bevatel' and w.record_id = any($2))
             or exists (select from unnest($3::text[], $4::text[]) as n(integration_id, external_id) where w.side = 'external' and w.integration_id = n.integration_id and w.record_id = n.external_id))
           returning 1 as one`,
    values: [erasure.tenantId, bevatelIds, externalIntegrationIds, externalIds],
  });
  return rows.length;
}

/** Items and counts of guards hold fingerprints of the values that were to be written, which whoever tries values out could recognise. */
async function clearChangeSets(transaction: Transaction, erasure: ErasureHead): Promise<number> {
  const { linkIds, integrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ one: number }>({
    text: `with n as (select * from unnest($2::text[], $3::text[]) as n(integration_id, link_id)),
             events as (delete from risk_events e using n where e.tenant_id = $1 and e.integration_id = n.integration_id and e.link_id = n.link_id returning 1 as one),
             items as (delete from change_set_items i using n where i.tenant_id = $1 and i.integration_id = n.integration_id and i.link_id = n.link_id returning 1 as one)
           select one from events union all select one from items`,
    values: [erasure.tenantId, integrationIds, linkIds],
  });
  return rows.length;
}
